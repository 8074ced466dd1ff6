"""SageMaker's registry and models: what a package says it is made of, and what a model serves."""

from __future__ import annotations

from clinrisk.aws import clients


def recorded(package_arn: str) -> dict[str, str]:
    """Return the properties (digests, threshold, image) recorded when the package was registered."""
    found = clients.sagemaker().describe_model_package(ModelPackageName=package_arn)
    return dict(found.get("CustomerMetadataProperties", {}))


def served(model_name: str) -> tuple[str, str]:
    """Return the image and the address of the bytes that a servable model is made of."""
    container = clients.sagemaker().describe_model(ModelName=model_name)["PrimaryContainer"]
    return container.get("Image", ""), container.get("ModelDataUrl", "")
