"""Parallel and Map as Step Functions runs them: own variables, own context, a history of every state."""

import contextvars
import copy
import json
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.registry import Site

_stop: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("stop", default=None)


def apply(site: Site) -> None:
    """Repair how branches run and what they leave behind."""
    del site
    sfn._run_sub_machine = _run_states
    _parallel()


def _parallel() -> None:
    """Run a JSONata Parallel with its own Arguments, Output and Assign.

    The engine reads JSONPath fields only, lets all branches share one context (their variables leak, their
    state names and retry counts overwrite each other), and waits for every branch although one has already
    failed.
    """
    run_by_path = sfn._run_parallel_branches

    def run_branches(state: dict[str, Any], raw_input: Any, execution: Any, ctx: dict[str, Any]) -> Any:
        if sfn._state_query_language(state, ctx) != "JSONata":
            return run_by_path(state, raw_input, execution, ctx)
        arguments = sfn._apply_jsonata_arguments(state, raw_input, ctx)
        stop = threading.Event()
        token = _stop.set(stop)
        pool = ThreadPoolExecutor(max_workers=len(state["Branches"]))
        try:
            running = [
                pool.submit(
                    contextvars.copy_context().run,
                    _run_states,
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

    sfn._run_parallel_branches = run_branches


def _run_states(
    states: dict[str, Any], start_at: str, given: Any, execution: dict[str, Any], ctx: dict[str, Any]
) -> Any:
    """Run the states of a branch or of a Map item.

    The engine leaves them out of the history, so nobody can see where a branch is, and starts further states
    of a branch although the execution has ended.
    """
    name: str | None = start_at
    data = copy.deepcopy(given)
    while name:
        stop = _stop.get()
        if (stop and stop.is_set()) or execution.get("status", "RUNNING") != "RUNNING":
            raise sfn._ExecutionError(
                "States.BranchFailed", "Another branch failed, or the execution has ended"
            )
        state = states[name]
        kind = state["Type"]
        ctx["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
        entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(data)}}
        sfn._add_event(execution, f"{kind}StateEntered", entered)
        match kind:
            case "Fail":
                raise sfn._ExecutionError(*sfn._fail_state_error(state, data, ctx))
            case "Succeed" if sfn._state_query_language(state, ctx) == "JSONata":
                data, following = sfn._apply_jsonata_output(state, data, ctx, default=data), None
            case "Succeed":
                data, following = (
                    sfn._apply_output_path(state, sfn._apply_input_path(state, data, ctx), ctx),
                    None,
                )
            case "Task" | "Parallel" | "Map":
                data, following = getattr(sfn, f"_execute_{kind.lower()}")(state, data, execution, ctx)
            case _:
                data, following = getattr(sfn, f"_execute_{kind.lower()}")(state, data, ctx)
        exited = {"stateExitedEventDetails": {"name": name, "output": json.dumps(data)}}
        sfn._add_event(execution, f"{kind}StateExited", exited)
        name = following
    return data
