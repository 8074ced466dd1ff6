"""The repository as data for the structure's tests: its modules, parsed once, and what is not yet clean."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "layers" / "clinrisk" / "clinrisk"
ROOMS = (PACKAGE, *(ROOT / name for name in ("functions", "cli", "twin", "tools", "bench")))
CAPABILITIES = frozenset({"ingest", "training", "release", "scoring", "monitoring", "operations"})

# Folders and documents whose names still wait for their owner, as shell patterns. The list ends empty.
NOT_YET_CLEAN: list[str] = []


def is_clean(path: str) -> bool:
    """Return whether a folder or document is held to the rules."""
    return not any(fnmatch(path, pattern) for pattern in NOT_YET_CLEAN)


@dataclass(frozen=True)
class Module:
    """One Python file outside the tests, and its syntax tree."""

    path: Path
    tree: ast.Module

    @property
    def folder(self) -> str:
        """The folder from the repository's root."""
        return self.path.parent.relative_to(ROOT).as_posix()

    @property
    def name(self) -> str:
        """The file from the repository's root: what a failing test prints."""
        return self.path.relative_to(ROOT).as_posix()


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the code outside the tests."""
    return tuple(
        Module(path, ast.parse(path.read_text()))
        for room in ROOMS
        for path in sorted(room.rglob("*.py"))
        if "__pycache__" not in path.parts
    )


def clean_modules() -> list[Module]:
    """Return the modules of the folders that are held to the rules."""
    return [module for module in modules() if is_clean(module.folder)]
