"""Set Pause: no results of a use case go out any more, or they do again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import ledger
from clinrisk.aws.tables import change_questions, pauses
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.release import change_mails
from clinrisk.core.release.change_entries import PauseEntry, ResumeEntry
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChangeRefused
from clinrisk.messages.live_changes import ChangeResult, Pause
from clinrisk.services.release.approvers import countersignatures

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.mails import Mail
    from clinrisk.messages.live_changes import SetPauseRequest


def set_pause(request: SetPauseRequest, now: datetime) -> ChangeResult:
    """Begin a pause, ask an approver whether it may end, or end it, and return the mail.

    Raises ChangeRefused where it is so already, or where no approver has agreed to the end, and
    DecisionForged where the answer does not carry the signature of the approval page. A repeated call
    completes what an earlier one began.
    """
    if request.change == "ASK_RESUME":
        countersignatures.ask_about_resumption(request, now)
        return ChangeResult(subject="", message="")
    mail = _pause(request, stamp(now)) if request.change == "PAUSE" else _resume(request, stamp(now))
    emit(Metric.SCORING_PAUSED, int(request.change == "PAUSE"), use_case=request.use_case)
    return ChangeResult(subject=mail.subject, message=mail.text)


def _pause(request: SetPauseRequest, now: str) -> Mail:
    asked = Pause(since=now, **_facts(request))
    pauses.begin(asked)
    kept = pauses.current(request.use_case)
    if kept is None or kept.execution != asked.execution:
        raise ChangeRefused(f"The results of {request.use_case} are paused already. See: clinrisk live")
    ledger.append(PauseEntry(**kept.model_dump(exclude={"ended_by"})))
    return change_mails.paused(use_cases.get(request.use_case).title, kept)


def _resume(request: SetPauseRequest, now: str) -> Mail:
    """End the pause that an approver has agreed to end; who asked and why is what that person was shown."""
    mine = countersignatures.resumption_id(request.use_case, request.execution or "")
    question = change_questions.find(mine)
    countersignatures.check_countersigned(question)
    asked = question.pause
    assert asked is not None  # noqa: S101 - it is about one
    # Whether this call ends it or another of the same execution has, the pause says by which it ended.
    pauses.end(asked, question.execution)
    pause = pauses.last(request.use_case)
    if pause is None or pause.since != asked.since:
        raise ChangeRefused(f"Another pause of {request.use_case} has begun. See: clinrisk live")
    if pause.ended_by != question.execution:
        raise ChangeRefused(f"The results of {request.use_case} are not paused. See: clinrisk live")
    entry = question.model_dump(include={"use_case", "person", "reason", "execution", "change_id"})
    ledger.append(ResumeEntry(paused_since=pause.since, resumed_at=now, **entry))
    return change_mails.resumed(use_cases.get(request.use_case).title, pause, question)


def _facts(request: SetPauseRequest) -> dict[str, Any]:
    return request.model_dump(include={"use_case", "person", "reason"}) | {
        "execution": request.execution or ""
    }
