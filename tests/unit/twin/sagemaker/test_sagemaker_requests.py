"""Requests are refused as AWS refuses them, by botocore's own model."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from typing import Any

import pytest

import twin.sagemaker
from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.protocol import request_validation, service_model

INSTALLATION = "twin.sagemaker.engine.installation"  # the one module that imports the engine


def refusal(sagemaker: Any, operation: str, body: dict[str, Any]) -> SageMakerError:
    with pytest.raises(SageMakerError) as caught:
        sagemaker.handle(operation, body)
    return caught.value


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"TrainingJobName": None}, "TrainingJobName is required"),
        ({"TrainingJobName": "under_score"}, "TrainingJobName must match the pattern"),
        ({"TrainingJobName": "x" * 64}, "TrainingJobName must have at most 63 characters"),
        ({"HyperParameters": {"seed": 1}}, "HyperParameters.seed must be a string, not int"),
        ({"EnableNetworkIsolation": "true"}, "EnableNetworkIsolation must be a boolean, not str"),
        ({"Image": "x"}, "Image is not a member of CreateTrainingJobRequest"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "must have at least 1 as a value"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "must be a integer, not bool"),
        ({"OutputDataConfig": {}}, "OutputDataConfig.S3OutputPath is required"),
        ({"ResourceConfig": {"InstanceType": "ml.huge"}}, "ResourceConfig.InstanceType must be one of the"),
        ({"InputDataConfig": []}, "InputDataConfig must have at least 1 items"),
        ({"Tags": [{"Key": "a"}]}, "Tags[0].Value is required"),
    ],
)
def test_a_request_that_breaks_the_model_is_refused(
    sagemaker: Any, training_request: Any, change: dict[str, Any], sentence: str
) -> None:
    error = refusal(sagemaker, "CreateTrainingJob", training_request("t1") | change)
    assert error.code == "ValidationException"
    assert sentence in error.message
    with pytest.raises(SageMakerError):
        sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t1"})


@pytest.mark.parametrize("operation", ["CreateEndpoint", "CreateMonitoringSchedule", "MakeCoffee"])
def test_unknown_operations_are_refused_by_name(sagemaker: Any, operation: str) -> None:
    error = refusal(sagemaker, operation, {})
    assert error.code == "UnknownOperationException"
    assert operation in error.message


def test_every_pattern_of_the_models_can_be_checked() -> None:
    for name in (service_model.CONTROL_PLANE, service_model.FEATURE_STORE):
        shapes = service_model.service(name)
        for shape in map(shapes.shape_for, shapes.shape_names):
            if pattern := shape.metadata.get("pattern"):
                request_validation._compiled(pattern)
    key = service_model.service(service_model.CONTROL_PLANE).shape_for("CustomerMetadataKey")
    assert request_validation.problems(key, "data-digest") == []
    assert request_validation.problems(key, "a;b")


def test_every_operation_exists_in_the_model(sagemaker: Any) -> None:
    assert sagemaker.implemented <= set(service_model.service(service_model.CONTROL_PLANE).operation_names)


def test_the_core_knows_no_engine() -> None:
    found = {module.name for module in pkgutil.walk_packages(twin.sagemaker.__path__, "twin.sagemaker.")}
    for name in found - {INSTALLATION}:
        if not name.startswith("twin.sagemaker.jobs.programs."):
            importlib.import_module(name)
    assert INSTALLATION in found


@pytest.mark.parametrize(
    "name",
    [
        "engine.feature_store_rest",
        "engine.state_machine_tasks",
        "jobs.column_filters",
        "jobs.job_container",
        "jobs.job_storage",
        "jobs.random_search",
    ],
)
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"twin.sagemaker.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
