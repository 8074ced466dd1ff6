"""The six definitions as data, with every `${Name}` filled in as the template would fill it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonata
import yaml
from samtranslator.yaml_helper import yaml_parse

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parent.parent.parent
TEMPLATE = PROJECT / "template.yaml"
MACHINES = ("ingest", "training", "release", "scoring", "replay", "monitoring")

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_ARN = "arn:aws:{}:eu-central-1:123456789012:{}"
# What stands in for a substitution that only AWS can compute; anything else becomes "<name>-filled-in".
_VALUES = {
    "ApprovalTimeoutHours": "168",
    "CodeDigest": "c" * 64,
    "CodePrefix": "s3://lake/code/" + "c" * 64 + "/",
    "DataKey": _ARN.format("kms", "key/0b9f1a34-6a8d-4f0e-9a6f-0d4b6f3c2a11"),
    "ShadowKey": _ARN.format("kms", "key/1c8e2b45-7b9e-4a1f-8b7a-1e5c7a4d3b22"),
    "HyperparameterSearch": "nested",
    "TuningJobs": "20",
    "TuningParallelJobs": "2",
    "JobInstanceType": "ml.m5.large",
    "JobPrefix": "917d40e5",
    "JobSecurityGroup": "sg-0123456789abcdef0",
    "JobSubnets": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "LakeBucket": "lake",
    "ResultsBucket": "results",
    "StackName": "clinrisk",
    "TrainingImage": "492215442770.dkr.ecr.eu-central-1.amazonaws.com/sagemaker-xgboost:3.2-0",
    "AlertsTopic": _ARN.format("sns", "alerts"),
    "DeadLetterQueue": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead-letters",
    "DeploymentsTable": "deployments",
}


@dataclass(frozen=True)
class LocatedState:
    """One state and where it stands."""

    machine: str
    name: str
    state: dict[str, Any]
    siblings: dict[str, dict[str, Any]]

    def __str__(self) -> str:
        return f"{self.machine}: {self.name}"


@cache
def template() -> dict[str, Any]:
    """Return template.yaml with its short function tags spelled out."""
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


@cache
def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical id."""
    found = template()["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def text(machine: str) -> str:
    """Return a definition as it is written."""
    return (PROJECT / "statemachines" / f"{machine}.asl.yaml").read_text(encoding="utf-8")


def substitutions(machine: str) -> dict[str, Any]:
    """Return what the template puts in for the `${Name}`s of a definition."""
    logical = f"{machine.capitalize()}StateMachine"
    given: dict[str, Any] = resources("AWS::Serverless::StateMachine")[logical]["DefinitionSubstitutions"]
    return given


def placeholders(machine: str) -> set[str]:
    """List the `${Name}`s of a definition."""
    return set(_PLACEHOLDER.findall(text(machine)))


def definition(machine: str) -> dict[str, Any]:
    """Return a definition as Step Functions would get it, as a copy of one's own."""
    return copy.deepcopy(_definition(machine))


@cache
def _definition(machine: str) -> dict[str, Any]:
    filled = _PLACEHOLDER.sub(lambda match: value_of(match[1]), text(machine))
    parsed: dict[str, Any] = yaml.safe_load(filled)
    return parsed


def value_of(name: str) -> str:
    """Return a plausible value of a substitution."""
    if name in _VALUES:
        return _VALUES[name]
    if name.endswith("Function"):
        return _ARN.format("lambda", f"function:clinrisk-{name}")
    if name.endswith("StateMachine"):
        return _ARN.format("states", f"stateMachine:{name}")
    if name.endswith("Role"):
        return f"arn:aws:iam::123456789012:role/{name}"
    return f"{name}-filled-in"


def located_states(machine: str) -> Iterator[LocatedState]:
    """Walk every state of a definition, those inside Map and Parallel too."""
    yield from _located_states(machine, definition(machine)["States"])


def _located_states(machine: str, states: dict[str, dict[str, Any]]) -> Iterator[LocatedState]:
    for name, state in states.items():
        yield LocatedState(machine, name, state, states)
        for inner in inner_machines(state):
            yield from _located_states(machine, inner["States"])


def inner_machines(state: dict[str, Any]) -> list[dict[str, Any]]:
    """List the machines inside a Map or Parallel state."""
    return [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]


def successors(state: dict[str, Any]) -> list[str]:
    """List every state that may follow a state."""
    direct = [state[field] for field in ("Next", "Default") if field in state]
    choices = [choice["Next"] for choice in state.get("Choices", [])]
    catches = [catcher["Next"] for catcher in state.get("Catch", [])]
    return [*direct, *choices, *catches]


_A_MINUTE = 60  # where a variable has it


def with_plain_limits(given: dict[str, Any]) -> dict[str, Any]:
    """Put a number where TimeoutSeconds is an expression, and leave out what a linter is too old for.

    A JSONata state may have an expression there (states-language.net); both linters want a number. statelint
    knows no InputType of an ItemReader.
    """
    for state in given["States"].values():
        state.get("ItemReader", {}).pop("ReaderConfig", None)
        limit = state.get("TimeoutSeconds")
        if isinstance(limit, str):
            state["TimeoutSeconds"] = int(jsonata.Jsonata.jsonata(limit[2:-2]).evaluate(None) or _A_MINUTE)
    return given


def everything() -> list[LocatedState]:
    """Return every state of every definition."""
    return [located for machine in MACHINES for located in located_states(machine)]
