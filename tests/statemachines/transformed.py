"""The template after the Serverless transform, as CloudFormation will see it."""

from __future__ import annotations

import copy
import json
import logging
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.statemachines.definitions import MACHINES, definition, template, with_plain_limits

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"


def transform(parameters: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the transformed template, code replaced by an address and every definition written inline."""
    document = copy.deepcopy(template())
    for resource in document["Resources"].values():
        properties, kind = resource.get("Properties", {}), resource["Type"]
        if kind == "AWS::Serverless::Function":
            properties["CodeUri"] = {"Bucket": "artifacts", "Key": "code.zip"}
        elif kind == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = {"Bucket": "artifacts", "Key": "layer.zip"}
        elif kind == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = {"Bucket": "artifacts", "Key": "definition.json"}
    defaults = {name: given.get("Default", "") for name, given in document["Parameters"].items()}
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    translator = Translator({}, Parser(), [], boto3.session.Session(region_name=REGION))
    translated: dict[str, Any] = translator.translate(document, defaults | (parameters or {}))
    # The translator drops the whole list of transforms; the other one is still to come.
    translated["Transform"] = "AWS::LanguageExtensions"
    for machine in MACHINES:
        properties = translated["Resources"][f"{machine.capitalize()}StateMachine"]["Properties"]
        del properties["DefinitionS3Location"]
        properties["Definition"] = with_plain_limits(definition(machine))
    return translated


def written(directory: Path, parameters: dict[str, str] | None = None) -> Path:
    """Write the transformed template as a file that a linter can read."""
    file = directory / "transformed.json"
    file.write_text(json.dumps(transform(parameters), indent=1), encoding="utf-8")
    return file
