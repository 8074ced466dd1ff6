"""The quotas of the twin's account, which stand in for AWS's Service Quotas.

They are one file in the twin's directory: `twin quota` writes it, and the running twin reads it whenever it
decides, so that a quota can be lowered and raised while files are on their way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Jobs: what the README asks AWS for. Lambda: AWS's default; a new account may have 10.
DEFAULTS = {"training": 4, "processing": 2, "transform": 2, "lambda": 1000}
"""How many jobs of each kind may run at once, and how many invocations of functions."""
UNBOUNDED = dict.fromkeys(DEFAULTS, 1_000_000)
"""For a twin whose jobs are never meant to run."""


class QuotaError(ValueError):
    """What was given as a quota is none; the message names those that there are."""


class Quotas:
    """The quotas that are kept in one file; without the file they are the defaults."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, int]:
        """Return every quota by name."""
        try:
            changed: dict[str, int] = json.loads(self._path.read_text())
        except FileNotFoundError:
            changed = {}
        return DEFAULTS | changed

    def limit(self, name: str) -> int:
        """Return one quota."""
        return self.all()[name]

    def change(self, given: Mapping[str, int]) -> None:
        """Set some quotas and leave the others; the file is complete at any moment."""
        draft = self._path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self.all() | dict(given)))
        draft.replace(self._path)


def parse(entries: list[str]) -> dict[str, int]:
    """Return the quotas of a command line.

    >>> parse(["transform=1", "lambda=10"])
    {'transform': 1, 'lambda': 10}
    """
    given: dict[str, int] = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        if name not in DEFAULTS or not number.isdecimal():
            raise QuotaError(f"{entry!r} is no quota. Say, for example: twin quota {' '.join(_examples())}")
        given[name] = int(number)
    return given


def _examples() -> list[str]:
    return [f"{name}={number}" for name, number in DEFAULTS.items()]
