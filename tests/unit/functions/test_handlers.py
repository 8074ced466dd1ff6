"""Handlers only wire: they are short, import nothing they have no layer for, and do nothing when imported."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
HANDLERS = sorted((ROOT / "functions").glob("*/*/app.py"))
# A layer, and what may be imported only where the handler's docstring lists it.
LAYERS = {"Frames": "polars", "Numeric": "numpy"}
# Runs the modules of handlers without any setting, with the packages of absent layers made unimportable.
LOAD = """
import importlib.util, json, os, sys
for name in [name for name in os.environ if not name.startswith("PYTHON")]:
    del os.environ[name]
for package in json.loads(sys.argv[1]):
    sys.modules[package] = None
found = {}
for path in sys.argv[2:]:
    spec = importlib.util.spec_from_file_location("app", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found[path] = "" if callable(module.handler) else "has no handler"
    except BaseException as error:
        found[path] = repr(error)
clients = sys.modules.get("clinrisk.aws.clients")
cached = [] if clients is None else [each for each in vars(clients).values() if hasattr(each, "cache_info")]
made = [each.__name__ for each in cached if each.cache_info().currsize]
print(json.dumps({"found": found, "made": made}))
"""


def name_of(path: Path) -> str:
    return path.parent.name


def absent_from(path: Path) -> tuple[str, ...]:
    """Return the packages of the layers that a handler does not list."""
    layers = (ast.get_docstring(ast.parse(path.read_text())) or "").partition("Layers:")[2]
    return tuple(package for layer, package in LAYERS.items() if layer not in layers)


@cache
def loaded(absent: tuple[str, ...]) -> dict[str, Any]:
    """Load every handler that lacks these packages in a process of their own."""
    paths = [str(path) for path in HANDLERS if absent_from(path) == absent]
    command = [sys.executable, "-c", LOAD, json.dumps(absent), *paths]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_importing_a_handler_needs_only_its_layers_and_no_setting(path: Path) -> None:
    assert loaded(absent_from(path))["found"][str(path)] == ""


@pytest.mark.parametrize("absent", sorted({absent_from(path) for path in HANDLERS}))
def test_importing_handlers_makes_no_client(absent: tuple[str, ...]) -> None:
    assert loaded(absent)["made"] == []


@pytest.mark.parametrize("path", HANDLERS, ids=name_of)
def test_a_handler_only_wires(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert len(source.splitlines()) <= 70
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Try | ast.Raise)]
    docstring = ast.get_docstring(tree) or ""
    assert "AWS calls:" in docstring
    assert "Environment:" in docstring
