"""The clinical use cases, one module each; a new file in this folder is found by itself.

>>> "heart" in names()
True
>>> get("heart").label.column
'num'
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from clinrisk.errors import UnknownUseCase

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

__all__ = ["get", "names"]


@cache
def _discover(paths: tuple[str, ...]) -> dict[str, UseCase]:
    """Return each use case by name; a changed path of the package is searched again."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(paths))
    declared = [module.USE_CASE for module in modules if hasattr(module, "USE_CASE")]
    return {use_case.name: use_case for use_case in sorted(declared, key=lambda use_case: use_case.name)}


def names() -> tuple[str, ...]:
    """Return the names of all use cases, sorted."""
    return tuple(_discover(tuple(__path__)))


def get(name: str) -> UseCase:
    """Return the use case of that name; raises UnknownUseCase, which lists the known ones."""
    known = _discover(tuple(__path__))
    if name not in known:
        message = f"There is no such use case; known are {', '.join(known)}."
        raise UnknownUseCase(message)
    return known[name]
