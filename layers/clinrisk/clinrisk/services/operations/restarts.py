"""Restarts: what starts a thing again that stands still, each time under a name of that attempt.

Whatever is started twice is done once: an execution of a name is one, a version is claimed once, results are
published under the batch's own id, a mail is noted before it is sent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from clinrisk.aws import stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import slots, uploads
from clinrisk.services.operations import batch_scorings, open_questions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from clinrisk.core.operations.stuck_work import InboxVersion
    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.operations import Stuck


def start(one: Stuck, inbox: Mapping[str, InboxVersion], now: datetime) -> str:
    """Start something again, and return the execution; for results that are only mailed, where they lie."""
    attempt = one.starts + 1
    slots.count_start(one.subject, attempt, now)
    if one.kind in _OTHERS:
        return _OTHERS[one.kind](one, attempt)
    # A file: it is read as if it had just arrived.
    name = f"again-{one.subject}-{attempt}"
    return stepfunctions.start(settings().ingest_state_machine, name, _event(inbox[one.subject]))


def _event(one: InboxVersion) -> dict[str, Any]:
    """Return the event of a file in the inbox, as S3 would send it."""
    item = {"key": one.key, "version-id": one.version_id, "size": one.size}
    detail = {"bucket": {"name": settings().inbox_bucket}, "object": item}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def _score(one: Stuck, attempt: int) -> str:
    batch, again = _settlement(one), f"again{attempt}"
    given = {
        "upload": uploads.as_upload(batch, settings().inbox_bucket).model_dump(),
        "rows_accepted": batch.rows_accepted,
        "attempt": again,
    }
    name = f"{one.use_case}-{one.subject}-{again}"
    return stepfunctions.start(settings().scoring_state_machine, name, given)


def _announce(one: Stuck, _attempt: int) -> str:
    return batch_scorings.announce(_settlement(one))


def _settlement(one: Stuck) -> Settlement:
    settlement = uploads.settlement_of(one.subject)
    assert settlement is not None  # noqa: S101 - it was listed from its settlement
    return settlement


def _join(one: Stuck, attempt: int) -> str:
    name = f"{one.use_case}-joins-{one.subject}-{attempt}"
    return stepfunctions.start(settings().monitoring_state_machine, name, {"use_case": one.use_case})


def _train(one: Stuck, attempt: int) -> str:
    died = one.kind == "training_died"
    # As long as the name of every run, however often runs have died one after the other.
    digits = hashlib.sha256(f"{one.subject} {attempt}".encode()).hexdigest()[:10]
    name = f"{one.use_case}-{digits}"
    reason = f"run {one.subject} had died" if died else f"no run had read upload {one.subject}"
    given = {"use_case": one.use_case, "reason": reason}
    return stepfunctions.start(settings().training_state_machine, name, given)


_OTHERS: Mapping[str, Callable[[Stuck, int], str]] = {
    "not_scored": _score,
    "not_announced": _announce,
    "not_joined": _join,
    "not_trained": _train,
    "training_died": _train,
    "question_without_workflow": open_questions.close,
    "workflow_without_question": open_questions.ask_again,
}
