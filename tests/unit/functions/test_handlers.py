"""Handlers only wire: they are short, import nothing they have no layer for, and do nothing when imported."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HANDLERS = sorted((ROOT / "functions").glob("*/*/app.py"))
# A layer, and what may be imported only where the handler's docstring lists it.
LAYERS = {"Frames": "polars", "Numeric": "numpy"}
# Runs a handler's module without any setting, with the packages of absent layers made unimportable.
LOAD = """
import importlib.util, os, sys
for name in [name for name in os.environ if not name.startswith("PYTHON")]:
    del os.environ[name]
for package in sys.argv[2:]:
    sys.modules[package] = None
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
clients = sys.modules.get("clinrisk.aws.clients")
cached = [] if clients is None else [each for each in vars(clients).values() if hasattr(each, "cache_info")]
made = [each for each in cached if each.cache_info().currsize]
raise SystemExit(f"made at import: {made}" if made or not callable(module.handler) else 0)
"""


def name_of(path: Path) -> str:
    return path.parent.name


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_importing_a_handler_does_nothing_and_needs_only_its_layers(path: Path) -> None:
    layers = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("Layers:")[2]
    absent = [package for layer, package in LAYERS.items() if layer not in layers]
    command = [sys.executable, "-c", LOAD, str(path), *absent]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_a_handler_only_wires(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert len(source.splitlines()) <= 70
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Try | ast.Raise)]
    docstring = ast.get_docstring(tree) or ""
    assert "AWS calls:" in docstring
    assert "Environment:" in docstring
