"""bandit reads the code outside the tests. What it rates low, ruff's S rules judge line by line."""

import json
from pathlib import Path

from tests.scanners.installed import run

FOLDERS = ("layers", "functions", "cli", "twin", "tools", "bench")


def found(*paths: str | Path) -> tuple[list[str], int]:
    """Return what bandit finds, and how many lines it read."""
    report = json.loads(run("bandit", "-q", "-ll", "-r", *paths, "-f", "json").stdout)
    rows = [f"{one['filename']}:{one['line_number']} {one['test_id']}" for one in report["results"]]
    assert not report["errors"]
    return rows, report["metrics"]["_totals"]["loc"]


def test_bandit_finds_nothing() -> None:
    rows, lines = found(*FOLDERS)
    assert rows == []
    assert lines > 20_000


def test_a_shell_line_put_together_from_text_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("import os\n\n\ndef go(name):\n    os.system('ls ' + name)\n")
    assert [row.split()[-1] for row in found(tmp_path)[0]] == ["B605"]
