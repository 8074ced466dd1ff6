"""Open Questions: which of them nobody waits for, which releases wait for none, and what is done about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, change_questions, stops
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.operations import stuck_questions
from clinrisk.errors import DecisionInvalid, DecisionMissing
from clinrisk.messages.live_changes import ROLL_BACK
from clinrisk.messages.operations import AnnounceStopRequest, EndedJob
from clinrisk.services.operations import announce_stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.messages.operations import Stuck

_MOST_RELEASES = 1000
_LOST = "QuestionLost"


def standing_still(now: datetime, patience: timedelta) -> list[Stuck]:
    """Return the questions whose release has ended, and the releases whose question is not open."""
    asked = [
        one
        for name in use_cases.names()
        for one in approvals.unanswered(name)
        # Questions of earlier editions of this system do not name their execution.
        if one.status == approvals.PENDING and one.execution
    ]
    lost = [_lost(one) for one in asked if stepfunctions.has_ended(one.execution)]
    return [*lost, *_unasked({one.execution for one in asked}, now, patience)]


def not_countersigned(now: datetime) -> list[Stuck]:
    """Return the rollbacks that nobody has countersigned in time; a metric counts them per use case."""
    found = []
    for name in use_cases.names():
        waiting = change_questions.waiting(name, now.timestamp())
        overdue = [one for one in waiting if one.change == ROLL_BACK and one.due_at <= now.timestamp()]
        emit(Metric.COUNTERSIGNATURES_OVERDUE, len(overdue), use_case=name)
        found += [stuck_questions.not_countersigned(one) for one in overdue]
    return found


def _lost(question: Approval) -> Stuck:
    end = stepfunctions.ending_of(question.execution)
    return stuck_questions.without_workflow(
        question.use_case,
        question.run_id,
        datetime.fromisoformat(question.created_at),
        end.as_ended() if end else None,
    )


def _unasked(asking: set[str], now: datetime, patience: timedelta) -> Iterator[Stuck]:
    """Yield the releases that have waited for long, and whose run has no open question."""
    before = now - max(patience, stuck_questions.ASKED_WITHIN)
    running = stepfunctions.listed(settings().release_state_machine, "RUNNING", _MOST_RELEASES)
    for one in running:
        if one["executionArn"] in asking or one["startDate"] > before:
            continue
        state = stepfunctions.last_state(one["executionArn"])
        if state is None or state.name != stuck_questions.AWAITS or state.since > before:
            continue
        given = stepfunctions.given_to(one["executionArn"])
        status = _status(given["run_id"])
        if status != approvals.PENDING:
            yield stuck_questions.without_question(
                given["use_case"], given["run_id"], one["name"], state.since, status
            )


def _status(run_id: str) -> str | None:
    """Return what became of the question about a run; None where there is none any more."""
    try:
        return approvals.of_run(run_id).status
    except (DecisionMissing, DecisionInvalid):
        return None


def close(one: Stuck, _attempt: int) -> str:
    """Close a question whose release has ended, as its event does, and return the execution that asked."""
    question = approvals.of_run(one.subject)
    event = EndedJob(executionArn=question.execution)
    announced = announce_stop.announce(AnnounceStopRequest(detail=event))
    if not announced.closed:
        # Of an execution that is known no more, no event could come.
        announce_stop.close_question(question.use_case, question.run_id, question.execution)
    return question.execution.rpartition(":")[2]


def ask_again(one: Stuck, attempt: int) -> str:
    """Stop a release that nobody can answer, evaluate its run again, and return the execution that does."""
    given = settings()
    release = stepfunctions.address_of(given.release_state_machine, one.name)
    # Whoever starts it again knows of the stop.
    stops.note(release, stops.STARTED_AGAIN)
    stepfunctions.stop(release, _LOST, one.reason)
    if use_cases.get(one.use_case).external is not None:
        asked = stepfunctions.given_to(release)
        return stepfunctions.start(given.release_state_machine, f"{one.subject}-again{attempt}", asked)
    run = {"use_case": one.use_case, "run_id": one.subject, "reason": "its question could not be answered"}
    if asked_by := stepfunctions.given_to(release).get("asked_by"):
        run["person"] = asked_by
    return stepfunctions.start(given.training_state_machine, f"{one.subject}-evaluate-again{attempt}", run)
