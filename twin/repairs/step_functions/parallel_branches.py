"""Branches of Parallel and items of Map: own variables, own context, a history of every state."""

import contextvars
import copy
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair
from twin.repairs.step_functions import execution_run

_stop: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("stop", default=None)


@repair(
    "ministack.services.stepfunctions._run_parallel_branches",
    reason="Branches share one context (variables, state names, retry counts), Arguments, Output and Assign"
    " are ignored, and a failed branch is noticed when all have ended.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html",
    source_sha256="b8c7f69152976e05aeea7823a4c9fd9a3c039fd117a94b38abb3f7bfd0b1bc4a",
)
def run_branches(
    original: Original, state: dict[str, Any], raw_input: Any, execution: Any, ctx: dict[str, Any]
) -> Any:
    """Run a JSONata Parallel with its own Arguments, Output and Assign, each branch in its own context."""
    if sfn._state_query_language(state, ctx) != "JSONata":
        return original(state, raw_input, execution, ctx)
    arguments = sfn._apply_jsonata_arguments(state, raw_input, ctx)
    stop = threading.Event()
    token = _stop.set(stop)
    pool = ThreadPoolExecutor(max_workers=len(state["Branches"]))
    try:
        running = [
            pool.submit(
                contextvars.copy_context().run,
                sfn._run_sub_machine,
                branch["States"],
                branch["StartAt"],
                arguments,
                execution,
                copy.deepcopy(ctx),
            )
            for branch in state["Branches"]
        ]
        done, _ = wait(running, return_when=FIRST_EXCEPTION)
        for branch in done:
            branch.result()
        results = [branch.result() for branch in running]
    finally:
        stop.set()
        _stop.reset(token)
        pool.shutdown(wait=False)
    output = sfn._apply_jsonata_output(state, raw_input, ctx, result=results, default=results)
    sfn._apply_state_assign(state, raw_input, ctx, result=results)
    return output, sfn._next_or_end(state)


@repair(
    "ministack.services.stepfunctions._run_sub_machine",
    reason="States of branches and items are not in the history, and go on after the execution has ended.",
    link="https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html",
    source_sha256="f8d844168b1459f8d2f13b3fb93ee6cba425bbc57bd05e7cab3fe8f010853f29",
)
def run_states(
    _original: Original,
    states: dict[str, Any],
    start_at: str,
    given: Any,
    execution: dict[str, Any],
    ctx: dict[str, Any],
) -> Any:
    """Run the states of a branch or of a Map item, each with its events, until the execution ends."""
    name: str | None = start_at
    data = copy.deepcopy(given)
    while name:
        stop = _stop.get()
        if (stop and stop.is_set()) or execution.get("status", "RUNNING") != "RUNNING":
            raise sfn._ExecutionError(
                "States.BranchFailed", "Another branch failed, or the execution has ended"
            )
        execution_run.enter(states, name, data, execution)
        data, name = execution_run.execute(states, name, data, execution, ctx)
    return data
