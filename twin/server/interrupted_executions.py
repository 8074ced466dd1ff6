"""Executions that ran when the twin was stopped: which of them go on, and how the others end.

Whether an execution waits for the answer to a token is all that can be known of a thread that is gone. The
call was made and its token is with somebody, so it waits on. Whatever else an execution did, it may have
been half done.
"""

# ruff: noqa: SLF001 - the engine has no interface for its executions

import json
import threading
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.step_functions import execution_run

_STOP = {
    "error": "Twin.Stopped",
    "cause": "The twin was stopped while this ran. Only what waits for an answer goes on at the next start.",
}


def go_on() -> None:
    """Let those go on that wait for the answer to a token, and end the others with the events of a stop."""
    for execution in sfn._executions.values():
        if execution["status"] == "RUNNING":
            if token := _awaited(execution):
                execution["token"] = token
                threading.Thread(target=execution_run.run, args=(execution,), daemon=True).start()
            else:
                sfn._stop_execution({"executionArn": execution["executionArn"], **_STOP})


def _awaited(execution: dict[str, Any]) -> str | None:
    """Return the token that an execution has handed out in its current state and waits for."""
    if "position" not in execution:
        return None
    state = json.loads(execution["definition"])["States"].get(execution["position"]["state"], {})
    token: str | None = execution["context"].get("Task", {}).get("Token")
    handed_out = sfn._task_tokens.get(token, {}).get("called", False)
    return token if handed_out and ".waitForTaskToken" in state.get("Resource", "") else None
