"""Every import contract can fail: forbidden imports are planted in a copy, and each one is reported."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.structure.repository import PACKAGE, ROOT

# A new module, what it imports, and the contract that it breaks.
PLANTED = [
    ("clinrisk.core.training.planted", "clinrisk.aws.s3", "Each layer"),
    ("clinrisk.core.ingest.planted", "functions.ingest.claim_upload.app", "Each layer"),
    ("clinrisk.aws.planted", "clinrisk.services.ingest.claim_upload", "Each layer"),
    ("clinrisk.messages.planted", "clinrisk.core.digests", "Each layer"),
    ("clinrisk.services.release.planted", "functions.release.plan_shadow.app", "Each layer"),
    ("cli.planted", "clinrisk.services.ingest.claim_upload", "The command"),
    ("clinrisk.core.planted", "boto3", "The core decides"),
    ("clinrisk.core.scoring.planted", "sklearn.metrics", "The core decides"),
    ("clinrisk.jobs.planted", "pydantic", "A job imports"),
    ("functions.ingest.claim_upload.planted", "functions.ingest.plan_chunks.app", "No function"),
    ("functions.scoring.join_outcomes.planted", "functions.ingest.plan_chunks.app", "No function"),
    ("clinrisk.aws.other_planted", "twin.command_line", "The twin"),
    ("twin.planted", "clinrisk.errors", "The twin"),
]


CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what import-linter reports of each contract over a copy of the code with the imports planted."""
    copy = tmp_path_factory.mktemp("copy")
    python = shutil.ignore_patterns("__pycache__", "*.j2", "*.css", "*.toml")
    for folder in ("functions", "cli", "twin", "tools"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=python)
    shutil.copytree(PACKAGE, copy / "layers" / "clinrisk" / "clinrisk", ignore=python)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for module, target, _ in PLANTED:
        root = copy / "layers" / "clinrisk" if module.startswith("clinrisk") else copy
        (root / module.replace(".", "/")).with_suffix(".py").write_text(f"import {target}\n")
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": f"{copy}/layers/clinrisk:{copy}", "COLUMNS": "250"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    titled = re.split(r"\n([^\n]+)\n-{20,}\n", run.stdout.partition("Broken contracts")[2])
    return dict(zip(titled[1::2], titled[2::2], strict=True))


@pytest.mark.parametrize(("module", "target", "contract"), PLANTED)
def test_a_forbidden_import_breaks_its_contract(
    broken: dict[str, str], module: str, target: str, contract: str
) -> None:
    reported = next(text for name, text in broken.items() if name.startswith(contract))
    assert re.search(rf"{module} -> {target.split('.', maxsplit=1)[0]}\b", reported), reported


def test_every_contract_can_be_broken(broken: dict[str, str]) -> None:
    assert set(broken) == {contract["name"] for contract in CONTRACTS}
