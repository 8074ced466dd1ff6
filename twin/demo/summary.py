"""How the demo ended: `out/demo.json` for programs, and the same in words for whoever watched."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from twin.demo.progress_board import Board
from twin.demo.walkthrough import Story

MODELS = ("xgboost", "logistic", "floor")
COLOURS = {"ALERT": "red", "OK": "green", "NOT_EVALUATED": "yellow"}
REJECTED_WITHIN_SECONDS = 3.0


def document(stories: list[Story], board: Board, *, deploy: float, total: float) -> dict[str, Any]:
    """Give the content of `out/demo.json`; seconds per state come from the executions' own histories."""
    return {
        "seconds": {"deploy": round(deploy, 2), "total": round(total, 2)},
        "use_cases": {story.name: _of(story, board) for story in stories},
    }


def _of(story: Story, board: Board) -> dict[str, Any]:
    told = story.told
    models = told.evaluation.get("models", {})
    seconds: dict[str, float] = defaultdict(float)
    for execution in board.executions.values():
        if execution["use_case"] == story.name:
            for state, took in execution["seconds_by_state"].items():
                seconds[state] += took
    return {
        "uploads": told.uploads,
        "auc": {name: models[name]["auc"] for name in MODELS if name in models},
        "threshold": told.evaluation.get("threshold"),
        "verdict": told.verdict,
        "decision": told.decision,
        "live_version": told.live_version,
        "scored_rows": told.scored_rows,
        "findings": told.findings,
        "seconds_by_state": {state: round(took, 2) for state, took in seconds.items()},
        "artefacts": told.artefacts,
    }


def write(out: Path, content: dict[str, Any]) -> Path:
    """Write `demo.json`."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "demo.json"
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return target


def show(console: Console, stories: list[Story], content: dict[str, Any], written: Path) -> None:
    """Say in words what happened and where to look."""
    for story in stories:
        facts = content["use_cases"][story.name]
        console.print(Text(f"\n{story.contract.title} ({story.told.source})", "bold"))
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in _rows(story, facts):
            table.add_row(name, text)
        console.print(table)
        for wrong in story.told.wrong:
            console.print(Text(f"Not as expected: {wrong}", "red"))
    seconds = content["seconds"]
    console.print(
        f"\nDeployed in {seconds['deploy']:.1f} s; all of it took {seconds['total']:.1f} s.", highlight=False
    )
    console.print(f"Everything is in {written.parent}; as JSON: {written}", highlight=False)


def _rows(story: Story, facts: dict[str, Any]) -> list[tuple[str, Text]]:
    told = story.told
    rows = [("files", Text(_uploads(told.uploads)))]
    if facts["auc"]:
        aucs = ", ".join(
            f"{name} {auc[0]:.3f} [{auc[1]:.3f} to {auc[2]:.3f}]" for name, auc in facts["auc"].items()
        )
        rows.append(("AUC, cross-validated", Text(aucs)))
        rows.append(("flagged from", Text(f"{facts['threshold']:.1%} risk")))
    live = f", live as version {told.live_version}" if told.live_version else ", nothing is live"
    rows.append(("release", Text(f"{told.verdict}, {told.decision}{live}")))
    rows.append(("scored", Text(f"{told.scored_rows:,} patients")))
    if told.findings:
        rows.append(("monitoring", _findings(told.findings)))
    if told.rejected_after is not None:
        rows.append(("wrong header", Text(f"REJECTED {told.rejected_after:.1f} s after the drop")))
    rows.extend((name, Text(place)) for name, place in told.artefacts.items())
    return rows


def _uploads(uploads: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{one['key'].rpartition('/')[2]} {one['disposition']} ({one['rows_accepted']:,} used)"
        for one in uploads
    )


def _findings(findings: list[dict[str, Any]]) -> Text:
    text = Text()
    for one in findings:
        batch = one["batch"].rpartition("/")[2]
        text.append(", " if text else "").append(f"{one['check']} of {batch} ")
        text.append(one["verdict"], COLOURS.get(one["verdict"], ""))
    return text
