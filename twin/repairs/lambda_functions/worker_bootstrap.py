"""The inside of a Lambda worker: loads one handler, then answers one invocation per line (run as a script).

Runs isolated (`-I -S`), so it sees the standard library, the function's code, its layers and the runtime's
boto3: what a handler sees on AWS, and nothing of the project or the twin. It imports nothing but the standard
library itself.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TextIO

END_OF_LOG = "\x1eend-of-log"


def failure(error: BaseException, *, init: bool = False) -> dict[str, Any]:
    """Return an exception in AWS's own form: the class is what Retry and Catch match."""
    name = "Runtime.ImportModuleError" if init and isinstance(error, ImportError) else type(error).__name__
    trace = traceback.format_tb(error.__traceback__)
    return {"errorMessage": str(error), "errorType": name, "stackTrace": trace}


def context_of(call: dict[str, Any], variables: dict[str, str], memory: int) -> SimpleNamespace:
    """Return the handler's context argument."""
    deadline = time.time() + call["timeout_ms"] / 1000
    return SimpleNamespace(
        function_name=variables["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=variables["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=memory,
        invoked_function_arn=call["invoked_function_arn"],
        aws_request_id=call["request_id"],
        log_group_name=variables["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=variables["AWS_LAMBDA_LOG_STREAM_NAME"],
        identity=None,
        client_context=None,
        get_remaining_time_in_millis=lambda: max(0, int((deadline - time.time()) * 1000)),
    )


def answer(handler: Callable[[Any, Any], Any], message: dict[str, Any], memory: int) -> dict[str, Any]:
    """Run one invocation; a raised exception is an answer as well, and the worker lives on, as on AWS."""
    call = message["ctx"]
    if call.get("trace_id"):
        os.environ["_X_AMZN_TRACE_ID"] = call["trace_id"]
    try:
        result = handler(message["event"], context_of(call, dict(os.environ), memory))
    except Exception as error:  # noqa: BLE001 # the runtime reports whatever a handler raises
        traceback.print_exc()
        return {"status": "ok", "failure": failure(error)}
    try:
        return {"status": "ok", "result": json.loads(json.dumps(result))}
    except (TypeError, ValueError) as error:
        return {"status": "ok", "failure": failure(error) | {"errorType": "Runtime.MarshalError"}}


def load(init: dict[str, Any]) -> Callable[[Any, Any], Any]:
    """Import the function's handler with the search path of the Lambda runtime."""
    sys.path[:0] = [init["code_dir"], *init["layers"]]
    sys.path.append(init["runtime"])
    handler: Callable[[Any, Any], Any] = getattr(importlib.import_module(init["module"]), init["handler"])
    return handler


def peak_mb() -> int:
    """Return the most memory this process has held, in MB, since `forget_peak` or since it began."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:  # noqa: PTH123 # nothing else loaded
        # ru_maxrss starts at what the engine weighed when it started this process.
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (
        1024**2 if sys.platform == "darwin" else 1024
    )


def forget_peak() -> None:
    """Measure each invocation by itself, where the kernel allows it."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as peak:  # noqa: PTH123 # as above
        peak.write("5")


def main(requests: TextIO, replies: TextIO) -> None:
    """Load the handler, report ready, then serve until the requests end."""
    init = json.loads(requests.readline())

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message | {"peak_mb": peak_mb()}) + "\n")
        replies.flush()

    try:
        handler = load(init)
    except Exception as error:  # noqa: BLE001 # whatever a module raises while it is imported
        traceback.print_exc()
        reply({"status": "error", "failure": failure(error, init=True)})
        return
    reply({"status": "ready"})
    for line in requests:
        forget_peak()
        message = answer(handler, json.loads(line), init["memory"])
        sys.stdout.flush()
        print(END_OF_LOG, file=sys.stderr, flush=True)  # noqa: T201 # tells the engine that the log is complete
        reply(message)


if __name__ == "__main__":
    # Whatever a handler or a library prints belongs to the log; the replies have a channel of their own.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(sys.stdin, channel)
