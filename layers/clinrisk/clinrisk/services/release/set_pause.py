"""Set Pause: no results of a use case go out any more, or they do again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import ledger
from clinrisk.aws.tables import pauses
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.release import change_mails
from clinrisk.core.release.ledger_entries import PauseEntry, ResumeEntry
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChangeRefused
from clinrisk.messages.release import ChangeResult, Pause

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.mails import Mail
    from clinrisk.messages.release import SetPauseRequest


def set_pause(request: SetPauseRequest, now: datetime) -> ChangeResult:
    """Begin or end a pause, and return the mail; raises ChangeRefused where it is so already.

    A repeated call completes what an earlier one began.
    """
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
    pause, mine = pauses.last(request.use_case), _facts(request)
    if pause is not None and not pause.ended_by and pauses.end(pause, mine["execution"]):
        pause = pauses.last(request.use_case)
    if pause is None or pause.ended_by != mine["execution"]:
        raise ChangeRefused(f"The results of {request.use_case} are not paused. See: clinrisk live")
    ledger.append(ResumeEntry(paused_since=pause.since, resumed_at=now, **mine))
    title = use_cases.get(request.use_case).title
    return change_mails.resumed(title, pause, request.person, request.reason)


def _facts(request: SetPauseRequest) -> dict[str, Any]:
    return request.model_dump(include={"use_case", "person", "reason"}) | {
        "execution": request.execution or ""
    }
