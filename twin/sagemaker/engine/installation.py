"""The local SageMaker in the engine: its routes, permissions, resource types, tasks and events.

The only module of this package that imports the engine. What it adds and wraps is registered like the
repairs of `twin.repairs`: checked before, and undone by the registry.
"""

# ruff: noqa: SLF001 - an engine without a plug-in interface is extended through its module-level names

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from ministack import app
from ministack.core import iam_evaluator, router
from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

from twin.repairs.repair_registry import RepairRegistry
from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.engine import feature_store_rest, state_machine_tasks
from twin.sagemaker.engine.request_arns import resource_arns
from twin.sagemaker.engine.stack_resources import resource_types
from twin.sagemaker.local_service import LocalSageMaker
from twin.sagemaker.platform import Platform
from twin.sagemaker.protocol import service_model
from twin.state import StateDirectory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twin.repairs.repair_registry import Original, Site

_log = logging.getLogger("twin.sagemaker")
SERVICE = "sagemaker"
_TARGET = "SageMaker"
_LACK = {
    "reason": "The engine has no SageMaker and no Feature Store.",
    "link": "https://docs.aws.amazon.com/sagemaker/latest/APIReference/Welcome.html",
}
_INTEGRATION = "https://docs.aws.amazon.com/step-functions/latest/dg/connect-sagemaker.html"
Response = tuple[int, dict[str, str], bytes]


def put_into_engine(
    site: Site, jobs_python: Path, *, region: str = "us-east-1", account: str = "000000000000"
) -> tuple[LocalSageMaker, RepairRegistry]:
    """Return a local SageMaker that is connected to the engine of this process, and what connects it."""
    platform = Platform(
        site.endpoint_url,
        site.state_dir,
        jobs_python,
        region=region,
        account=account,
        access_key=os.environ.get("AWS_ACCESS_KEY_ID", "test"),
        secret_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "test"),
        publish=_publish,
        job_slots=int(os.environ.get("TWIN_JOB_SLOTS", "2")),
        quota=StateDirectory(site.state_dir).quotas.limit,
    )
    sagemaker = LocalSageMaker(platform)
    registry = RepairRegistry()
    _route(registry, sagemaker)
    _authorise(registry, platform)
    _provision(registry, sagemaker)
    _integrate(registry, sagemaker)
    registry.apply(site)
    atexit.register(sagemaker.shutdown)
    return sagemaker, registry


def _publish(detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    """Put an event on the default bus as AWS itself does; customers may not use the source aws.sagemaker."""
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # noqa: BLE001 - whichever of the engine's targets failed
        # Best effort, as on AWS: an event nobody could deliver must not undo what it reports.
        _log.exception("The event %s could not be published.", detail_type)


def _route(registry: RepairRegistry, sagemaker: LocalSageMaker) -> None:
    """Answer SageMaker's JSON protocol and the Feature Store's REST protocol; both sign as `sagemaker`."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Response:
        target = headers.get("x-amz-target", "")
        if target:
            # Off the event loop: CreateModel asks the twin's own S3, which could not answer meanwhile.
            return await asyncio.to_thread(_control, sagemaker, target.rsplit(".", 1)[-1], body)
        return _data(sagemaker, method, path, headers, body, query)

    hosts = [r"(?:api|featurestore-runtime)\.sagemaker\."]
    patterns = {"target_prefixes": [f"{_TARGET}."], "host_patterns": hosts}
    registry.add(f"ministack.core.router.SERVICE_PATTERNS[{SERVICE}]", patterns, **_LACK)
    registry.add(f"ministack.app.SERVICE_HANDLERS[{SERVICE}]", handle, **_LACK)


def _control(sagemaker: LocalSageMaker, operation: str, body: bytes) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    try:
        request = json.loads(body or b"{}")
        return 200, headers, json.dumps(sagemaker.handle(operation, request)).encode()
    except ValueError:
        problem = SageMakerError("SerializationException", "The request's body is not JSON.")
    except SageMakerError as error:
        problem = error
    # JSON 1.1 answers every client error with 400; the code is what clients look at.
    return 400, headers, json.dumps({"__type": problem.code, "message": problem.message}).encode()


def _data(  # noqa: PLR0917 - as the engine calls its handlers
    sagemaker: LocalSageMaker,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
) -> Response:
    answered = {"Content-Type": "application/json"}
    try:
        call = feature_store_rest.read_call(method, path, query, body)
        _check_further_groups(sagemaker.platform, call, headers)
        answer = sagemaker.handle_features(call.operation, call.body)
    except SageMakerError as error:
        answered["x-amzn-errortype"] = error.code
        return error.status, answered, json.dumps({"Message": error.message}).encode()
    return 200, answered, json.dumps(answer).encode()


def _check_further_groups(
    platform: Platform, call: feature_store_rest.RestCall, headers: dict[str, str]
) -> None:
    """Evaluate a batch for every feature group that it touches; the engine asks about one resource only."""
    if not app.AUTH:
        return
    for name in feature_store_rest.group_names(call)[1:]:
        arn = platform.arn(f"feature-group/{name.rsplit('/', 1)[-1].lower()}")
        action = f"{SERVICE}:{call.operation}"
        key = router.extract_access_key_id(headers)
        if iam_evaluator.enforce(key, action, SERVICE, platform.region, resource_arn=arn):
            code = "AccessDeniedException"
            message = f"The caller is not authorized to perform: {action} on resource: {arn}"
            raise SageMakerError(code, message, 403)


def _authorise(registry: RepairRegistry, platform: Platform) -> None:
    """Let the engine evaluate the callers' policies: it allows every action of a service it does not know."""
    tables = "ministack.core.iam_actions"
    registry.add(f"{tables}.SERVICE_TO_IAM_NAMESPACE[{SERVICE}]", SERVICE, **_LACK)
    registry.add(f"{tables}._BOTOCORE_SERVICE_MAP[{SERVICE}]", [service_model.FEATURE_STORE], **_LACK)
    # The engine would read 400 models' worth of JSON for these two; ours is read once, on first use.
    registry.add(f"{tables}._UNSIGNED_OPERATIONS[{SERVICE}]", frozenset(), **_LACK)
    registry.add(f"{tables}._TAG_OPERATIONS[{SERVICE}]", _TaggingOperations(), **_LACK)

    @registry.repair(
        f"{tables}.extract_resource_arn",
        reason="A request of a service that the engine does not know is evaluated against no resource.",
        link="https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html",
        source_sha256="82f51700695c62fdca72583e1c264cc146fc22d5aa0a5faebabc3aa0a798f2e9",
    )
    def extract_with_sagemaker(original: Original, service: str, *request: Any) -> Any:
        if service != SERVICE:
            return original(service, *request)
        _, path, headers, body, *_ = request
        operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        return resource_arns(platform, operation, path, body)[0]


class _TaggingOperations:
    """The operations whose input carries tags, looked up in the model when asked."""

    def __contains__(self, operation: str) -> bool:
        known = service_model.operation(service_model.CONTROL_PLANE, operation)
        return known is not None and known.input_shape is not None and "Tags" in known.input_shape.members


def _provision(registry: RepairRegistry, sagemaker: LocalSageMaker) -> None:
    """Teach CloudFormation the two types, with the stack's tags."""
    for name, handlers in resource_types(sagemaker, provisioners._physical_name).items():
        registry.add(f"{provisioners.__name__}._RESOURCE_HANDLERS[{name}]", handlers, **_LACK)
        registry.add(f"{provisioners.__name__}._STACK_TAG_PROPERTY[{name}]", ("Tags", "list"), **_LACK)


def _integrate(registry: RepairRegistry, sagemaker: LocalSageMaker) -> None:
    """Teach Step Functions the optimised tasks and aws-sdk:sagemaker:*, and what bounds a task's life."""
    protocol = {"target_prefix": _TARGET, "protocol": "json"}
    registry.add(f"{sfn.__name__}._AWS_SDK_SERVICE_MAP[{SERVICE}]", protocol, **_LACK)
    registry.add(f"{sfn.__name__}._AWS_SDK_ERROR_PREFIX[{SERVICE}]", "SageMaker", **_LACK)
    registry.add(f"{sfn.__name__}._AWS_SDK_ERROR_CODE_OVERRIDES[{SERVICE}]", _SdkErrorNames(), **_LACK)
    for resource, task in state_machine_tasks.tasks(sagemaker).items():
        registry.add(f"{sfn.__name__}._SERVICE_DISPATCH[{resource}]", _raising_engine_errors(task), **_LACK)

    @registry.repair(
        f"{sfn.__name__}._execute_task",
        reason="A task does not know its execution, so nothing stops its job when the execution ends.",
        link=_INTEGRATION,
        source_sha256="53c818d247dba62c49b82c78ad185f18083422f2bc30168836d7b4f2dae28d9a",
    )
    def execute_for(
        original: Original,
        state: dict[str, Any],
        raw_input: Any,
        execution: dict[str, Any],
        ctx: dict[str, Any],
    ) -> Any:
        token = state_machine_tasks.execution.set(execution)
        try:
            return original(state, raw_input, execution, ctx)
        finally:
            state_machine_tasks.execution.reset(token)

    @registry.repair(
        f"{sfn.__name__}._invoke_resource_with_timeout",
        reason="A task does not know its time limit, so nothing stops its job when the time is over.",
        link=_INTEGRATION,
        source_sha256="faeed0bf70d53efc6584e3807359286ba330ecfa4f3f76adda682f6c7f6e9333",
    )
    def invoke_until(original: Original, resource: str, data: Any, timeout: float) -> Any:
        token = state_machine_tasks.deadline.set(time.monotonic() + timeout)
        try:
            return original(resource, data, timeout)
        finally:
            state_machine_tasks.deadline.reset(token)


class _SdkErrorNames(dict[str, str]):
    """The name that aws-sdk:sagemaker raises for an error code, computed for whatever code comes."""

    def get(self, code: str, default: Any = None) -> str:
        del default
        return state_machine_tasks.error_name(code, optimised=False)


def _raising_engine_errors(
    task: Callable[[str, dict[str, Any]], dict[str, Any]],
) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    def run(resource: str, data: dict[str, Any]) -> dict[str, Any]:
        try:
            return task(resource, data)
        except state_machine_tasks.TaskError as error:
            raise sfn._ExecutionError(error.error, error.cause) from error

    return run
