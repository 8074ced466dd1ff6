"""Executions from start to end: idempotent names, a time limit, one end, metrics, and their context object.

How their states run is in the other modules of this folder.
"""

import contextvars
import json
import threading
import time
from typing import Any

from ministack.services import cloudwatch
from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair

# The execution that the current thread works for; branches and tasks inherit it with their context.
current: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("current", default=None)
_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_EXPRESSION_PATIENCE = 30
_started: dict[str, float] = {}


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
    "ministack.services.stepfunctions._run_execution",
    reason="The state machine's own TimeoutSeconds is never read.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html",
    source_sha256="996dff84e0e0605ae3ffb450d0dfa0adc150caa811d0715fc2d4eb7cf28a1648",
)
def run_within_limit(original: Original, arn: str) -> None:
    """Run an execution, which ends as TIMED_OUT after its machine's TimeoutSeconds."""
    execution = sfn._executions[arn]
    token = current.set(execution)
    timer = None
    if limit := _limit(execution["stateMachineArn"]):
        timer = threading.Timer(limit, contextvars.copy_context().run, (_time_out, execution))
        timer.daemon = True
        timer.start()
    try:
        original(arn)
    finally:
        current.reset(token)
        if timer:
            timer.cancel()


def _limit(machine: str) -> float | None:
    """Return a machine's TimeoutSeconds; its definition, 100 KB once it is read, goes again at once."""
    limit: float | None = json.loads(sfn._state_machines[machine]["definition"]).get("TimeoutSeconds")
    return limit


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "cause": "", "stopDate": sfn.now_iso()}
    sfn._add_event(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    )
    sfn._emit_execution_status_event(execution)


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
    status, arn = execution["status"], execution["executionArn"]
    names = {"RUNNING": "ExecutionsStarted", "TIMED_OUT": "ExecutionsTimedOut"}
    name = names.get(status, f"Executions{status.capitalize()}")
    cloudwatch.record_metric("AWS/States", name, 1, "Count", dimensions)
    if status in _ENDED:
        took = (time.time() - _started.pop(arn, time.time())) * 1000
        cloudwatch.record_metric("AWS/States", "ExecutionTime", took, "Milliseconds", dimensions)
    else:
        _started[arn] = time.time()


@repair(
    "ministack.services.stepfunctions._evaluate_jsonata",
    reason="$states.context.Execution has neither RoleArn nor RedriveCount.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html",
    source_sha256="d970811e01da08977936c72659ef14602a4a2c3adeef95b9741dffbfdcaa3789",
)
def evaluate_in_full_context(
    original: Original, expression: str, raw_input: Any, ctx: dict[str, Any] | None = None, *rest: Any
) -> Any:
    """Evaluate an expression over the context object that AWS documents."""
    if ctx and "RoleArn" not in ctx.get("Execution", {}):
        machine = sfn._state_machines.get(ctx.get("StateMachine", {}).get("Id", ""), {})
        ctx.setdefault("Execution", {}).update(RoleArn=machine.get("roleArn", ""), RedriveCount=0)
    return original(expression, raw_input, ctx, *rest)


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
