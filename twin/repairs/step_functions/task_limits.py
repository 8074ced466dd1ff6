"""Tasks as Step Functions runs them: callbacks that can fail and expire, and pauses between tries."""

import json
import random
import threading
import time
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.registry import Site
from twin.repairs.step_functions.execution_life import current

_POLL_SECONDS = 0.05
_NEVER = 99_999_999.0
_LIMITS = ("TimeoutSeconds", "HeartbeatSeconds")
_spent: set[str] = set()


def apply(site: Site) -> None:
    """Repair callbacks, limits and retries."""
    del site
    sfn._invoke_with_callback = _call_and_wait
    _limits_as_expressions()
    _late_answers()
    _retry_pauses()
    _heartbeat_is_a_timeout()


def _call_and_wait(resource: str, arguments: Any, token: str, state: dict[str, Any]) -> Any:
    """Make the call, then wait for the token's answer.

    The engine ignores an exception of the Lambda that was to keep the token, and then waits for ever; it
    knows no heartbeat, and goes on waiting when the execution has long ended.
    """
    answer: dict[str, Any] = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
    sfn._task_tokens[token] = answer
    deadline = time.monotonic() + float(state.get("TimeoutSeconds", _NEVER))
    try:
        sfn._invoke_resource(resource.replace(".waitForTaskToken", ""), arguments)
        _wait(answer, deadline, float(state.get("HeartbeatSeconds", _NEVER)))
    finally:
        sfn._task_tokens.pop(token, None)
        _spent.add(token)
    if error := answer["error"]:
        raise sfn._ExecutionError(error["Error"], error["Cause"])
    return json.loads(answer["result"])


def _wait(answer: dict[str, Any], deadline: float, heartbeat: float) -> None:
    execution = current.get()
    seen, beat = None, time.monotonic()
    while not answer["event"].wait(_POLL_SECONDS):
        now = time.monotonic()
        if answer["heartbeat"] != seen:
            seen, beat = answer["heartbeat"], now
        if execution and execution["status"] != "RUNNING":
            raise sfn._ExecutionError("States.Timeout", "The execution has ended")
        if now > deadline:
            raise sfn._ExecutionError("States.Timeout", "Nobody answered in time")
        if now - beat > heartbeat:
            raise sfn._ExecutionError("States.HeartbeatTimeout", "No heartbeat in time")


def _limits_as_expressions() -> None:
    """Evaluate limits that are JSONata expressions; the engine takes them for numbers."""
    execute = sfn._execute_task

    def execute_with_limits(
        state: dict[str, Any], raw_input: Any, execution: Any, ctx: dict[str, Any]
    ) -> Any:
        expressions = [name for name in _LIMITS if isinstance(state.get(name), str)]
        given = {
            name: sfn._jsonata_state_field(state, name, "number", raw_input, ctx) for name in expressions
        }
        return execute(state | given, raw_input, execution, ctx)

    sfn._execute_task = execute_with_limits


def _late_answers() -> None:
    """Say TaskTimedOut for a used or expired token, as AWS does; the engine says it never existed."""
    for name in ("_send_task_success", "_send_task_failure", "_send_task_heartbeat"):
        setattr(sfn, name, _refusing_late(getattr(sfn, name)))


def _refusing_late(send: Any) -> Any:
    def send_in_time(data: dict[str, Any]) -> Any:
        answered = sfn._task_tokens.get(data.get("taskToken"), {}).get("event")
        if data.get("taskToken") in _spent or (answered is not None and answered.is_set()):
            return sfn.error_response_json(
                "TaskTimedOut", "Task Timed Out: the task does not wait any more", 400
            )
        return send(data)

    return send_in_time


def _retry_pauses() -> None:
    """Honour MaxDelaySeconds and JitterStrategy, which the engine ignores; the pause is still scaled."""
    find = sfn._find_matching_retrier

    def find_with_pause(retriers: list[dict[str, Any]], error: str, counts: dict[int, int]) -> Any:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return None, -1
        pause = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        pause = min(pause, retrier.get("MaxDelaySeconds", pause))
        if retrier.get("JitterStrategy") == "FULL":
            pause *= random.random()  # noqa: S311 # a pause, not a secret
        return {**retrier, "IntervalSeconds": pause, "BackoffRate": 1.0}, index

    sfn._find_matching_retrier = find_with_pause


def _heartbeat_is_a_timeout() -> None:
    """Let States.Timeout match a missing heartbeat as well, as the language says."""
    matches = sfn._error_matches

    def matches_heartbeat(names: list[str], error: str) -> bool:
        if error == "States.HeartbeatTimeout" and "States.Timeout" in names:
            return True
        return bool(matches(names, error))

    sfn._error_matches = matches_heartbeat
