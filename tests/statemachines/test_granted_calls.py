"""A function may do what it says it calls: a permission that nothing uses is in no policy."""

from __future__ import annotations

import ast
import re

import pytest

from tests.statemachines.definitions import PROJECT, resources
from tests.statemachines.test_policies import ROLES, STATEMENTS, as_list

FUNCTIONS = resources("AWS::Serverless::Function")
POLICIES = resources("AWS::IAM::ManagedPolicy")
# Lambda itself uses these for every function; keys are tested one by one elsewhere.
OF_THE_PLATFORM = {"FunctionPlatformPolicy", "FailedEventsPolicy"}
WITHIN_A_TRANSACTION = {f"dynamodb:{name}Item" for name in ("Put", "Update", "Delete", "ConditionCheck")}


def named(function: str) -> set[str]:
    """Return the calls that a function's first words name: `dynamodb:GetItem, PutItem on Slots; ...`."""
    folder = re.sub(r"(?<!^)([A-Z])", r"_\1", function.removesuffix("Function")).lower()
    (file,) = (PROJECT / "functions").glob(f"*/{folder}/app.py")
    sentences = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    calls = " ".join(sentences.partition("AWS calls:")[2].partition("Environment:")[0].split())
    found = re.findall(r"([a-z0-9-]+):((?:[A-Z][A-Za-z]+(?:, and |, | and )?)+)", calls)
    return {f"{service}:{call}" for service, names in found for call in re.findall(r"[A-Z][A-Za-z]+", names)}


def granted(function: str) -> set[str]:
    """Return what a function's own policies allow, but for telling what is gone from what is forbidden."""
    role = FUNCTIONS[function]["Role"]["Fn::GetAtt"][0]
    attached = {given["Ref"] for given in ROLES[role]["ManagedPolicyArns"]}
    attached |= {name for name, one in POLICIES.items() if {"Ref": role} in one.get("Roles", [])}
    return {
        action
        for policy, statement in STATEMENTS
        if policy in attached - OF_THE_PLATFORM and not re.match(r"TellA\w+ThatIsGone", statement["Sid"])
        for action in as_list(statement["Action"])
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_do_what_it_says_it_calls_and_nothing_else(function: str) -> None:
    said = {call for call in named(function) if not call.startswith("kms:")}
    may = {call for call in granted(function) if not call.startswith(("kms:", "logs:"))}
    if "dynamodb:TransactWriteItems" in said:
        said = (said - {"dynamodb:TransactWriteItems"}) | (may & WITHIN_A_TRANSACTION)
    assert may == said
