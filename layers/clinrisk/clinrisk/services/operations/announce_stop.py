"""Announce Stop: one mail about an execution that ended badly without saying so, and its question closed."""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import stepfunctions
from clinrisk.aws.tables import approvals, deployments, stops
from clinrisk.core.operations import stop_mails
from clinrisk.errors import DecisionInvalid, DecisionMissing
from clinrisk.messages.operations import AnnounceStopRequest, AnnounceStopResult
from clinrisk.services.operations import single_mails


def announce(request: AnnounceStopRequest) -> AnnounceStopResult:
    """Mail the operator, once, unless the workflow has mailed itself, runs again, or is known no more."""
    end = stepfunctions.ending_of(request.detail.execution)
    if end is None:
        return AnnounceStopResult(announced=False, closed=False)
    procedure = stop_mails.procedure_of(end.machine)
    closed = procedure == "release" and close_question(
        str(end.given.get("use_case")), str(end.given.get("run_id")), end.execution
    )
    mailed = end.status == "FAILED" and stepfunctions.has_announced(end.execution)
    if mailed or stops.noted(end.execution, stops.STARTED_AGAIN):
        return AnnounceStopResult(announced=False, closed=closed)
    mail = stop_mails.execution_stopped(
        procedure,
        end.execution,
        end.given,
        (end.status, end.error, end.cause),
        use_cases.names(),
        closed=closed,
    )
    announced = single_mails.send(end.execution, end.ended_at, mail, "operator")
    return AnnounceStopResult(announced=announced, closed=closed)


def close_question(use_case: str, run_id: str, execution: str) -> bool:
    """Close the question that a release asked, and let its candidate score no more batches."""
    try:
        asked = approvals.of_run(run_id)
    except (DecisionMissing, DecisionInvalid):
        deployments.retire_shadow(use_case, run_id)
        return False
    closed = approvals.stop(asked.approval_id, execution, stop_mails.question_stopped(run_id))
    if closed:
        deployments.retire_shadow(use_case, run_id)
    return closed
