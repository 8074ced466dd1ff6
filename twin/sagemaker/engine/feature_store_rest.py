"""The Feature Store's REST requests as operations, with their input from path, query and body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.protocol import service_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape

    from twin.sagemaker.platform import Body


@dataclass(frozen=True)
class RestCall:
    """An operation's name and its input."""

    operation: str
    body: Body


def read_call(method: str, path: str, query: Mapping[str, list[str]], raw: bytes) -> RestCall:
    """Return the call in a REST request of the Feature Store's runtime, or a refusal that names it."""
    for name in service_model.service(service_model.FEATURE_STORE).operation_names:
        operation = service_model.operation(service_model.FEATURE_STORE, name)
        assert operation is not None  # noqa: S101 - named by the model itself
        labels = _match(operation.http["requestUri"], path)
        if operation.http["method"] == method and labels is not None:
            body = _body(raw) | labels
            for member, shape in _members(operation).items():
                if shape.serialization.get("location") == "querystring":
                    values = query.get(shape.serialization["name"])
                    if values:
                        body[member] = values if shape.type_name == "list" else values[0]
            return RestCall(name, body)
    code = "UnknownOperationException"
    raise SageMakerError(code, f"{method} {path}: the Feature Store runtime has no such operation.", 404)


def _members(operation: OperationModel) -> dict[str, Shape]:
    return dict(operation.input_shape.members) if operation.input_shape else {}


def group_names(call: RestCall) -> list[str]:
    """Return the feature groups that a call touches, each once, in its order."""
    body = call.body
    items = body.get("Entries") or body.get("Identifiers") or [body]
    names = [
        item["FeatureGroupName"] for item in items if isinstance(item, dict) and "FeatureGroupName" in item
    ]
    return list(dict.fromkeys(names))


def _match(template: str, path: str) -> dict[str, str] | None:
    """Return the labels of a path, or None when it does not fit; the engine hands over the path decoded.

    >>> _match("/FeatureGroup/{FeatureGroupName}", "/FeatureGroup/heart-v1")
    {'FeatureGroupName': 'heart-v1'}
    >>> _match("/BatchWriteRecord", "/FeatureGroup/heart-v1") is None
    True
    """
    head, label, tail = template.partition("{")
    name, _, rest = tail.partition("}")
    if not label:
        return {} if path == template else None
    if not (path.startswith(head) and path.endswith(rest) and len(path) > len(head) + len(rest)):
        return None
    value = unquote(path[len(head) : len(path) - len(rest)])
    # An ARN carries one slash of its own; a name carries none.
    return {name: value} if "/" not in value or value.startswith("arn:") else None


def _body(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw or b"{}")
    except ValueError as error:
        raise SageMakerError("ValidationError", "The request's body is not JSON.") from error
    if not isinstance(found, dict):
        raise SageMakerError("ValidationError", "The request's body is not a JSON object.")
    return found
