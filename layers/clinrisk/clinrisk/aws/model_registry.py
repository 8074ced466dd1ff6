"""The model registry: what a package says it is made of."""

from __future__ import annotations

from clinrisk.aws import clients


def recorded(package_arn: str) -> dict[str, str]:
    """Return the properties (digests, threshold, image) recorded when the package was registered."""
    found = clients.sagemaker().describe_model_package(ModelPackageName=package_arn)
    return dict(found.get("CustomerMetadataProperties", {}))
