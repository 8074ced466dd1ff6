"""A new function is written wherever the project has to know it, and passes the project's own tests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from samtranslator.yaml_helper import yaml_parse

from tools.new_function.declaration import CAPABILITIES, NewFunction, NotPossibleError, Right
from tools.new_function.resources import with_resources
from tools.template_block import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Sequence

PROJECT = Path(__file__).parents[3]
TEXT = TEMPLATE.read_text(encoding="utf-8")
PARTS = ("events", "functions", "layers", "statemachines", "tests", "tools", "docs/contracts")
FILES = ("template.yaml", "pyproject.toml", "samconfig.toml")
COMMAND = [
    *("scoring", "measure_wait", "--summary", "Measures how long batches wait for their results."),
    *("--asks", "run_id: RunId", "--environment", "UPLOADS_TABLE", "LAKE_BUCKET", "--layers", "Frames"),
    *("--rights", "FindTheUploads: dynamodb:GetItem, dynamodb:Query on UploadsTable"),
    "ReadTheProfiles: s3:GetObject on LakeBucket/profiles/*",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a function more."""
    folder = tmp_path_factory.mktemp("project")
    for part in PARTS:
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(PROJECT / name, folder / name)
    made = run(folder, "tools.new_function", COMMAND)
    assert made.returncode == 0, made.stderr
    # What is left to write by hand.
    assert len(made.stdout.splitlines()[1:]) == 4
    return folder


def run(folder: Path, module: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder / "layers/clinrisk"), str(folder)])
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_written_is_in_the_projects_style(project: Path) -> None:
    written = ["functions/scoring", "layers", "tests/integration/scoring"]
    for command in (["check"], ["format", "--check"]):
        ran = run(project, "ruff", [*command, *written])
        assert ran.returncode == 0, ran.stdout


def test_the_projects_own_tests_pass_with_the_new_function(project: Path) -> None:
    suites = [
        "tests/integration/scoring/test_measure_wait.py",
        "tests/unit/functions",
        "tests/statemachines/test_template.py",
        "tests/statemachines/test_policies.py",
    ]
    chosen = ["-k", "measure_wait or MeasureWait or folder"]
    ran = run(project, "pytest", ["-q", "-p", "no:cacheprovider", *suites, *chosen])
    assert ran.returncode == 0, ran.stdout
    assert int(re.findall(r"([0-9]+) passed", ran.stdout)[0]) >= 20


def test_a_function_that_exists_is_not_written_over(project: Path) -> None:
    before = (project / "template.yaml").read_bytes()
    again = run(project, "tools.new_function", COMMAND)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert (project / "template.yaml").read_bytes() == before


@pytest.mark.parametrize(
    "capability", [each for each in CAPABILITIES if f"  {each.capitalize()}StateMachine:\n" in TEXT]
)
def test_every_capability_can_have_a_function_more(capability: str) -> None:
    after = yaml_parse(with_resources(TEXT, NewFunction("measure_wait", capability, "Measures")))
    added = after["Resources"].keys() - yaml_parse(TEXT)["Resources"].keys()
    assert added == {f"MeasureWait{kind}" for kind in ("Function", "Logs", "Role", "Policy")}
    machine = after["Resources"][f"{capability.capitalize()}StateMachine"]["Properties"]
    arn = {"Fn::GetAtt": ["MeasureWaitFunction", "Arn"]}
    assert machine["DefinitionSubstitutions"]["MeasureWaitFunction"] == arn
    policy = after["Resources"][f"{capability.capitalize()}StateMachinePolicy"]["Properties"]
    [invoke] = [
        each for each in policy["PolicyDocument"]["Statement"] if each.get("Sid") == "InvokeItsFunctions"
    ]
    assert arn in invoke["Resource"]
    dashboard = str(after["Resources"]["OperationsDashboard"])
    assert dashboard.count("'MeasureWaitFunction'") == 2


@pytest.mark.parametrize(
    "summary", ["Measures waits: how long", "Measures waits #1 of all", "Measures [all]"]
)
def test_a_summary_is_kept_whatever_it_means_in_yaml(summary: str) -> None:
    after = yaml_parse(with_resources(TEXT, NewFunction("measure_wait", "scoring", summary)))
    assert after["Resources"]["MeasureWaitFunction"]["Properties"]["Description"] == f"{summary}."


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "wait"}, "a verb and its object"),
        ({"capability": "billing"}, "A capability is one of"),
        ({"asks": ("run_id: text",)}, "one of Name"),
        ({"summary": 'Measures "all"'}, "without quotation marks"),
        ({"summary": ""}, "without quotation marks"),
    ],
)
def test_what_could_not_be_deployed_is_refused(changes: dict[str, str], why: str) -> None:
    given = {"name": "measure_wait", "capability": "scoring", "summary": "Measures"}
    with pytest.raises(NotPossibleError, match=why):
        NewFunction(**(given | changes))  # type: ignore[arg-type]


def test_a_right_without_a_sentence_or_a_resource_is_refused() -> None:
    for text in ("s3:GetObject on LakeBucket", "ReadIt: s3:GetObject", "ReadIt: s3:* on LakeBucket"):
        with pytest.raises(NotPossibleError, match="is no right"):
            Right.parse(text)


def test_a_template_that_is_built_otherwise_is_not_guessed_at() -> None:
    text = TEXT.replace("InvokeItsFunctions", "InvokeFunctions")
    with pytest.raises(NotPossibleError, match="not built as it was"):
        with_resources(text, NewFunction("measure_wait", "scoring", "Measures"))
