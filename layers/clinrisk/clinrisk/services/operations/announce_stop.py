"""Announce Stop: one mail about an execution that ended badly without saying so, and its question closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import clients, stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, deployments, stops
from clinrisk.core.operations import stop_mails
from clinrisk.errors import DecisionMissing
from clinrisk.messages.operations import AnnounceStopRequest, AnnounceStopResult

if TYPE_CHECKING:
    from clinrisk.aws.stepfunctions import ExecutionEnd


def announce(request: AnnounceStopRequest) -> AnnounceStopResult:
    """Mail the operator, once, unless the workflow has mailed itself, runs again, or is known no more."""
    end = stepfunctions.ending_of(request.detail.execution)
    if end is None:
        return AnnounceStopResult(announced=False, closed=False)
    procedure = stop_mails.procedure_of(end.machine)
    closed = procedure == "release" and _close_question(end)
    if end.status == "FAILED" and stepfunctions.has_announced(end.execution):
        return AnnounceStopResult(announced=False, closed=closed)
    if not stops.note(end.execution, end.ended_at):
        return AnnounceStopResult(announced=False, closed=closed)
    mail = stop_mails.execution_stopped(
        procedure,
        end.execution,
        end.given,
        (end.status, end.error, end.cause),
        use_cases.names(),
        closed=closed,
    )
    try:
        clients.sns().publish(
            TopicArn=settings().alerts_topic,
            Subject=mail.subject,
            Message=mail.text,
            MessageAttributes={"audience": {"DataType": "String", "StringValue": "operator"}},
        )
    except BaseException:
        # The next try must find the mail still to be sent.
        stops.forget(end.execution, end.ended_at)
        raise
    return AnnounceStopResult(announced=True, closed=closed)


def _close_question(end: ExecutionEnd) -> bool:
    """Close the question that a release asked, and let its candidate score no more batches."""
    use_case, run_id = str(end.given.get("use_case")), str(end.given.get("run_id"))
    try:
        asked = approvals.of_run(run_id)
    except DecisionMissing:
        deployments.retire_shadow(use_case, run_id)
        return False
    closed = approvals.stop(asked.approval_id, end.execution, stop_mails.question_stopped(run_id))
    if closed:
        deployments.retire_shadow(use_case, run_id)
    return closed
