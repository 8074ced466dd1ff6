"""One request to a page behind a personal link: who opens it, what was sent, and how it is refused."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.aws import telemetry
from clinrisk.core.release.page import approval_page
from clinrisk.errors import ClinriskError, DecisionInvalid
from clinrisk.services.release.approvers import personal_links

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.core.release.page.approval_page import Page

METHODS = frozenset({"GET", "HEAD", "POST"})


@dataclass(frozen=True)
class Visit:
    """One request of an approver whose link is genuine."""

    approver: Approver
    query: Mapping[str, str]
    form: Mapping[str, str]
    now: datetime

    def nonce(self, shown: str) -> str:
        """Return what the form of a page carries that shows this digest; only the link's holder knows it."""
        return personal_links.nonce(self.query["mac"], shown)

    def check_form(self) -> None:
        """Pass silently when the form is one that the link opens; raises DecisionInvalid."""
        nonce = self.nonce(self.form.get("shown", ""))
        if not hmac.compare_digest(self.form.get("nonce", "").encode(), nonce.encode()):
            raise DecisionInvalid("The form did not come from the page that the link opens.")


def no_such_method() -> Page:
    """Return the page for a request that neither looks nor answers."""
    return approval_page.notice(405, "This page cannot do that", "Open the link from the mail again.")


def refusal(error: ClinriskError) -> Page:
    """Return the page that states in plain words why nothing is shown, and that nothing was changed."""
    if isinstance(error, DecisionInvalid):
        telemetry.logger().warning("approval page refused", extra={"reason": str(error)})
        return approval_page.notice(403, "There is nothing to decide here", f"{error} Nothing was changed.")
    telemetry.logger().error("approval page failed", extra={"error": type(error).__name__})
    text = f"{error} Nothing was changed. Please tell the operators of the system."
    return approval_page.notice(409, "The evidence cannot be shown", text)
