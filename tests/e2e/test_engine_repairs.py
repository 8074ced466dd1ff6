"""The repairs of the installed engine: all fit, all can be undone, and each is reported."""

import ast
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".envs/twin/bin/python"
REPAIRS = PROJECT / "twin/repairs"
FAULTS = PROJECT / "docs/engine-faults.md"
# In a process of its own, as the engine reads its environment once, while it is imported.
APPLY_AND_UNDO = """
import importlib, json, pkgutil, sys
from pathlib import Path
import twin.repairs
from twin.repairs.repair_registry import ABSENT, EngineChangedError, Site, _Slot
registry, folder = twin.repairs.load(), Path(sys.argv[1])
for found in pkgutil.walk_packages(twin.repairs.__path__, "twin.repairs."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
site = Site("http://127.0.0.1:1", folder)
from twin.sagemaker.engine import installation
targets = [repair.target for repair in registry.repairs]
read = lambda: {target: _Slot.of(target).read() for target in targets}
before = read()
registry.apply(site)
repaired = read()
tables = {name: dict(vars(module)) for name, module in sys.modules.items() if name.startswith("ministack")}
_, additions = installation.put_into_engine(site, Path(sys.executable))
added = [repair.target for repair in additions.repairs]
additions.undo()
unlike = [
    name for name, names in tables.items()
    if any(vars(sys.modules[name]).get(key) is not value for key, value in names.items())
]
left = [target for target in added if "[sagemaker]" in target and _Slot.of(target).read() is not ABSENT]
registry.undo()
after = read()
changed = []
from ministack.core import iam_evaluator
iam_evaluator._resolve_condition_key = lambda key, ctx: None
try:
    registry.apply(site)
except EngineChangedError as error:
    changed = str(error).splitlines()
json.dump({
    "targets": targets,
    "digested": [each.target for each in registry.repairs if each.source_sha256 is not None],
    "added": added,
    "modules": sorted({
        (each.replacement["create"] if isinstance(each.replacement, dict) else each.replacement).__module__
        for each in registry.repairs
    }),
    "facts": [[each.reason, each.link, each.version] for each in registry.repairs + additions.repairs],
    "not_repaired": [target for target in targets if repaired[target] is before[target]],
    "not_undone": [target for target in targets if after[target] is not before[target]],
    "left_in_engine": unlike + left,
    "changed": changed,
    "untouched": all(after[t] is _Slot.of(t).read() for t in targets if "condition_key" not in t),
}, sys.stdout)
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    command = [str(PYTHON), "-c", APPLY_AND_UNDO, str(tmp_path_factory.mktemp("site"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_all_repairs_are_applied_and_undone_and_every_target_is_as_before(report: dict[str, Any]) -> None:
    assert len(report["targets"]) > 40
    assert report["not_repaired"] == []
    assert report["not_undone"] == []


def test_the_local_sagemaker_leaves_the_engine_as_it_was(report: dict[str, Any]) -> None:
    assert "ministack.app.SERVICE_HANDLERS[sagemaker]" in report["added"]
    assert report["left_in_engine"] == []


def test_a_changed_engine_is_refused_with_what_to_do(report: dict[str, Any]) -> None:
    [line] = report["changed"]
    assert line.startswith("ministack.core.iam_evaluator._resolve_condition_key is not what was repaired")
    assert "python -m twin.repairs digests" in line
    assert report["untouched"]


def test_the_digests_are_printed_for_the_next_version_of_the_engine(report: dict[str, Any]) -> None:
    command = [str(PYTHON), "-m", "twin.repairs", "digests"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {line.split()[1] for line in printed} == set(report["digested"])
    assert not [line for line in printed if "differs" in line]


def test_every_module_that_imports_the_engine_is_registered_or_serves_one_that_is(
    report: dict[str, Any],
) -> None:
    importing = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        for path in REPAIRS.rglob("*.py")
        if re.search(r"^(from|import) ministack", path.read_text(), re.MULTILINE)
    }
    assert importing <= set(report["modules"])


def test_only_the_registry_changes_the_engine() -> None:
    """No source is rewritten, and no module assigns to a name of the engine."""
    for path in REPAIRS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        of_the_engine = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"exec", "eval", "compile"}, path
                assert node.func.id != "setattr" or path.name == "repair_registry.py", path
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    assert target.value.id not in of_the_engine, f"{path}: {ast.unparse(target)}"


def test_every_fault_is_written_up(report: dict[str, Any]) -> None:
    text = FAULTS.read_text()
    missing = [target for target in report["targets"] + report["added"] if f"`{target}`" not in text]
    assert missing == []
    assert all(all(fact) for fact in report["facts"])


def test_every_report_is_complete_and_names_a_test_that_exists() -> None:
    sections = FAULTS.read_text().split("\n## ")[1:]
    assert len(sections) > 20
    for section in sections:
        title, _, body = section.partition("\n")
        for part in ("**Target**", "**To reproduce**", "**Expected**", "**Seen**", "**Repair**", "**Test**"):
            assert part in body, f"{title} has no {part}"
        assert "https://docs.aws.amazon.com/" in body, title
        for file, name in re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", body):
            assert f"def {name}(" in (PROJECT / file).read_text(), f"{title}: {file}::{name}"
        assert "::test_" in body, title
