"""The scanners that `make scan` installs, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCANNERS = ROOT / ".envs" / "scan" / "bin"
NODE = ROOT / ".envs" / "node"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a scanner of `requirements/scan.lock` in the repository and return what it printed."""
    program, *arguments = command
    if not (SCANNERS / program).exists():
        pytest.skip(f"{program} is not installed: `make scan` installs the scanners and runs them")
    return _run(SCANNERS / program, *arguments)


def run_node(program: str | Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script with node, or a program of a package of `requirements/node`, and return what it printed.

    Skips the test, in words, where there is no node.
    """
    if not shutil.which("node"):
        pytest.skip("node is not on the PATH: cdk-nag's packs and cfn-guard's rules were NOT applied")
    if not (NODE / "node_modules").exists():
        pytest.skip("the packages of requirements/node are not installed: `make scan` installs them")
    is_script = Path(program).suffix == ".js"
    return _run(*(["node", program] if is_script else [NODE / "node_modules" / program]), *arguments)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NODE_PATH": str(NODE / "node_modules")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
