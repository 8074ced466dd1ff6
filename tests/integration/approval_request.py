"""An approver with mail: the question asked, the link followed, the form filled in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from tests.integration.approver_phone import enrolled
from tests.integration.trained_candidate import RUN, TrainedCandidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.integration.conftest import Stack


class RequestedApproval:
    """A candidate whose approver has mail, and a browser that follows the link in it."""

    def __init__(
        self,
        stack: Stack,
        token: str = "token",  # noqa: S107 - no secret: moto never sees it
        run_id: str = RUN,
        champion: int = 0,
        sources: Mapping[str, str] | None = None,
        *,
        asked_by: str = "",
    ) -> None:
        self.stack = stack
        self.phone = enrolled(stack)
        self.candidate = TrainedCandidate(stack, run_id=run_id, champion=champion, sources=sources)
        self.judgement = stack.call("judge_candidate", self.candidate.judge_event())
        self.package = self.candidate.register(self.judgement)
        event = self.candidate.approval_event(self.judgement, self.package, token)
        self.approval_id = stack.call("request_approval", event | {"asked_by": asked_by})["approval_id"]
        (self.mail,) = [one for one in stack.mails() if "/approvals/" in one["Message"]]
        found = re.search(r"https://\S+", self.mail["Message"])
        assert found is not None
        self.link = urlsplit(found.group())
        self.carried = {"shown": "", "nonce": "0"}

    def open(self, method: str = "GET", query: str | None = None, form: dict[str, str] | None = None) -> Any:
        """Send one request to the page."""
        return self.stack.call("decide_approval", self.event(method, query, form))

    def event(
        self, method: str, query: str | None = None, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the HTTP API's event of one request."""
        return {
            "version": "2.0",
            "rawQueryString": self.link.query if query is None else query,
            "pathParameters": {"approval_id": self.approval_id},
            "requestContext": {"http": {"method": method}, "requestId": "request-1"},
            "body": urlencode(form) if form is not None else None,
            "isBase64Encoded": False,
        }

    def carry(self) -> dict[str, str]:
        """Open the page and read what its form carries; once decided, that of an older page is kept."""
        kinds = r'type="(?:hidden|checkbox)" name="(\w+)" value="([0-9a-f]+|yes)"'
        fields = re.findall(kinds, self.open()["body"])
        self.carried = dict(fields) or self.carried
        return self.carried

    def answer(self, decision: str = "approve", **changes: str) -> Any:
        """Fill in the form of the page and send it."""
        written = {"decision": decision, "version": "1", "reason": "Well calibrated in women too."}
        form = written | self.carry() | {"code": self.phone.code()}
        return self.open("POST", form=form | changes)

    def promote(self) -> Any:
        """Promote the candidate under its approval."""
        event = self.candidate.promote_event(self.judgement, self.package, self.approval_id)
        return self.stack.call("promote_candidate", event)
