"""Continuous integration uses the real files when they are there, and says loudly when not."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.structure.repository import ROOT

FILES = ("processed.cleveland.data", "healthcare-dataset-stroke-data.csv")
BANNER = "THE REAL DATA FILES ARE MISSING"


def run(tmp_path: Path, make: str) -> subprocess.CompletedProcess[str]:
    """Run .ci/run with a command in place of make, and tmp_path/data as the real files' folder."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, script in {"make": make, "chromium": "true"}.items():
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)
    environment = {"PATH": f"{commands}:{os.environ['PATH']}", "CLINRISK_REAL_DATA": str(tmp_path / "data")}
    return subprocess.run(
        [ROOT / ".ci" / "run"], env=environment, text=True, capture_output=True, check=False
    )


def test_the_real_files_are_used_when_they_are_there(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in FILES:
        (tmp_path / "data" / name).touch()
    done = run(tmp_path, 'echo "$1 with $CLINRISK_REAL_DATA in CI=$CI"')
    assert done.returncode == 0
    assert done.stdout == f"test with {tmp_path}/data in CI=true\n"


@pytest.mark.parametrize("there", [(), FILES[:1]])
def test_missing_files_are_announced_before_and_after_and_the_tests_run(
    tmp_path: Path, there: tuple[str, ...]
) -> None:
    (tmp_path / "data").mkdir()
    for name in there:
        (tmp_path / "data" / name).touch()
    done = run(tmp_path, 'echo "$1"; test ! -e "$CLINRISK_REAL_DATA"')
    assert done.returncode == 0
    before, after = done.stdout.split("\ntest\n")
    assert BANNER in before
    assert BANNER in after


def test_a_failed_test_fails_the_run(tmp_path: Path) -> None:
    assert run(tmp_path, "exit 2").returncode == 2
