"""A model that is not ours on moto: its predictions and outcomes dropped, its reference asked about."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cli.local_files import synthetic_cohort
from clinrisk.core import object_keys
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import enrolled
from tests.integration.inbox_files import Ingest
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    import datetime as dt

    from tests.integration.conftest import Stack

NAME = "readmission"
CODE = b"the job code"
CODE_DIGEST = hashlib.sha256(CODE).hexdigest()


def drop(stack: Stack, purpose: str, name: str, data: bytes) -> tuple[Any, Any]:
    """Drop a file and ingest it; gives the upload and how it was committed."""
    return Ingest.of(stack, f"inbox/{NAME}/{purpose}/{name}.csv", data, execution=name).run()


def send_month(
    stack: Stack, day: dt.date, *, rows: int, seed: int, shift: str | None = None, name: str = ""
) -> str:
    """Drop predictions made on a day and what became of the patients; gives the id of the predictions."""
    made = {"rows": rows, "seed": seed, "shift": shift, "on": day}
    predicted, settled = drop(
        stack,
        "predictions",
        f"{name or day}-p",
        synthetic_cohort.draw(NAME, purpose="predictions", **made),  # type: ignore[arg-type]
    )
    assert settled["disposition"] == "ACCEPTED", stack.read_json(settled["receipt"]["uri"])
    known, _ = drop(
        stack,
        "outcomes",
        f"{name or day}-o",
        synthetic_cohort.draw(NAME, purpose="outcomes", **made),  # type: ignore[arg-type]
    )
    joined = stack.call("join_outcomes", {"use_case": NAME, "upload_id": known["upload_id"]})
    assert (joined["joined"], joined["unmatched"]) == (rows, 0)
    return str(predicted["upload_id"])


class AskedReference(RequestedApproval):
    """A reference whose approver has mail, and a browser that follows the link in it."""

    def __init__(self, stack: Stack, run_id: str = f"{NAME}-0123456789", **given: Any) -> None:
        self.stack = stack
        self.phone = enrolled(stack, use_cases=(NAME,))
        stack.put("lake", object_keys.job_code(CODE_DIGEST), CODE)
        event = {"use_case": NAME, "run_id": run_id, "cohort": "Discharges of January"}
        self.reference = stack.call("evaluate_reference", event | {"code_digest": CODE_DIGEST} | given)
        shown = ("use_case", "run_id", "package_arn", "package_version", "digests", "summary", "unmet")
        asked = {name: self.reference[name] for name in (*shown, "evaluation_uri", "report_uri")}
        token = {"task_token": WaitingExecution(stack, run_id).token}
        self.approval_id = stack.call("request_approval", asked | token)["approval_id"]
        (self.mail,) = [one for one in stack.mails() if "/approvals/" in one["Message"]]
        found = re.search(r"https://\S+", self.mail["Message"])
        assert found is not None
        self.link = urlsplit(found.group())
        self.carried = {"shown": "", "nonce": "0"}

    def promote(self) -> Any:
        """Make the reference live under its approval."""
        left_out = {"summary", "unmet", "report_uri", "asked_by"}
        event = {name: value for name, value in self.reference.items() if name not in left_out}
        return self.stack.call("promote_candidate", event | {"approval_id": self.approval_id})
