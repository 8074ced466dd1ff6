"""Executions as Step Functions runs them: idempotent names, a time limit, an end that stays, and metrics."""

import contextvars
import json
import threading
import time
from typing import Any

from ministack.services import cloudwatch
from ministack.services import stepfunctions as sfn

from twin.repairs.registry import Site

# The execution that the current thread works for; branches and tasks inherit it with their context.
current: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("current", default=None)
_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_PATIENCE = 30
_started: dict[str, float] = {}


def apply(site: Site) -> None:
    """Repair how executions start, run and end."""
    del site
    _idempotent_start()
    _time_limit()
    _one_end()
    _metrics()
    _role_in_context()
    _patient_expressions()


def _idempotent_start() -> None:
    """Answer a repeated StartExecution with the same name and input as AWS does: with the running execution.

    The engine refuses every repeated name, so a state machine that is started once per upload fails on a
    redelivery.
    """
    start = sfn._start_execution

    def start_once(data: dict[str, Any]) -> Any:
        machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", ""))
        if machine and data.get("name"):
            arn = machine.replace(":stateMachine:", ":execution:") + f":{data['name']}"
            same = sfn._executions.get(arn)
            if same and same["status"] == "RUNNING" and _equal(same["input"], data.get("input", "{}")):
                return sfn.json_response({"executionArn": arn, "startDate": same["startDate"]})
        return start(data)

    sfn._start_execution = start_once


def _equal(one: str, other: str) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return one == other


def _time_limit() -> None:
    """End an execution as TIMED_OUT after the machine's own TimeoutSeconds, which the engine never reads."""
    run = sfn._run_execution

    def run_within_limit(arn: str) -> None:
        execution = sfn._executions[arn]
        definition = json.loads(sfn._state_machines[execution["stateMachineArn"]]["definition"])
        token = current.set(execution)
        timer = None
        if limit := definition.get("TimeoutSeconds"):
            timer = threading.Timer(limit, contextvars.copy_context().run, (_time_out, execution))
            timer.daemon = True
            timer.start()
        try:
            run(arn)
        finally:
            current.reset(token)
            if timer:
                timer.cancel()

    sfn._run_execution = run_within_limit


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "cause": "", "stopDate": sfn.now_iso()}
    sfn._add_event(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    )
    sfn._emit_execution_status_event(execution)


def _one_end() -> None:
    """Keep how an execution ended: the engine turns a stopped one into FAILED when its last task gives up."""
    fail = sfn._fail_execution

    def fail_once(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    sfn._fail_execution = fail_once


def _metrics() -> None:
    """Publish AWS/States metrics: alarms and dashboards stand on them, and the engine publishes none."""
    emit = sfn._emit_execution_status_event

    def emit_with_metrics(execution: dict[str, Any]) -> None:
        emit(execution)
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

    sfn._emit_execution_status_event = emit_with_metrics


def _role_in_context() -> None:
    """Complete the context object: $states.context.Execution has a RoleArn and a RedriveCount on AWS."""
    evaluate = sfn._evaluate_jsonata

    def evaluate_in_context(
        expression: str, raw_input: Any, ctx: dict[str, Any] | None = None, *rest: Any
    ) -> Any:
        if ctx and "RoleArn" not in ctx.get("Execution", {}):
            machine = sfn._state_machines.get(ctx.get("StateMachine", {}).get("Id", ""), {})
            ctx.setdefault("Execution", {}).update(RoleArn=machine.get("roleArn", ""), RedriveCount=0)
        return evaluate(expression, raw_input, ctx, *rest)

    sfn._evaluate_jsonata = evaluate_in_context


def _patient_expressions() -> None:
    """Let an expression take its time: the engine stops it after a second of a busy laptop's wall clock."""
    parse = sfn.jsonata.Jsonata.jsonata

    def parse_patiently(expression: str, timeout: int = 1000) -> Any:
        return parse(expression, timeout=timeout * _PATIENCE)

    sfn.jsonata.Jsonata.jsonata = staticmethod(parse_patiently)
