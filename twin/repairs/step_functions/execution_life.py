"""The start and the end of executions: idempotent names, one end, metrics.

How they run in between is in `execution_run`.
"""

import json
from typing import Any

from ministack.services import cloudwatch
from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair

_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_EXPRESSION_PATIENCE = 30


@repair(
    "ministack.services.stepfunctions._start_execution",
    reason="A repeated name is refused even with the same input, so a redelivered event fails.",
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html",
    source_sha256="9923282fc76c57b9d2541cc83863bfb69f2472b29aec9a9fc3454f3d19d045b4",
)
def start_once(original: Original, data: dict[str, Any]) -> Any:
    """Start an execution; the same name and input again are answered with the one that runs."""
    machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
    if machine and data.get("name"):
        arn = machine.replace(":stateMachine:", ":execution:") + f":{data['name']}"
        same = sfn._executions.get(arn)
        if same and same["status"] == "RUNNING" and _equal(same["input"], data.get("input", "{}")):
            return sfn.json_response({"executionArn": arn, "startDate": same["startDate"]})
    return original(data)


def _equal(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


@repair(
    "ministack.services.stepfunctions._fail_execution",
    reason="A stopped execution turns into FAILED when its last task gives up.",
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html",
    source_sha256="e6da895fa0b74cddd3335ba9ff53624510d2f5c8c98a44cfaa119b7ec65cd71f",
)
def fail_only_what_runs(original: Original, execution: dict[str, Any], error: str, cause: str) -> None:
    """Fail an execution unless it has ended."""
    if execution["status"] == "RUNNING":
        original(execution, error, cause)


@repair(
    "ministack.services.stepfunctions._emit_execution_status_event",
    reason="No AWS/States metric is published, so alarms and dashboards on them stay empty.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html",
    source_sha256="9c89e45693e353eb9d427665ea17e9887c0b8a327f801f559de47807778dfd36",
)
def emit_with_metrics(original: Original, execution: dict[str, Any]) -> None:
    """Announce an execution's status, and count it in AWS/States."""
    original(execution)
    dimensions = {"StateMachineArn": execution["stateMachineArn"]}
    status = execution["status"]
    started = "ExecutionsRedriven" if execution.get("redriveCount") else "ExecutionsStarted"
    names = {"RUNNING": started, "TIMED_OUT": "ExecutionsTimedOut"}
    name = names.get(status, f"Executions{status.capitalize()}")
    cloudwatch.record_metric("AWS/States", name, 1, "Count", dimensions)
    if status in _ENDED:
        took = sfn._iso_to_epoch_ms(execution["stopDate"]) - sfn._iso_to_epoch_ms(execution["startDate"])
        cloudwatch.record_metric("AWS/States", "ExecutionTime", took, "Milliseconds", dimensions)


@repair(
    "jsonata.jsonata.Jsonata.jsonata",
    reason="An expression is stopped after a second of wall clock, which a busy laptop may need.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html",
    source_sha256="c3a056c38fc213e5673ef99fa842f586fbd7c46879b04949ee94af33f6cfbe9b",
    version="0.7.1",
)
def parse_patiently(original: Original, expression: str, timeout: int = 1000) -> Any:
    """Return a parsed expression that may take thirty times as long."""
    return original(expression, timeout=timeout * _EXPRESSION_PATIENCE)
