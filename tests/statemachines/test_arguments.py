"""Every Task asks AWS for something that AWS can understand."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.statemachines.arguments import problems_of
from tests.statemachines.definitions import LocatedState, everything

TASKS = [located for located in everything() if located.state["Type"] == "Task"]


@pytest.mark.parametrize("located", TASKS, ids=str)
def test_arguments_fit_the_operation(located: LocatedState) -> None:
    assert problems_of(located.state) == []


def task(machine: str, name: str) -> dict[str, Any]:
    found = [located.state for located in TASKS if (located.machine, located.name) == (machine, name)]
    return copy.deepcopy(found[0])


CHANNEL: list[str | int] = ["InputDataConfig", 0, "DataSource"]
# Each is a fault of a hurried edit: machine, state, where in its Arguments, what is put there, the objection.
FAULTS: list[tuple[str, str, list[str | int], object, str]] = [
    ("training", "Train XGBoost", ["TrainingJobNam"], "x", "not a member"),
    ("training", "Train XGBoost", ["EnableNetworkIsolation"], "true", "true or false"),
    ("training", "Train XGBoost", ["ResourceConfig", "VolumeSizeInGb"], 5, "not a member"),
    ("training", "Train XGBoost", ["ResourceConfig", "VolumeSizeInGB"], "30", "whole number"),
    ("training", "Train XGBoost", ["ResourceConfig", "InstanceType"], "ml.m5.lagre", "does not know"),
    ("training", "Train XGBoost", [*CHANNEL, "S3DataSource", "S3DataType"], "Prefix", "does not know"),
    ("training", "Train XGBoost", ["StoppingCondition"], {"MaxRuntimeInSeconds": 0}, "outside"),
    ("training", "Assemble Training Set", ["ProcessingOutputConfig", "Outputs"], {}, "has to be a list"),
    ("training", "Assemble Training Set", ["Environment"], ["USE_CASE"], "has to be an object"),
    ("training", "Register Candidate", ["ModelApprovalStatus"], "Pending", "does not know"),
    ("scoring", "Score By Champion", ["TransformInput", "SplitType"], "LINE", "does not know"),
    ("scoring", "Score By Champion", ["DataProcessing", "InputFiler"], "$", "not a member"),
    ("scoring", "Resolve Live Model", ["Key", "pk", "N"], 1, "has to be text"),
    ("ingest", "Announce Receipt", ["MessageAttributes", "audience", "Type"], "String", "not a member"),
    ("ingest", "Start Training", ["Nmae"], "x", "not a member"),
    ("ingest", "Claim Upload", ["Function"], "x", "not a member"),
]  # fmt: skip


@pytest.mark.parametrize(("machine", "name", "path", "value", "sentence"), FAULTS)
def test_a_wrong_argument_is_found(
    machine: str, name: str, path: list[str | int], value: object, sentence: str
) -> None:
    broken = task(machine, name)
    target: Any = broken["Arguments"]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    assert any(sentence in problem for problem in problems_of(broken))


@pytest.mark.parametrize(
    ("machine", "name", "member"),
    [
        ("training", "Train XGBoost", "OutputDataConfig"),
        ("training", "Create Model", "ModelName"),
        ("scoring", "Score By Champion", "TransformResources"),
        ("ingest", "Announce Receipt", "Message"),
        ("ingest", "Start Scoring", "StateMachineArn"),
        ("ingest", "Claim Upload", "FunctionName"),
    ],
)
def test_a_forgotten_argument_is_found(machine: str, name: str, member: str) -> None:
    broken = task(machine, name)
    del broken["Arguments"][member]
    assert any(f"{member} is missing" in problem for problem in problems_of(broken))


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::sagemaker:createModell",
        "arn:aws:states:::sagmaker:createModel",
        "arn:aws:states:::sagemaker:createModel.sync",
        "arn:aws:states:::aws-sdk:sagemaker:createTrainingJob.sync",
        "arn:aws:states:::lambda",
    ],
)
def test_a_wrong_resource_is_found(resource: str) -> None:
    assert problems_of({"Resource": resource, "Arguments": {}}) != []
