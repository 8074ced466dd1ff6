"""zizmor reads the workflows: actions by digest, least permissions, no kept credentials."""

import json
from pathlib import Path

from tests.scanners.installed import ROOT, run

WORKFLOWS = ROOT / ".github" / "workflows"


def found(*paths: str | Path) -> list[str]:
    """Return what zizmor finds at its strictest, without asking anybody."""
    done = run("zizmor", "--offline", "--persona", "auditor", "--no-exit-codes", "--format", "json", *paths)
    assert done.returncode == 0, done.stderr
    return [one["ident"] for one in json.loads(done.stdout)]


def test_zizmor_finds_nothing() -> None:
    assert len(list(WORKFLOWS.glob("*.yml"))) > 1
    assert found(WORKFLOWS) == []


def test_an_action_that_may_change_would_be_found(tmp_path: Path) -> None:
    planted = tmp_path / ".github" / "workflows" / "check.yml"
    planted.parent.mkdir(parents=True)
    pinned = (WORKFLOWS / "check.yml").read_text()
    planted.write_text(pinned.replace("@11bd71901bbe5b1630ceea73d27597364c9af683", "@v4"))
    assert planted.read_text() != pinned
    assert "unpinned-uses" in found(planted)
