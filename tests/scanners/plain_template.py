"""The template as a scanner reads it best: transformed, every condition decided, every parameter filled in.

Two forms of it: `decided` keeps references between resources, which cdk-nag and checkov follow; `spelled`
puts an ARN or a name in their place, as the services will see them, since the others compare texts.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.statemachines.transformed import REGION, transform

if TYPE_CHECKING:
    from pathlib import Path

# What is scanned: with the most resources, and as it comes.
MODES = {
    "isolated": {"NetworkMode": "isolated", "AvailabilityZoneCount": "2", "JobLogGroups": "stack"},
    "default": {},
}
ACCOUNT = "111122223333"
_ABSENT = object()
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "clinrisk",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/clinrisk/1",
    "AWS::URLSuffix": "amazonaws.com",
}
# The part of an ARN after the account, by type; the rest of the types are named by their id alone.
_ARNS = {
    "AWS::DynamoDB::Table": "dynamodb:{place}:table/{name}",
    "AWS::Events::Rule": "events:{place}:rule/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{place}:key/{name}",
    "AWS::Lambda::Function": "lambda:{place}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{place}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SageMaker::FeatureGroup": "sagemaker:{place}:feature-group/{name}",
    "AWS::SageMaker::ModelPackageGroup": "sagemaker:{place}:model-package-group/{name}",
    "AWS::SNS::Topic": "sns:{place}:{name}",
    "AWS::SQS::Queue": "sqs:{place}:{name}",
    "AWS::SSM::Parameter": "ssm:{place}:parameter/{name}",
    "AWS::StepFunctions::StateMachine": "states:{place}:stateMachine:{name}",
}
_REFERRED_BY_ARN = {"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}


@cache
def decided(mode: str) -> dict[str, Any]:
    """Return the resources of a mode, without conditions and parameters."""
    parameters = MODES[mode]
    document = transform(parameters)
    values = {name: given.get("Default", "") for name, given in document["Parameters"].items()} | parameters
    walk = _Decisions(values, document.get("Conditions", {}))
    found = {
        logical: walk.value({key: part for key, part in resource.items() if key != "Condition"})
        for logical, resource in document["Resources"].items()
        if "Condition" not in resource or walk.holds(resource["Condition"])
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Mappings": document["Mappings"],
        "Resources": found,
    }


@cache
def spelled(mode: str) -> dict[str, Any]:
    """Return the resources of a mode with every reference spelled out."""
    document = decided(mode)
    kinds = {logical: resource["Type"] for logical, resource in document["Resources"].items()}
    return {"Resources": _spell(document["Resources"], kinds)}


def written(document: dict[str, Any], directory: Path) -> Path:
    """Write a template as a file that a scanner can read."""
    file = directory / "template.json"
    file.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
    return file


class _Decisions:
    """Conditions and parameters of a template with the values of one mode."""

    def __init__(self, values: dict[str, str], conditions: dict[str, Any]) -> None:
        self._values = values
        self._conditions = conditions

    def holds(self, condition: Any) -> bool:
        if isinstance(condition, str):
            return self.holds(self._conditions[condition])
        ((function, given),) = condition.items()
        if function == "Condition":
            return self.holds(given)
        if function == "Fn::Equals":
            return str(self.value(given[0])) == str(self.value(given[1]))
        of = [self.holds(one) for one in given]
        return {"Fn::Not": not of[0], "Fn::And": all(of), "Fn::Or": any(of)}[function]

    def value(self, part: Any) -> Any:  # noqa: PLR0911 - one line for each form that a value has
        if isinstance(part, list):
            return [kept for one in part if (kept := self.value(one)) is not _ABSENT]
        if not isinstance(part, dict):
            return part
        if set(part) == {"Fn::If"}:
            condition, then, otherwise = part["Fn::If"]
            return self.value(then if self.holds(condition) else otherwise)
        if set(part) == {"Ref"} and part["Ref"] == "AWS::NoValue":
            return _ABSENT
        if set(part) == {"Ref"} and part["Ref"] in self._values:
            return self._values[part["Ref"]]
        if set(part) == {"Fn::ToJsonString"}:  # the dashboards, which no rule reads
            return "{}"
        return {key: kept for key, one in part.items() if (kept := self.value(one)) is not _ABSENT}


def _spell(part: Any, kinds: dict[str, str]) -> Any:  # noqa: PLR0911 - one for each form of a reference
    if isinstance(part, list):
        return [_spell(one, kinds) for one in part]
    if not isinstance(part, dict):
        return part
    if set(part) == {"Ref"}:
        return _referred(part["Ref"], "", kinds)
    if set(part) == {"Fn::GetAtt"}:
        logical, attribute = part["Fn::GetAtt"]
        return _referred(logical, attribute, kinds)
    if set(part) == {"Fn::Sub"}:
        text, given = part["Fn::Sub"] if isinstance(part["Fn::Sub"], list) else (part["Fn::Sub"], {})
        own = {name: _spell(one, kinds) for name, one in given.items()}

        def filled(match: re.Match[str]) -> str:
            logical, _, attribute = match[1].partition(".")
            return str(own.get(match[1]) or _referred(logical, attribute, kinds))

        return re.sub(r"\$\{([^}]+)\}", filled, text)
    if set(part) == {"Fn::FindInMap"}:
        return ACCOUNT
    return {key: _spell(one, kinds) for key, one in part.items()}


def _referred(logical: str, attribute: str, kinds: dict[str, str]) -> str:
    if logical in _PSEUDO:
        return _PSEUDO[logical]
    kind, name = kinds.get(logical, ""), logical.lower()
    if kind in _ARNS and (attribute == "Arn" or (not attribute and kind in _REFERRED_BY_ARN)):
        return f"arn:aws:{_ARNS[kind].format(place=f'{REGION}:{ACCOUNT}', account=ACCOUNT, name=name)}"
    return name
