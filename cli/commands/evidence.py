"""`findings` and `fetch`: what monitoring found, and the files behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import lake, receipts, tables
from cli.errors import CliError
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import moment, show_json, show_table, verdict, working
from cli.stack import Stack, open_stack
from clinrisk.core.object_keys import MODEL_CARD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def findings(
    use_case: UseCaseName,
    *,
    last: Annotated[int, typer.Option(min=1, help="How many monitoring runs to show.")] = 1,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what monitoring found: quality, drift, performance and bias, batch by batch.

    For example:

        clinrisk findings heart

        clinrisk findings stroke --last 7 --json

    OK: looked at, and fine. ALERT: look into it. NOT_EVALUATED: too few patients or no outcomes yet.
    """
    known_use_case(use_case)
    place = open_stack(stack, on_twin=twin)
    with working("Reading findings ...", quiet=as_json):
        runs = lake.findings(place, use_case, limit=last)
    if as_json:
        show_json(runs)
        return
    show_findings(use_case, runs)


def show_findings(use_case: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Show the findings of some monitoring runs, one line per check and batch."""
    rows = [
        (
            moment(run["written"]),
            str(one.get("check", "")),
            verdict(str(one.get("verdict", "?"))),
            _number(one.get("statistic")),
            str(one.get("batch", "")).removeprefix(receipts.INBOX),
            str(one.get("detail", "")),
        )
        for run in runs
        for one in run.get("findings", [])
    ]
    columns = ("run", "check", "verdict", "statistic", "batch", "in words")
    none = f"No monitoring of {use_case} has found anything to look at: clinrisk monitor {use_case}"
    show_table(f"Findings for {use_case}", columns, rows, none)


def _number(value: Any) -> str:
    return "" if value is None else f"{float(value):.3f}"


def fetch(
    use_case: UseCaseName,
    *,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="The folder to write into.")] = Path(
        "out"
    ),
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Download what a use case produced: report, model card, evaluation, results, receipts, findings.

    For example:

        clinrisk fetch heart --out evidence/

    Report and evaluation are those of the live model, or of the newest run when nothing is live.
    """
    known_use_case(use_case)
    place = open_stack(stack, on_twin=twin)
    target = out / use_case
    with working(f"Downloading into {target} ...", quiet=as_json):
        fetched = _download_all(place, use_case, target)
    if not fetched:
        raise CliError(
            f"There is nothing to fetch for {use_case} yet.",
            "Drop a training file first: clinrisk drop --help",
        )
    if as_json:
        show_json(fetched)
    else:
        rows = [
            (name, one)
            for name, files in fetched.items()
            for one in (files if isinstance(files, list) else [files])
        ]
        show_table("Downloaded", ("what", "file"), rows, "")


def _download_all(place: Stack, use_case: str, target: Path) -> dict[str, str | list[str]]:
    live = tables.live_model(place, use_case) or {}
    run = str(live.get("run_id", ""))
    fetched: dict[str, str | list[str]] = {}
    for name, bucket, prefix, suffix in (
        ("report", "ResultsBucket", f"reports/{use_case}/{run}", "report.html"),
        *((name, "ResultsBucket", f"reports/{use_case}/{run}", file) for name, file in MODEL_CARD.items()),
        ("evaluation", "LakeBucket", f"evaluation/{use_case}/{run}", "evaluation.json"),
        ("manifest", "LakeBucket", f"training/{use_case}/{run}", "set/manifest.json"),
        ("findings", "LakeBucket", f"findings/{use_case}/", ".json"),
    ):
        newest = lake.newest_objects(place, bucket, prefix, suffix=suffix)[:1]
        for one in newest:
            local = target / (suffix.rpartition("/")[2] if suffix != ".json" else f"{name}.json")
            fetched[name] = str(lake.download(place, bucket, one["Key"], local))
    results = lake.newest_objects(place, "ResultsBucket", f"results/{use_case}/", suffix=".csv")
    if results:
        fetched["results"] = [
            str(
                lake.download(
                    place, "ResultsBucket", one["Key"], target / "results" / _result_name(one["Key"])
                )
            )
            for one in results
        ]
    kept = lake.newest_objects(
        place, "ResultsBucket", receipts.PREFIX + receipts.INBOX + use_case + "/", suffix=".json"
    )
    if kept:
        fetched["receipts"] = [
            str(
                lake.download(
                    place, "ResultsBucket", one["Key"], target / "receipts" / _receipt_name(one["Key"])
                )
            )
            for one in kept
        ]
    return fetched


def _result_name(key: str) -> str:
    """`results/heart/ward-7/<upload>.csv` as `ward-7.<upload>.csv`."""
    stem, _, upload = key.removesuffix(".csv").rpartition("/")
    return f"{stem.rpartition('/')[2]}.{upload}.csv"


def _receipt_name(key: str) -> str:
    """`receipts/inbox/heart/training/march.csv.<version>.json` as `training.march.csv.<version>.json`."""
    purpose, _, name = key.rpartition("/")
    return f"{purpose.rpartition('/')[2]}.{name}"
