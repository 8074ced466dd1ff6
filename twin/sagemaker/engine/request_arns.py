"""The ARNs that IAM evaluates a SageMaker request against: the resource types documented per action."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from twin.sagemaker.platform import Platform

# The member that names an operation's resource, and the resource's type in its ARN.
_NAMED = {
    "TrainingJobName": "training-job",
    "ProcessingJobName": "processing-job",
    "TransformJobName": "transform-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "ModelPackageArn": "model-package",
    "ModelPackageName": "model-package",
    "ModelPackageGroupName": "model-package-group",
    "ModelName": "model",
    "FeatureGroupName": "feature-group",
    "ResourceArn": "",
}


def resource_arns(platform: Platform, operation: str, path: str, body: bytes) -> list[str]:
    """Return the ARNs of a request, at least one; `*` for lists and for what names nothing.

    CreateModelPackage is evaluated on the package that it would make: `model-package/GROUP/*` allows it.
    """
    try:
        request: Any = json.loads(body or b"{}")
    except ValueError:
        request = {}
    if not isinstance(request, dict):
        request = {}
    if operation.startswith("List") and operation != "ListTags":
        return ["*"]
    if path.startswith("/FeatureGroup/"):
        request = {"FeatureGroupName": unquote(path.removeprefix("/FeatureGroup/"))}
    if operation == "CreateModelPackage" and isinstance(request.get("ModelPackageGroupName"), str):
        return [platform.arn(f"model-package/{request['ModelPackageGroupName'].rsplit('/', 1)[-1]}/1")]
    items = request.get("Entries") or request.get("Identifiers") or [request]
    found = [arn for item in items if isinstance(item, dict) for arn in _of(platform, item)]
    return found or ["*"]


def _of(platform: Platform, item: dict[str, Any]) -> list[str]:
    for member, kind in _NAMED.items():
        value = item.get(member)
        if isinstance(value, str) and value:
            if value.startswith("arn:"):
                return [value]
            return [platform.arn(f"{kind}/{value.lower() if kind == 'feature-group' else value}")]
    return []
