"""The Arguments of a Task held against the shapes of the AWS operation that it calls.

Step Functions checks them only when the state runs. Here an object is compared with botocore's shape
member by member; a JSONata expression may give anything and is let through, while everything around it
is still compared.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ServiceModel, Shape

_RESOURCE = re.compile(
    r"arn:[a-z-]+:states:::(?P<sdk>aws-sdk:)?(?P<service>[a-z0-9]+):(?P<operation>[A-Za-z]+)"
    r"(?P<pattern>\.sync|\.waitForTaskToken)?"
)
# Step Functions' name of a service -> botocore's.
_SERVICES = {"sfn": "stepfunctions", "states": "stepfunctions"}
# Members whose value Step Functions takes as an object and sends as text.
_AS_TEXT = {("lambda", "Payload"), ("states", "Input"), ("sns", "Message")}
# The integrations that wait for a job; nothing else takes ".sync" here.
_WAITING = {
    ("sagemaker", "createTrainingJob"),
    ("sagemaker", "createProcessingJob"),
    ("sagemaker", "createTransformJob"),
    ("sagemaker", "createHyperParameterTuningJob"),
}
_WHOLE = {"integer", "long"}


def problems_of(task: dict[str, Any]) -> list[str]:
    """List what AWS would refuse about a Task's Resource and Arguments, in words."""
    resource = _RESOURCE.fullmatch(task["Resource"])
    if resource is None:
        return [f"Resource {task['Resource']} is not an integration"]
    service, operation, pattern = resource["service"], resource["operation"], resource["pattern"]
    if pattern == ".sync" and (resource["sdk"] or (service, operation) not in _WAITING):
        return [f"{service}:{operation} cannot be waited for with .sync"]
    model = _model(service)
    if model is None:
        return [f"there is no service {service}"]
    names = {name[0].lower() + name[1:]: name for name in model.operation_names}
    if operation not in names:
        return [f"{service} has no operation {operation}"]
    shape = model.operation_model(names[operation]).input_shape
    if shape is None:
        return []
    return list(_compare(task.get("Arguments", {}), shape, "Arguments", service))


@cache
def _model(service: str) -> ServiceModel | None:
    session = botocore.session.get_session()
    name = _SERVICES.get(service, service)
    return session.get_service_model(name) if name in session.get_available_services() else None


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _compare(value: Any, shape: Shape, path: str, service: str) -> Iterator[str]:
    if _is_expression(value):
        return
    details: Any = shape
    kind = shape.type_name
    if kind == "structure":
        yield from _compare_structure(value, details, path, service)
    elif kind == "list":
        if not isinstance(value, list):
            yield f"{path} has to be a list"
            return
        for index, item in enumerate(value):
            yield from _compare(item, details.member, f"{path}[{index}]", service)
    elif kind == "map":
        if not isinstance(value, dict):
            yield f"{path} has to be an object"
            return
        for key, item in value.items():
            yield from _compare(item, details.value, f"{path}.{key}", service)
    else:
        yield from _compare_scalar(value, details, path)


def _compare_structure(value: Any, shape: Any, path: str, service: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} has to be an object"
        return
    members = {_pascal(name): member for name, member in shape.members.items()}
    for required in map(_pascal, shape.required_members):
        if required not in value:
            yield f"{path}.{required} is missing"
    for name, item in value.items():
        if name not in members:
            yield f"{path}.{name} is not a member of {shape.name}"
        elif (service, name) not in _AS_TEXT:
            yield from _compare(item, members[name], f"{path}.{name}", service)


def _compare_scalar(value: Any, shape: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    if kind in _WHOLE:
        if not isinstance(value, int) or isinstance(value, bool):
            yield f"{path} has to be a whole number"
        else:
            yield from _compare_range(value, shape, path)
    elif kind in {"float", "double"}:
        if not isinstance(value, int | float) or isinstance(value, bool):
            yield f"{path} has to be a number"
    elif kind == "boolean":
        if not isinstance(value, bool):
            yield f"{path} has to be true or false"
    elif kind == "string":
        if not isinstance(value, str):
            yield f"{path} has to be text"
        elif shape.enum and value not in shape.enum:
            yield f"{path} is {value!r}, which AWS does not know"
        else:
            yield from _compare_range(len(value), shape, path)


def _compare_range(size: int, shape: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        yield f"{path} lies outside {low} to {high}"


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]
