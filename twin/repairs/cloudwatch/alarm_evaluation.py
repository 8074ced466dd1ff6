"""Alarms as CloudWatch evaluates them: all the time, over their own dimensions and periods.

An alarm's actions are the engine's.
"""

import threading
import time
from typing import Any

from ministack.services import cloudwatch, sqs

from twin.repairs.cloudwatch import metric_math
from twin.repairs.repair_registry import Original, repair

EVERY_SECONDS = 2.0
_PUBLISH_EVERY = 15
_BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
}
_first_seen: dict[str, float] = {}


@repair(
    "ministack.services.cloudformation.provisioners._cw_metric_alarm_record",
    reason="A stack cannot have an alarm on a metric expression.",
    link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html",
    source_sha256="4565fcede1ebf266b93fd427e72d1606f3de10bea9993e680a1ef4d03485aada",
)
def record_with_expressions(original: Original, name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """Return the record of an alarm, which may be one on an expression."""
    if not (queries := properties.get("Metrics")):
        return dict(original(name, properties))
    answer = next(query for query in queries if query.get("ReturnData", True))
    standing_in = {"MetricName": answer["Id"], "Namespace": "expression"}
    alarm: dict[str, Any] = original(name, {**properties, **standing_in, "Metrics": None})
    return alarm | {"Metrics": queries, "Period": _period(queries)}


def _period(queries: list[dict[str, Any]]) -> int:
    return max(int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query)


def start_evaluation() -> None:
    """Evaluate all alarms every two seconds from now on, in a thread of its own.

    The engine does it only when somebody calls PutMetricData, so it never finds that something did not run.
    """
    threading.Thread(target=_evaluate_repeatedly, daemon=True, name="alarms").start()


def _evaluate_repeatedly() -> None:
    ticks = 0
    while True:
        time.sleep(EVERY_SECONDS)
        ticks += 1
        if ticks % _PUBLISH_EVERY == 1:
            _publish_queue_depths()
        cloudwatch._evaluate_all_alarms()


def _publish_queue_depths() -> None:
    """Publish how full each queue is, as SQS does: an alarm on a dead-letter queue needs it."""
    for queue in list(sqs._queues.values()):
        depth, dimensions = len(queue["messages"]), {"QueueName": queue["name"]}
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", depth, "Count", dimensions)


@repair(
    "ministack.services.cloudwatch._evaluate_alarm",
    reason="All dimensions of a metric are one series, one period is known, and missing data never count.",
    link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html",
    source_sha256="a0b0acd3d432b711a4e0a2cc389b6acea5aab29ecc5e5986b13fb370cdad30fe",
)
def evaluate_own_series(_original: Original, alarm: dict[str, Any]) -> None:
    """Set the alarm's state from its last periods; run its actions when the state changes."""
    breaches = _BREACHES.get(alarm.get("ComparisonOperator", ""))
    if not alarm.get("MetricName") or breaches is None:
        return
    periods = int(alarm.get("EvaluationPeriods", 1))
    wanted = int(alarm.get("DatapointsToAlarm") or periods)
    values = _values(alarm, int(alarm.get("Period", 60)), periods)
    missing = alarm.get("TreatMissingData", "missing")
    verdicts = [breaches(value, alarm["Threshold"]) for value in values if value is not None]
    silent = periods - len(verdicts)
    if silent and missing == "breaching" and _old_enough(alarm, periods):
        verdicts += [True] * silent
    elif missing == "notBreaching":
        verdicts += [False] * silent
    if not verdicts:
        return
    state = "ALARM" if sum(verdicts) >= wanted else "OK"
    if state != alarm["StateValue"]:
        seen = [value for value in values if value is not None]
        _change(
            alarm,
            state,
            f"{sum(verdicts)} of {periods} periods breach the threshold {alarm['Threshold']}: {seen}",
        )


def _values(alarm: dict[str, Any], period: int, periods: int) -> list[float | None]:
    """Return the alarm's statistic for each period, newest first; None where nothing was published."""
    if "Metrics" not in alarm:
        statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        return _statistics(alarm, statistic, period, periods)
    series: dict[str, list[float | None]] = {}
    # Expressions may use the metrics and each other; the metrics come first.
    for query in sorted(alarm["Metrics"], key=lambda query: "Expression" in query):
        if "MetricStat" in query:
            wanted = query["MetricStat"]
            series[query["Id"]] = _statistics(wanted["Metric"], wanted["Stat"], period, periods)
        else:
            known = [{name: values[index] for name, values in series.items()} for index in range(periods)]
            series[query["Id"]] = [metric_math.evaluate(query["Expression"], values) for values in known]
    return series[alarm["MetricName"]]


def _statistics(metric: dict[str, Any], statistic: str, period: int, periods: int) -> list[float | None]:
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(metric.get("Dimensions") or []))
    points = list(cloudwatch._metrics.get((metric["Namespace"], metric["MetricName"], dimensions)) or [])
    now, values = time.time(), list[float | None]()
    for index in range(periods):
        newest, oldest = now - index * period, now - (index + 1) * period
        inside = [point for point in points if oldest < point["Timestamp"] <= newest]
        stats = cloudwatch._calc_stats(inside)
        values.append(cloudwatch._stat_value(stats, statistic, inside) if inside else None)
    return values


def _old_enough(alarm: dict[str, Any], periods: int) -> bool:
    """Return whether the alarm has watched long enough to say that something is missing."""
    since = _first_seen.setdefault(alarm["AlarmName"], time.time())
    return time.time() - since >= periods * int(alarm.get("Period", 60))


def _change(alarm: dict[str, Any], state: str, reason: str) -> None:
    before = alarm["StateValue"]
    alarm |= {"StateValue": state, "StateReason": reason, "StateUpdatedTimestamp": int(time.time())}
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)
