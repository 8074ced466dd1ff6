"""The model registry: what a package says it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import clients

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase


def package_group_name(stack: str, use_case: UseCase) -> str:
    """Return the name of the group that holds the model packages of a use case's present contract.

    >>> from clinrisk import use_cases
    >>> package_group_name("clinrisk", use_cases.get("heart"))
    'clinrisk-heart-v1'
    """
    return f"{stack}-{use_case.contract_id}"


def recorded(package_arn: str) -> dict[str, str]:
    """Return the properties (digests, threshold, image) recorded when the package was registered."""
    found = clients.sagemaker().describe_model_package(ModelPackageName=package_arn)
    return dict(found.get("CustomerMetadataProperties", {}))
