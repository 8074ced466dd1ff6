"""Personal links: what is asked, whom, until when, and a MAC over all of it.

The MAC is made by the signing key in KMS. A forged or altered link opens nothing, and a link that one
approver got opens nothing for another one. Whoever it belongs to is read anew at every request: a link ends
when its approver is removed. What a link alone allows is to read; `answer_check` has what it takes to
decide.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from clinrisk.aws import kms
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvers
from clinrisk.core import digests
from clinrisk.errors import ApproverInvalid, DecisionInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.messages.live_changes import ChangeQuestion

_NOT_OURS = "This link is not one that we sent, or it was altered on the way."


@dataclass(frozen=True)
class LinkedPage:
    """What a link is about: its path, until when it works, and the digest of what it is good for."""

    path: str
    expires_at: int
    """Seconds since 1970."""
    about: str


def question(approval: Approval) -> LinkedPage:
    """Return what the links to a question are about: this candidate and its evidence."""
    about = digests.digest_of(approval.digests.model_dump())
    return LinkedPage(f"/approvals/{quote(approval.approval_id)}", approval.expires_at, about)


def change(asked: ChangeQuestion) -> LinkedPage:
    """Return what the links about a change that is to be countersigned are about."""
    facts = asked.model_dump(include={"change_id", "change", "person", "reason", "asked_at", "live_version"})
    return LinkedPage(f"/changes/{quote(asked.change_id)}", asked.expires_at, digests.digest_of(facts))


def enrolment(approver: Approver) -> LinkedPage:
    """Return what the link of the newest invitation is about."""
    path = f"/approvers/{quote(approver.approver_id)}"
    return LinkedPage(path, approver.invited_until, f"invitation {approver.invitation}")


def link(page: LinkedPage, approver: Approver) -> str:
    """Return the address of a page for one approver."""
    return f"{settings().approval_api_url}{page.path}?{_query(page, approver.approver_id)}"


def reader(page: LinkedPage, query: Mapping[str, str]) -> Approver:
    """Return the approver whose genuine link this is, expired or not; raises DecisionInvalid."""
    approver_id = query.get("approver", "")
    same = hmac.compare_digest(
        _mac(page, approver_id).encode(), query.get("mac", "").encode(errors="surrogatepass")
    )
    if not same or query.get("expires", "") != str(page.expires_at):
        raise DecisionInvalid(_NOT_OURS)
    try:
        approver = approvers.find(approver_id)
    except ApproverInvalid as error:
        raise DecisionInvalid(_NOT_OURS) from error
    if approver.state == approvers.REMOVED:
        raise DecisionInvalid("The person that this link was sent to is no approver any more.")
    return approver


def paper(page: LinkedPage, approver: Approver, name: str) -> str:
    """Return the address of a paper behind the same link, relative to the page."""
    return f"?{_query(page, approver.approver_id)}&{urlencode({'paper': name})}"


def nonce(mac: str, evidence: str) -> str:
    """Return the form's nonce for the evidence on its page: only who holds the link can know it.

    >>> nonce("a", "e") == nonce("a", "e"), nonce("a", "e") in {nonce("b", "e"), nonce("a", "f")}
    (True, False)
    """
    return hmac.new(
        mac.encode(errors="surrogatepass"), f"clinrisk approval form|{evidence}".encode(), hashlib.sha256
    ).hexdigest()


def _query(page: LinkedPage, approver_id: str) -> str:
    given = {"approver": approver_id, "expires": page.expires_at, "mac": _mac(page, approver_id)}
    return urlencode(given)


def _mac(page: LinkedPage, approver_id: str) -> str:
    # The prefix keeps these MACs apart from the pseudonym keys that the same key derives.
    parts = ("personal link", page.path, approver_id, str(page.expires_at), page.about)
    made = kms.mac("|".join(parts[:1]) + "|" + digests.digest_of(parts))
    return base64.urlsafe_b64encode(made).decode().rstrip("=")
