"""The floor under the coverage of every room: lines and branches each, read from coverage's JSON report.

Coverage's own `fail_under` knows one number for all. The floors stand in pyproject.toml.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".build" / "coverage.json"


def percent(covered: int, measured: int) -> float:
    """Return a share in percent; nothing to measure is covered."""
    return 100 * covered / measured if measured else 100.0


def verdicts(report: dict[str, Any], floors: dict[str, float]) -> Iterator[tuple[str, bool]]:
    """Iterate over the rooms: a line of text, and whether the room reaches its floor.

    A room that has no file in the report reaches none. A low room names its five largest gaps.
    """
    files = {name: entry["summary"] for name, entry in report["files"].items()}
    for room, floor in floors.items():
        found = {name: figures for name, figures in files.items() if name.startswith(f"{room}/")}
        sums: Counter[str] = Counter()
        for figures in found.values():
            sums.update(figures)
        lines = percent(sums["covered_lines"], sums["num_statements"])
        branches = percent(sums["covered_branches"], sums["num_branches"])
        reached = bool(found) and min(lines, branches) >= floor
        text = f"{room:36} lines {lines:6.2f}%  branches {branches:6.2f}%  floor {floor}%"
        if not reached:
            missing = {
                name: (figures["missing_branches"], figures["missing_lines"])
                for name, figures in found.items()
            }
            for name in sorted(missing, key=missing.__getitem__, reverse=True)[:5]:
                text += "\n    {}: {} branches, {} lines missing".format(name, *missing[name])
        yield text, reached


def main() -> int:
    """Print every room's coverage; return 1 when one is under its floor."""
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["clinrisk"]["coverage_floors"]
    found = list(verdicts(json.loads(REPORT.read_text()), floors))
    for text, reached in found:
        print(text if reached else f"LOW {text}")
    return int(not all(reached for _, reached in found))


if __name__ == "__main__":
    sys.exit(main())
