"""The end of the demo: `out/demo.json` for programs, and the same in words for people."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from twin.demo.progress_board import ProgressBoard
from twin.demo.walkthrough import Walkthrough

MODELS = ("xgboost", "logistic", "floor")
COLOURS = {"ALERT": "red", "OK": "green", "NOT_EVALUATED": "yellow"}


def document(
    walkthroughs: list[Walkthrough], board: ProgressBoard, *, deploy: float, total: float
) -> dict[str, Any]:
    """Return the content of `out/demo.json`; seconds per state come from the executions' own histories."""
    return {
        "seconds": {"deploy": round(deploy, 2), "total": round(total, 2)},
        "use_cases": {walkthrough.name: _of(walkthrough, board) for walkthrough in walkthroughs},
    }


def _of(walkthrough: Walkthrough, board: ProgressBoard) -> dict[str, Any]:
    record = walkthrough.record
    models = record.evaluation.get("models", {})
    seconds: dict[str, float] = defaultdict(float)
    for execution in board.executions.values():
        if execution["use_case"] == walkthrough.name:
            for state, took in execution["seconds_by_state"].items():
                seconds[state] += took
    return {
        "uploads": record.uploads,
        "auc": {name: models[name]["auc"] for name in MODELS if name in models},
        "threshold": record.evaluation.get("threshold"),
        "verdict": record.verdict,
        "decision": record.decision,
        "live_version": record.live_version,
        "scored_rows": record.scored_rows,
        "findings": record.findings,
        "seconds_by_state": {state: round(took, 2) for state, took in seconds.items()},
        "artefacts": record.artefacts,
    }


def write(out: Path, content: dict[str, Any]) -> Path:
    """Write `demo.json`."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / "demo.json"
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return target


def show(console: Console, walkthroughs: list[Walkthrough], content: dict[str, Any], written: Path) -> None:
    """Print what happened and where the evidence is."""
    for walkthrough in walkthroughs:
        facts = content["use_cases"][walkthrough.name]
        console.print(Text(f"\n{walkthrough.contract.title} ({walkthrough.record.source})", "bold"))
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, text in _rows(walkthrough, facts):
            table.add_row(name, text)
        console.print(table)
        for unexpected in walkthrough.record.unexpected:
            console.print(Text(f"Not as expected: {unexpected}", "red"))
    seconds = content["seconds"]
    console.print(
        f"\nDeployed in {seconds['deploy']:.1f} s; all of it took {seconds['total']:.1f} s.", highlight=False
    )
    console.print(f"Everything is in {written.parent}; as JSON: {written}", highlight=False)


def _rows(walkthrough: Walkthrough, facts: dict[str, Any]) -> list[tuple[str, Text]]:
    record = walkthrough.record
    rows = [("files", Text(_uploads(record.uploads)))]
    if facts["auc"]:
        aucs = ", ".join(
            f"{name} {auc[0]:.3f} [{auc[1]:.3f} to {auc[2]:.3f}]" for name, auc in facts["auc"].items()
        )
        rows.append(("AUC, cross-validated", Text(aucs)))
        rows.append(("flagged from", Text(f"{facts['threshold']:.1%} risk")))
    live = f", live as version {record.live_version}" if record.live_version else ", nothing is live"
    rows.append(("release", Text(f"{record.verdict}, {record.decision}{live}")))
    rows.append(("scored", Text(f"{record.scored_rows:,} patients")))
    if record.findings:
        rows.append(("monitoring", _findings(record.findings)))
    if record.rejected_after is not None:
        rows.append(("wrong header", Text(f"REJECTED {record.rejected_after:.1f} s after the drop")))
    rows.extend((name, Text(path)) for name, path in record.artefacts.items())
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
