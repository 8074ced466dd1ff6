"""The workers of all functions together: how many run at once, in which order, and which of them stay.

AWS starts an execution environment for each invocation that finds none idle; a laptop has cores and memory
for a few. The others wait for their turn, in the order of their arrival. Their Timeout begins with it.
"""

import os
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from twin.repairs.lambda_functions.lambda_worker import HandlerFailed
from twin.repairs.lambda_functions.turns import Turns
from twin.repairs.repair_registry import Original, repair

IDLE_SECONDS = 120.0
_CORES = os.cpu_count() or 1
_WORKER_BYTES = 96 * 1024**2
# A worker that waits for an answer uses no core; one that computes uses a whole one.
RUNNING = 4 * _CORES
# An eighth of the memory, since engine, jobs and browser want some as well.
ALIVE = max(RUNNING, min(16 * _CORES, lambda_svc._memory_budget_bytes() // 8 // _WORKER_BYTES))


_of_all = Turns(RUNNING)
_of_function: dict[str, Turns] = {}


@repair(
    "ministack.services.lambda_svc._execute_function_warm",
    reason="Every exception is reported as Runtime.HandlerError, so no Retry or Catch by name matches; and"
    " each invocation that finds no idle worker starts another process.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html",
    source_sha256="62b9218bef5b948a23c3269d6fb7260f88dda21cb88a1962ab72e4dceac81153",
)
def execute_in_worker(
    _original: Original, func: dict[str, Any], event: Any, request_id: str
) -> dict[str, Any]:
    """Run one invocation; a failed one carries the exception's class as errorType."""
    config = func.get("config") or func
    lambda_svc._ensure_reaper_thread()
    # More workers of one function than cores would only start later than the one that is about to be free.
    own = _of_function.setdefault(config["FunctionArn"], Turns(_CORES))
    with own.turn(), _of_all.turn():
        worker = idle_or_new(config, func["code_zip"])
        try:
            reply = worker.invoke(
                event,
                request_id,
                trace_id=lambda_svc._xray_trace_id_for_invocation(config),
                invoked_function_arn=config["FunctionArn"],
                depth=lambda_svc._invoke_depth.get(),
            )
        except HandlerFailed as failed:
            worker.kill()
            return {"error": True, "body": failed.payload, "log": worker._drain_stderr_bounded()}
        finally:
            lambda_runtime.release_worker(worker)
    log = reply.get("log", "")
    func["peak_mb"] = reply.get("peak_mb", 0)
    if failure := reply.get("failure"):
        return {"error": True, "body": failure, "log": log}
    if reply["status"] == "error":
        timed_out = lambda_svc._RIE_TIMEOUT_TEXT_RE.fullmatch(reply["error"])
        kind = "Sandbox.Timedout" if timed_out else "Runtime.ExitError"
        return {
            "error": True,
            "body": {"errorMessage": reply["error"], "errorType": kind},
            "log": f"{log}\n{reply['error']}",
        }
    return {"body": reply["result"], "log": log}


def idle_or_new(config: dict[str, Any], code_zip: bytes) -> Any:
    """Return a worker of a function, idle or new; for a new one the worker that is idle for longest goes."""
    name, version = config["FunctionName"], config.get("Version", "$LATEST")
    worker, how = lambda_runtime.acquire_worker(name, config, code_zip, qualifier=version)
    if how == "spawn":
        with lambda_runtime._lock:
            workers = [each for pool in lambda_runtime._workers.values() for each in pool]
            idle = sorted((each for each in workers if not each.in_use), key=lambda each: each.last_used)
            surplus = _taken_out(idle[: max(0, len(workers) - ALIVE)])
        lambda_runtime.kill_workers(surplus)
    return worker


def _taken_out(leaving: list[Any]) -> list[Any]:
    """Take workers out of their pools, under the engine's lock, so that nobody gets them any more."""
    for key, pool in list(lambda_runtime._workers.items()):
        lambda_runtime._workers[key] = [worker for worker in pool if worker not in leaving]
    return leaving


@repair(
    "ministack.services.lambda_svc.reap_idle_workers",
    reason="One worker per function is kept for ever.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html",
    source_sha256="d0e5aa7c2b5902ae662449a3a4e76a8ec6e691de4431ecc10949728fd90ad05a",
)
def end_idle_workers(_original: Original, ttl: float = IDLE_SECONDS) -> int:
    """End workers that nobody used for a while, and return how many."""
    limit = time.time() - ttl
    with lambda_runtime._lock:
        workers = [each for pool in lambda_runtime._workers.values() for each in pool]
        idle = _taken_out([each for each in workers if not each.in_use and each.last_used < limit])
    lambda_runtime.kill_workers(idle)
    return len(idle)
