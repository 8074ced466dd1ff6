"""The model registry counts versions, keeps decisions and tells the event bus."""

from __future__ import annotations

from typing import Any

import pytest

from twin.sagemaker.api_errors import SageMakerError

GROUP = "clinrisk-heart"


@pytest.fixture
def registry(sagemaker: Any) -> Any:
    sagemaker.handle("CreateModelPackageGroup", {"ModelPackageGroupName": GROUP})
    return sagemaker


def register(registry: Any, **changes: Any) -> str:
    container = {"Image": "sagemaker-xgboost", "ModelDataUrl": "s3://lake/m/model.tar.gz"}
    request = {
        "ModelPackageGroupName": GROUP,
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [container]},
    }
    arn: str = registry.handle("CreateModelPackage", request | changes)["ModelPackageArn"]
    return arn


def test_versions_count_up_and_are_never_reused(registry: Any) -> None:
    first, second = register(registry), register(registry)
    assert first.endswith(f":model-package/{GROUP}/1")
    registry.handle("DeleteModelPackage", {"ModelPackageName": second})
    assert register(registry).endswith("/3")
    found = registry.handle("DescribeModelPackage", {"ModelPackageName": first})
    assert (found["ModelPackageVersion"], found["ModelApprovalStatus"]) == (1, "PendingManualApproval")
    assert found["ModelPackageStatus"] == "Completed"


def test_a_client_token_makes_registration_repeatable(registry: Any) -> None:
    arn = register(registry, ClientToken="run-1")
    assert register(registry, ClientToken="run-1") == arn
    with pytest.raises(SageMakerError) as caught:
        register(registry, ClientToken="run-1", ModelApprovalStatus="Approved")
    assert caught.value.code == "ConflictException"


def test_versions_are_listed_oldest_first_unless_asked_otherwise(registry: Any) -> None:
    for _ in range(3):
        register(registry)
    registry.handle(
        "UpdateModelPackage",
        {"ModelPackageArn": register(registry), "ModelApprovalStatus": "Approved"},
    )

    def versions(**query: Any) -> list[int]:
        answer = registry.handle("ListModelPackages", {"ModelPackageGroupName": GROUP} | query)
        return [item["ModelPackageVersion"] for item in answer["ModelPackageSummaryList"]]

    assert versions() == [1, 2, 3, 4]
    assert versions(SortOrder="Descending", MaxResults=2) == [4, 3]
    assert versions(ModelApprovalStatus="Approved") == [4]


def test_an_update_changes_status_life_cycle_and_metadata(registry: Any, events: Any) -> None:
    arn = register(registry, CustomerMetadataProperties={"data": "abc", "code": "def"})
    stage = {"Stage": "Live", "StageStatus": "Released"}
    registry.handle(
        "UpdateModelPackage",
        {
            "ModelPackageArn": arn,
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": "decision 1",
            "ModelLifeCycle": stage,
            "CustomerMetadataProperties": {"report": "ghi"},
            "CustomerMetadataPropertiesToRemove": ["code"],
        },
    )
    found = registry.handle("DescribeModelPackage", {"ModelPackageName": arn})
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ModelLifeCycle"] == stage
    assert found["CustomerMetadataProperties"] == {"data": "abc", "report": "ghi"}
    kinds = [kind for kind, _ in events]
    assert kinds == ["SageMaker Model Package State Change"] * 2
    assert [detail["ModelApprovalStatus"] for _, detail in events] == ["PendingManualApproval", "Approved"]
    assert isinstance(events[1][1]["CreationTime"], int)


def test_a_package_holds_at_most_fifty_metadata_entries(registry: Any) -> None:
    fifty = {f"k{n}": "v" for n in range(50)}
    arn = register(registry, CustomerMetadataProperties=fifty)
    with pytest.raises(SageMakerError, match="at most 50"):
        registry.handle(
            "UpdateModelPackage", {"ModelPackageArn": arn, "CustomerMetadataProperties": {"one more": "v"}}
        )
    with pytest.raises(SageMakerError, match="at most 50"):
        register(registry, CustomerMetadataProperties=fifty | {"one-more": "v"})


def test_a_group_with_packages_cannot_be_deleted(registry: Any) -> None:
    arn = register(registry)
    with pytest.raises(SageMakerError, match="still contains"):
        registry.handle("DeleteModelPackageGroup", {"ModelPackageGroupName": GROUP})
    registry.handle("DeleteModelPackage", {"ModelPackageName": arn})
    registry.handle("DeleteModelPackageGroup", {"ModelPackageGroupName": GROUP})
    with pytest.raises(SageMakerError, match="does not exist"):
        register(registry)


def test_a_model_is_made_of_an_approved_package_only(registry: Any, lake: Any) -> None:
    lake.put("m/model.tar.gz", b"x")
    arn = register(registry)
    role = "arn:aws:iam::123456789012:role/sagemaker"
    request = {"ModelName": "m1", "ExecutionRoleArn": role, "PrimaryContainer": {"ModelPackageName": arn}}
    with pytest.raises(SageMakerError, match="not approved"):
        registry.handle("CreateModel", request)
    registry.handle("UpdateModelPackage", {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"})
    registry.handle("CreateModel", request)
    assert registry.models.data("m1") == "s3://lake/m/model.tar.gz"
