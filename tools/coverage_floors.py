"""The floor under the coverage of every room: lines and branches each, read from coverage's JSON report.

Coverage's own `fail_under` knows one number for all. The floors stand in pyproject.toml.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".build" / "coverage.json"


def percent(covered: int, measured: int) -> float:
    """Return a share in percent; nothing to measure is covered."""
    return 100 * covered / measured if measured else 100.0


def main() -> int:
    """Print every room's lines and branches; return 1 when one is under its floor, after naming its gaps."""
    floors = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["clinrisk"]["coverage_floors"]
    files = {name: entry["summary"] for name, entry in json.loads(REPORT.read_text())["files"].items()}
    failed = False
    for room, floor in floors.items():
        found = {name: figures for name, figures in files.items() if name.startswith(f"{room}/")}
        total = {key: sum(figures[key] for figures in found.values()) for key in next(iter(files.values()))}
        lines = percent(total["covered_lines"], total["num_statements"])
        branches = percent(total["covered_branches"], total["num_branches"])
        low = not found or min(lines, branches) < floor
        failed |= low
        print(
            f"{room:36} lines {lines:6.2f}%  branches {branches:6.2f}%  floor {floor}%{'  LOW' if low else ''}"
        )
        gaps = sorted(found, key=lambda name: -found[name]["missing_branches"] - found[name]["missing_lines"])
        for name in gaps[: 5 if low else 0]:
            print(
                f"    {name}: {found[name]['missing_lines']} lines, {found[name]['missing_branches']} branches"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
