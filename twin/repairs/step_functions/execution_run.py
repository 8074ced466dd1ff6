"""The run of an execution through its machine's states: from the first one, or from where it stood.

An execution remembers its definition, its context and where it stands, so that a redrive, or the next start
of the twin, can go on from there. What a branch or an item runs is in `parallel_branches`.
"""

import contextvars
import json
import logging
import threading
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair

_log = logging.getLogger("twin.step_functions")
# The execution that the current thread works for; branches and tasks inherit it with their context.
current: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("current", default=None)


@repair(
    "ministack.services.stepfunctions._run_execution",
    reason="The state machine's own TimeoutSeconds is never read, $states.context.Execution has neither"
    " RoleArn nor RedriveCount, and an execution does not know where it stands.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html",
    source_sha256="996dff84e0e0605ae3ffb450d0dfa0adc150caa811d0715fc2d4eb7cf28a1648",
)
def run_by_arn(_original: Original, arn: str) -> None:
    """Run an execution that has just been started."""
    run(sfn._executions[arn])


def run(execution: dict[str, Any]) -> None:
    """Run an execution from where it stands to its end, which comes after its machine's TimeoutSeconds."""
    token = current.set(execution)
    # No request started what goes on by itself or by a schedule; loopback is secure for them as well.
    iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)
    timer = None
    try:
        definition = _definition(execution)
        if limit := definition.get("TimeoutSeconds"):
            timer = threading.Timer(
                limit - _seconds_since(execution.get("redriveDate") or execution["startDate"]),
                contextvars.copy_context().run,
                (_time_out, execution),
            )
            timer.daemon = True
            timer.start()
        _follow(execution, definition)
    except sfn._ExecutionError as error:
        sfn._fail_execution(execution, error.error, error.cause)
    except Exception as error:  # noqa: BLE001 - whatever it was, the execution must end
        _log.exception("The execution %s broke off.", execution["executionArn"])
        sfn._fail_execution(execution, "States.Runtime", str(error))
    finally:
        current.reset(token)
        if timer:
            timer.cancel()


def _definition(execution: dict[str, Any]) -> dict[str, Any]:
    """Return the definition that an execution was started with, whatever its machine's is by now."""
    if "definition" not in execution:
        machine = sfn._state_machines.get(execution["stateMachineArn"])
        if machine is None:
            raise sfn._ExecutionError("StateMachineDeleted", "State machine no longer exists")
        execution["definition"] = machine["definition"]
    try:
        definition: dict[str, Any] = json.loads(execution["definition"])
    except ValueError as error:
        cause = "Could not parse state machine definition"
        raise sfn._ExecutionError("InvalidDefinition", cause) from error
    if "position" not in execution:
        execution["context"] = _context(execution, definition.get("QueryLanguage", "JSONPath"))
        first = {"state": definition["StartAt"], "input": execution["input"], "entered": False}
        execution["position"] = first
    return definition


def _context(execution: dict[str, Any], language: str) -> dict[str, Any]:
    """Return the context object of an execution, and with it the query language and the variables."""
    machine = sfn._state_machines[execution["stateMachineArn"]]
    return {
        "QueryLanguage": language,
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "RedriveCount": 0,
            "RoleArn": machine["roleArn"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }


def _follow(execution: dict[str, Any], definition: dict[str, Any]) -> None:
    """Run state after state; the position is kept as JSON, since states change what they are given."""
    position = execution["position"]
    while position["state"] and execution["status"] == "RUNNING":
        name, data = position["state"], json.loads(position["input"])
        if not position["entered"]:
            enter(definition["States"], name, data, execution)
            position["entered"] = True
        output, following = execute(definition["States"], name, data, execution, execution["context"])
        position = {"state": following, "input": json.dumps(output), "entered": False}
        execution["position"] = position
    if execution["status"] == "RUNNING":
        execution |= {"status": "SUCCEEDED", "output": position["input"], "stopDate": sfn.now_iso()}
        for unneeded in ("context", "position"):
            del execution[unneeded]
        details = {"executionSucceededEventDetails": {"output": position["input"]}}
        sfn._add_event(execution, "ExecutionSucceeded", details)
        sfn._emit_execution_status_event(execution)


def enter(states: dict[str, Any], name: str, data: Any, execution: dict[str, Any]) -> None:
    """Note in the history that a state is entered."""
    if name not in states:
        raise sfn._ExecutionError("States.Runtime", f"State '{name}' not found in definition")
    details = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(data)}}
    sfn._add_event(execution, f"{states[name]['Type']}StateEntered", details)


def execute(
    states: dict[str, Any], name: str, data: Any, execution: dict[str, Any], ctx: dict[str, Any]
) -> tuple[Any, str | None]:
    """Run a state that was entered; return its output and the name of the next one, None at the end."""
    state = states[name]
    kind = state["Type"]
    ctx["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
    following: str | None = None
    match kind:
        case "Fail":
            raise sfn._ExecutionError(*sfn._fail_state_error(state, data, ctx))
        case "Succeed" if sfn._state_query_language(state, ctx) == "JSONata":
            output = sfn._apply_jsonata_output(state, data, ctx, default=data)
        case "Succeed":
            output = sfn._apply_output_path(state, sfn._apply_input_path(state, data, ctx), ctx)
        case "Task" | "Parallel" | "Map":
            output, following = getattr(sfn, f"_execute_{kind.lower()}")(state, data, execution, ctx)
        case _:
            output, following = getattr(sfn, f"_execute_{kind.lower()}")(state, data, ctx)
    details = {"stateExitedEventDetails": {"name": name, "output": json.dumps(output)}}
    sfn._add_event(execution, f"{kind}StateExited", details)
    return output, following


def _time_out(execution: dict[str, Any]) -> None:
    if execution["status"] != "RUNNING":
        return
    execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "cause": "", "stopDate": sfn.now_iso()}
    sfn._add_event(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    )
    sfn._emit_execution_status_event(execution)


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
