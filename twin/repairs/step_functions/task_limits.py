"""Tasks: callbacks that can fail and expire, limits that are expressions, and pauses between tries."""

import contextvars
import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.lambda_functions.turns import Wait, waited
from twin.repairs.repair_registry import Original, repair
from twin.repairs.step_functions.execution_run import current

_POLL_SECONDS = 0.05
_NEVER = 99_999_999.0
_LIMITS = ("TimeoutSeconds", "HeartbeatSeconds")
_asking: dict[str, dict[str, Any]] = {}
"""The attempt of an execution that each token waits for."""
_SPENT = "A used or expired token is refused as if it had never existed."
spent: set[str] = set()


@repair(
    "ministack.services.stepfunctions._invoke_with_callback",
    reason="A task waits for ever when the Lambda that got its token fails, and heartbeats are not known.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token",
    source_sha256="bbb38423156a0d3d46c6fe19292640055cfa72e929d2356153f3a8a6c2c023d9",
)
def call_and_wait(
    _original: Original, resource: str, arguments: Any, token: str, state: dict[str, Any]
) -> Any:
    """Make the call, then wait for the token's answer, an expired limit or the end of the execution.

    Where the execution waits on after a restart of the twin, the call was made before it, with its token.
    """
    execution = current.get() or {}
    if handed_out := execution.pop("token", None):
        token = handed_out
        execution["context"]["Task"] = {"Token": token}
        del execution["events"][-1]  # that the task is scheduled, which it was before
    answer: dict[str, Any] = {"event": threading.Event(), "result": None, "error": None, "heartbeat": None}
    answer |= {"called": False, "until": time.time() + float(state.get("TimeoutSeconds", _NEVER))}
    answer = sfn._task_tokens.setdefault(token, answer)
    _asking[token] = execution
    try:
        if not answer["called"]:
            sfn._invoke_resource(resource.replace(".waitForTaskToken", ""), arguments)
            answer["called"] = True
        _wait(answer, float(state.get("HeartbeatSeconds", _NEVER)))
    finally:
        sfn._task_tokens.pop(token, None)
        spent.add(token)
        _asking.pop(token, None)
    if error := answer["error"]:
        raise sfn._ExecutionError(error["Error"], error["Cause"])
    return json.loads(answer["result"])


@repair(
    "ministack.services.stepfunctions._apply_jsonata_arguments",
    reason="A task that is tried again hands out the token of its first try, which is spent.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token",
    source_sha256="c74f8b18dccd76778b1953ba04812692a4afabf740aa2b0a67fcc3d149b137d8",
)
def arguments_with_own_token(
    original: Original, state: dict[str, Any], raw_input: Any, ctx: dict[str, Any] | None = None
) -> Any:
    """Evaluate a state's arguments, which is done for each try, with a token for this try alone."""
    if ctx is not None and ".waitForTaskToken" in state.get("Resource", ""):
        ctx["Task"] = {"Token": str(uuid.uuid4())}
    return original(state, raw_input, ctx)


def _wait(answer: dict[str, Any], heartbeat: float) -> None:
    execution = current.get()
    seen, beat = None, time.monotonic()
    while not answer["event"].wait(_POLL_SECONDS):
        now = time.monotonic()
        if answer["heartbeat"] != seen:
            seen, beat = answer["heartbeat"], now
        if execution and execution["status"] != "RUNNING":
            raise sfn._ExecutionError("States.Timeout", "The execution has ended")
        if time.time() > answer["until"]:
            raise sfn._ExecutionError("States.Timeout", "Nobody answered in time")
        if now - beat > heartbeat:
            raise sfn._ExecutionError("States.HeartbeatTimeout", "No heartbeat in time")


@repair(
    "ministack.services.stepfunctions._execute_task",
    reason="A limit that is a JSONata expression is taken for a number.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html",
    source_sha256="53c818d247dba62c49b82c78ad185f18083422f2bc30168836d7b4f2dae28d9a",
)
def execute_with_limits(
    original: Original, state: dict[str, Any], raw_input: Any, execution: Any, ctx: dict[str, Any]
) -> Any:
    """Run a task with its limits evaluated."""
    expressions = [name for name in _LIMITS if isinstance(state.get(name), str)]
    limits = {name: sfn._jsonata_state_field(state, name, "number", raw_input, ctx) for name in expressions}
    return original(state | limits, raw_input, execution, ctx)


@repair(
    "ministack.services.stepfunctions._invoke_resource_with_timeout",
    reason="The time in the line for a worker, which AWS does not have, counts as time of the task.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html",
    source_sha256="faeed0bf70d53efc6584e3807359286ba330ecfa4f3f76adda682f6c7f6e9333",
)
def invoke_within_own_time(_original: Original, resource: str, arguments: Any, timeout: float) -> Any:
    """Run a task; when its time is over, lines not counted, it goes on alone and the state has failed."""
    wait, start = Wait(), time.monotonic()
    token = waited.set(wait)
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        work = pool.submit(contextvars.copy_context().run, sfn._invoke_resource, resource, arguments)
    finally:
        waited.reset(token)
        pool.shutdown(wait=False)
    while (left := start + timeout + wait.seconds() - time.monotonic()) > 0:
        try:
            return work.result(timeout=left)
        except TimeoutError:
            if work.done():
                raise  # the task's own error has this class
    raise sfn._ExecutionError("States.Timeout", f"Task timed out after {timeout} seconds")


@repair(
    "ministack.services.stepfunctions._send_task_success",
    reason=_SPENT,
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html",
    source_sha256="12eff48bce57f5abe0fe41ea2e0dcbee9b8df43acc2297f032b66b1f360b1f05",
)
@repair(
    "ministack.services.stepfunctions._send_task_failure",
    reason=_SPENT,
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html",
    source_sha256="c2a489b4ed330840a447d69aa1188355ebb657f6679b8cb0e07869ec7b3d3c28",
)
@repair(
    "ministack.services.stepfunctions._send_task_heartbeat",
    reason=_SPENT,
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html",
    source_sha256="56879a4655d159a255746e29496e73b0630c7b799b65dc31883df10cef00112d",
)
def refuse_spent_token(original: Original, data: dict[str, Any]) -> Any:
    """Pass an answer on; a token that was used or has expired is refused with TaskTimedOut."""
    token = data.get("taskToken", "")
    answered = sfn._task_tokens.get(token, {}).get("event")
    # An attempt that was stopped may not have looked yet.
    stopped = _asking.get(token, {}).get("status", "RUNNING") != "RUNNING"
    if token in spent or stopped or (answered is not None and answered.is_set()):
        return sfn.error_response_json("TaskTimedOut", "Task Timed Out: the task does not wait any more", 400)
    return original(data)


@repair(
    "ministack.services.stepfunctions._find_matching_retrier",
    reason="MaxDelaySeconds and JitterStrategy are ignored.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
    source_sha256="cb494ae8503cce39ee49c409d9c1946a51cbf7709a67b5f5ce376db5a0c79170",
)
def retrier_with_pause(
    original: Original, retriers: list[dict[str, Any]], error: str, counts: dict[int, int]
) -> Any:
    """Return the matching retrier with the pause that AWS would make; the twin shortens it afterwards."""
    retrier, index = original(retriers, error, counts)
    if retrier is None:
        return None, -1
    pause = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
    pause = min(pause, retrier.get("MaxDelaySeconds", pause))
    if retrier.get("JitterStrategy") == "FULL":
        pause *= random.random()  # noqa: S311 # a pause, not a secret
    return {**retrier, "IntervalSeconds": pause, "BackoffRate": 1.0}, index


@repair(
    "ministack.services.stepfunctions._error_matches",
    reason="States.Timeout does not match a missing heartbeat.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html",
    source_sha256="519b9dc729c56a3caca5c301fd662ff40e1925ea47d7b8ad19b98236a9811dfa",
)
def heartbeat_is_a_timeout(original: Original, names: list[str], error: str) -> bool:
    """Return whether one of the names matches an error."""
    if error == "States.HeartbeatTimeout" and "States.Timeout" in names:
        return True
    return bool(original(names, error))
