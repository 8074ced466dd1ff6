"""Logs and metrics: the event, never the data.

`step` makes a typed function into a Lambda handler. `emit` writes one metric at once, so a metric that was
decided is out even when the next line fails. `DIMENSIONS` is the whole list of metrics this system has:
dashboards and alarms may show these and no others.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from clinrisk.aws.error_mapping import named_refusals
from clinrisk.messages.message import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from clinrisk.messages.message import Message


class Metric(StrEnum):
    """The name of each metric."""

    UPLOADS_SETTLED = "UploadsSettled"
    ROWS_ACCEPTED = "RowsAccepted"
    ROWS_QUARANTINED = "RowsQuarantined"
    UPLOADS_FAILED = "UploadsFailed"
    CANDIDATES_BLOCKED = "CandidatesBlocked"
    APPROVALS_REQUESTED = "ApprovalsRequested"
    APPROVALS_DECIDED = "ApprovalsDecided"
    APPROVALS_EXPIRED = "ApprovalsExpired"
    APPROVERS_LOCKED = "ApproversLocked"
    APPROVERS_MISSING = "ApproversMissing"
    COUNTERSIGNATURES_OVERDUE = "CountersignaturesOverdue"
    MODELS_PROMOTED = "ModelsPromoted"
    MODELS_ROLLED_BACK = "ModelsRolledBack"
    SCORING_PAUSED = "ScoringPaused"
    BATCHES_HELD = "BatchesHeld"
    ROWS_SCORED = "RowsScored"
    SHADOWS_COMPARED = "ShadowsCompared"
    SHADOWS_FAILED = "ShadowsFailed"
    CHECK_RAN = "CheckRan"
    CHECK_ALERT = "CheckAlert"
    CHECK_NOT_EVALUATED = "CheckNotEvaluated"
    LIVE_VERSION = "LiveVersion"
    LIVE_DAYS = "LiveDays"
    NEWEST_BATCH_DAYS = "NewestBatchDays"
    NEWEST_OUTCOMES_DAYS = "NewestOutcomesDays"
    UPLOADS_ON_HOLD = "UploadsOnHold"
    WAITING_QUESTIONS = "WaitingQuestions"
    OPEN_FINDINGS = "OpenFindings"
    LONGEST_WAIT = "LongestWait"
    JOB_MINUTES = "JobMinutes"
    STUCK = "Stuck"
    LEDGER_DIFFERENCES = "LedgerDifferences"
    AUC = "Auc"
    AUC_LIMIT = "AucLimit"
    OBSERVED_TO_EXPECTED = "ObservedToExpected"
    FLAGS_ANSWERED = "FlagsAnswered"
    FLAGS_OVERRIDDEN = "FlagsOverridden"
    WORST_BIAS_GAP = "WorstBiasGap"
    WORST_DRIFT = "WorstDrift"


# Each set of dimension values is a billed metric: these are all there are.
DIMENSIONS: dict[Metric, tuple[str, ...]] = dict.fromkeys(Metric, ("use_case",)) | {
    Metric.LONGEST_WAIT: ("pool",),
    Metric.JOB_MINUTES: ("pool",),
    Metric.STUCK: (),
    Metric.LEDGER_DIFFERENCES: (),
    Metric.APPROVERS_LOCKED: (),
    Metric.UPLOADS_SETTLED: ("use_case", "disposition"),
    Metric.CHECK_RAN: ("use_case", "check"),
    Metric.CHECK_ALERT: ("use_case", "check"),
    Metric.CHECK_NOT_EVALUATED: ("use_case", "check"),
}
_UNITS = {Metric.LONGEST_WAIT: MetricUnit.Seconds} | dict.fromkeys(
    (
        *(Metric.WORST_BIAS_GAP, Metric.WORST_DRIFT, Metric.LIVE_VERSION, Metric.LIVE_DAYS),
        *(Metric.AUC, Metric.AUC_LIMIT, Metric.OBSERVED_TO_EXPECTED),
        *(Metric.FLAGS_ANSWERED, Metric.FLAGS_OVERRIDDEN),
        *(Metric.NEWEST_BATCH_DAYS, Metric.NEWEST_OUTCOMES_DAYS, Metric.JOB_MINUTES),
    ),
    MetricUnit.NoUnit,
)

RequestT = TypeVar("RequestT", bound=Request)


@cache
def logger() -> Logger:
    """Return this process's structured logger."""
    return Logger(service="clinrisk")


def emit(metric: Metric, value: float, **dimensions: str) -> None:
    """Publish one value of `metric`, with exactly the dimensions it is defined with."""
    expected = DIMENSIONS[metric]
    if tuple(sorted(dimensions)) != tuple(sorted(expected)):
        raise ValueError(f"{metric} takes the dimensions {', '.join(expected)}.")
    unit = _UNITS.get(metric, MetricUnit.Count)
    # One document per metric, and no service name: Powertools would add it to every dimension set.
    # The namespace is POWERTOOLS_METRICS_NAMESPACE, the stack's name: two stacks do not mix.
    document = AmazonCloudWatchEMFProvider(service="")
    document.add_metric(name=metric, unit=unit, value=value)
    for name in expected:
        document.add_dimension(name=name, value=dimensions[name])
    document.flush_metrics()


def step(
    request: type[RequestT],
) -> Callable[[Callable[[RequestT], Message]], Callable[[dict[str, Any], LambdaContext], dict[str, Any]]]:
    """Make a function from one message to another a Lambda handler.

    The event is parsed into `request` (a wrong one is refused without repeating it), the workflow's
    execution becomes the correlation id of every log line, the result leaves as plain JSON, and what AWS
    refuses leaves under the names that the workflow retries.
    """

    def decorate(
        wire: Callable[[RequestT], Message],
    ) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
        def run(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
            with named_refusals():
                return wire(request.model_validate(event)).model_dump(mode="json", by_alias=True)

        @wraps(wire)
        def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
            traced = logger().inject_lambda_context(run, correlation_id_path="execution", clear_state=True)
            result: dict[str, Any] = traced(event, context)
            return result

        return handler

    return decorate
