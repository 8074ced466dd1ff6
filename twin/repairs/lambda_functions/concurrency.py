"""The account's limit of invocations at once: a caller is refused, an event waits for hours.

The limit is a quota of the twin (`twin quota lambda=10`); how many workers there are is another matter, and
`worker_pool`'s.
"""

import contextvars
import json
import random
import threading
import time
from typing import Any

from ministack.services import lambda_svc

from twin.repairs.repair_registry import Original, Site, repair
from twin.state import StateDirectory

Slot = tuple[str | None, str | None]
"""What the engine calls a slot: its key, and, where there is none, whose limit is reached."""
_LONGEST_PAUSE = 1.0
_taking = threading.Lock()
# Set for the length of an invocation by an event: the moment after which it is given up.
_queued_until: contextvars.ContextVar[float | None] = contextvars.ContextVar("queued_until", default=None)


@repair(
    "ministack.services.lambda_svc._acquire_execution_slot",
    reason="The account's limit is what the engine makes of the machine's memory, and cannot be changed.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html",
    source_sha256="ed3b38149e2e14aaf63ef63060c189a9bac09ab8255ef83f09bc2b6ddc44b742",
    needs_site=True,
)
def take_slot(original: Original, site: Site, func: dict[str, Any], config: dict[str, Any]) -> Slot:
    """Take one of the invocations that the account may have at once; what is queued waits for one."""
    pause, until = 0.05, _queued_until.get()
    while True:
        with _taking:
            quota = StateDirectory(site.state_dir).quotas.limit("lambda")
            full = lambda_svc.executions_in_flight()[0] >= quota
            slot: Slot = (None, "account") if full else original(func, config)
        if slot[0] is not None or until is None or time.monotonic() > until:
            return slot
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 # a pause, not a secret
        pause = min(2 * pause, _LONGEST_PAUSE)


@repair(
    "ministack.services.lambda_svc._get_account_settings",
    reason="The account's limit is given as 1,000 whatever it is.",
    link="https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html",
    source_sha256="8155708f9d9c6187ec619f5ce9d8961812013aacd43eec572749cf35e6e40e9a",
    needs_site=True,
)
def settings_with_quota(original: Original, site: Site) -> Any:
    """Return the account's settings with its quota."""
    status, headers, body = original()
    settings = json.loads(body)
    limits, quota = settings["AccountLimit"], StateDirectory(site.state_dir).quotas.limit("lambda")
    reserved = limits["ConcurrentExecutions"] - limits["UnreservedConcurrentExecutions"]
    limits |= {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": max(0, quota - reserved)}
    return status, headers, json.dumps(settings).encode()


@repair(
    "ministack.services.lambda_svc._throttle_response",
    reason="A state that invokes a function beyond the limit fails with Lambda.Unknown.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html",
    source_sha256="647221d5b0775feb5335a56f6640977c1b1477937e3edd635d8919aa577c41ae",
)
def refuse_by_name(original: Original, *arguments: Any, **named: Any) -> dict[str, Any]:
    """Refuse an invocation under the name that Retry and Catch match."""
    refused: dict[str, Any] = original(*arguments, **named)
    refused["body"] |= {"errorType": "Lambda.TooManyRequestsException", "message": "Rate Exceeded."}
    return refused


@repair(
    "ministack.services.lambda_svc.invoke_async_with_retry",
    reason="An event beyond the limit is given up after three tries, like one whose function failed.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html",
    source_sha256="289fe4d3cbd4089b4bace68e20212c8a4a74b38dc8e781556a1114df1058b5a1",
)
def queue_event(original: Original, func: dict[str, Any], event: Any) -> None:
    """Invoke a function by an event, which waits while there are too many invocations."""
    settings = func.get("event_invoke_config") or {}
    token = _queued_until.set(time.monotonic() + float(settings.get("MaximumEventAgeInSeconds", 21_600)))
    try:
        original(func, event)
    finally:
        _queued_until.reset(token)


@repair(
    "ministack.services.eventbridge._dispatch_to_lambda",
    reason="A rule's event is lost when its function fails or is refused, and nothing says so.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html",
    source_sha256="1f95adbaed3a966a5b5761dbf547c1fa47100ea4229bd7461cd2fb599708434d",
)
def queue_event_of_rule(_original: Original, arn: str, payload: str) -> None:
    """Invoke a rule's function as every event does: queued, and repeated when it fails."""
    func, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if func and config:
        try:
            event = json.loads(payload)
        except ValueError:
            event = {"body": payload}
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), event)
