"""A change that approvers are asked to countersign: the mail, the link followed, the form filled in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from clinrisk.aws import dynamodb
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import LiveModel, Rollback
from clinrisk.services.release.approvers import countersignatures
from tests.integration.approver_phone import enrolled
from tests.integration.events import read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

PAUSE = read_event("set_pause.heart")
_PERSON = "arn:aws:iam::123456789012:user/kim"
_DIGESTS = dict.fromkeys(
    (
        *("model", "manifest", "evaluation", "report", "model_card", "model_card_chai"),
        *("model_card_hti1", "code", "features"),
    ),
    "a" * 64,
)


class AskedChange:
    """An approver who has mail about a change, and a browser that follows the link in the newest one."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.phone = stack, enrolled(stack)
        self.mail = [one for one in stack.mails() if "/changes/" in one["Message"]][-1]
        found = re.search(r"https://\S+", self.mail["Message"])
        assert found is not None
        self.link = urlsplit(found.group())
        self.change_id = self.link.path.rpartition("/")[2]

    def open(self, method: str = "GET", form: dict[str, str] | None = None, query: str | None = None) -> Any:
        """Send one request to the page."""
        event = {
            "version": "2.0",
            "rawQueryString": self.link.query if query is None else query,
            "pathParameters": {"change_id": self.change_id},
            "requestContext": {"http": {"method": method}, "requestId": "request-1"},
            "body": urlencode(form) if form is not None else None,
            "isBase64Encoded": False,
        }
        return self.stack.call("decide_approval", event)

    def carry(self) -> dict[str, str]:
        """Open the page and return what its form carries."""
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([0-9a-f]+)"', self.open()["body"]))

    def answer(self, answer: str = "agree", **changes: str) -> Any:
        """Fill in the form of the page and send it."""
        form = {"answer": answer, "reason": "Seen with the laboratory."} | self.carry()
        return self.open("POST", form | {"code": self.phone.code()} | changes)


def went_live(stack: Stack, live_version: int, rollback: Rollback | None = None) -> LiveModel:
    """Let the live pointer name a version, with no more behind it than the page shows."""
    model = LiveModel.model_validate(
        {
            "use_case": "heart",
            "run_id": "heart-1111111111",
            "package_arn": "arn:package",
            "package_version": 1,
            "digests": _DIGESTS | {"image": "i", "threshold": "0.3", "champion_version": "0"},
            "evaluation_uri": "s3://lake/evaluation.json",
            "model_name": "model",
            "threshold": 0.3,
            "model_uri": "s3://lake/model.tar.gz",
            "reference_uri": "s3://lake/reference.json",
            "live_version": live_version,
            "previous_version": live_version - 1,
            "feature_digest": "f" * 64,
            "approval_id": "a",
            "promoted_at": stamp(datetime.now(UTC)),
            "rollback": rollback,
        }
    )
    item = dynamodb.key_of(("USE_CASE#heart", "LIVE")) | model.model_dump()
    dynamodb.write(stack.environment["DEPLOYMENTS_TABLE"], item)
    return model


def asked_about_rollback(stack: Stack, person: str = _PERSON) -> AskedChange:
    """Let version 3 be live, which restores version 1 in place of 2, and ask approvers about it."""
    enrolled(stack)
    rollback = Rollback(restores=1, person=person, reason="Too few women are flagged.", execution="change-1")
    countersignatures.ask_about_rollback(went_live(stack, 3, rollback))
    return AskedChange(stack)


def asked_to_resume(stack: Stack, token: str = "token", execution: str = "resume-1") -> AskedChange:  # noqa: S107 - no secret
    """Pause heart where it is not paused, and ask an approver to end that."""
    enrolled(stack)
    if not stack.ledger("paused"):
        stack.call("set_pause", PAUSE | {"execution": "pause-1"})
    ask(stack, token, execution)
    return AskedChange(stack)


def ask(stack: Stack, token: str = "token", execution: str = "resume-1") -> Any:  # noqa: S107 - no secret
    """Ask approvers to let results go out again."""
    given = {"change": "ASK_RESUME", "reason": "The units are as before.", "task_token": token}
    return stack.call("set_pause", PAUSE | given | {"execution": execution})


def resume(stack: Stack, execution: str = "resume-1") -> Any:
    """End the pause, as the workflow does once it goes on."""
    return stack.call("set_pause", PAUSE | {"change": "RESUME", "execution": execution})
