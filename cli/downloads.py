"""`fetch`: the documents and results of a use case, as files on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bucket_objects import LAKE, RESULTS, download, newest_objects
from cli.command_errors import CliError
from cli.inbox_receipts import inbox_key
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import show_json, show_table, working
from cli.stack import open_stack
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import receipt_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.stack import Stack


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

    Report and evaluation are those of the live model, or the newest ones when no model is live.
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    target = out / use_case
    with working(f"Downloading into {target} ...", quiet=as_json):
        fetched = _download_all(deployed, use_case, target)
    if not fetched:
        raise CliError(
            f"There is nothing to fetch for {use_case} yet.",
            f"Drop a training file first: clinrisk drop FILE --as {use_case}/training",
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


def _download_all(deployed: Stack, use_case: str, target: Path) -> dict[str, str | list[str]]:
    from clinrisk.aws.tables import deployments

    live = deployments.stored_live(use_case)
    run = "*" if live is None else str(live["run_id"])
    evaluated = "*" if live is None else object_keys.evaluation_name(str(live["evaluation_uri"]))
    documents = {"report": (RESULTS, object_keys.report(use_case, evaluated))}
    documents |= {name: (RESULTS, key) for name, key in object_keys.model_card(use_case, evaluated).items()}
    documents["evaluation"] = (LAKE, object_keys.evaluation(use_case, evaluated))
    documents["manifest"] = (LAKE, object_keys.manifest(use_case, run))
    documents["findings"] = (LAKE, object_keys.findings(use_case, "*"))
    fetched: dict[str, str | list[str]] = {}
    for name, (bucket, pattern) in documents.items():
        for newest in newest_objects(deployed, bucket, pattern)[:1]:
            file = target / _last_part(pattern).replace("*", name)
            fetched[name] = download(deployed, bucket, newest["Key"], file)
    collections: dict[str, tuple[str, Callable[[str], str]]] = {
        "results": (object_keys.results(use_case, "*", "*"), _result_name),
        "receipts": (receipt_key(inbox_key(use_case, "*", "*"), "*"), _receipt_name),
        "card_editions": (object_keys.card_editions(use_case, run) + "*", _last_part),
    }
    for name, (pattern, file_name) in collections.items():
        found = newest_objects(deployed, RESULTS, pattern)
        if found:
            fetched[name] = [
                download(deployed, RESULTS, one["Key"], target / name / file_name(one["Key"]))
                for one in found
            ]
    return fetched


def _last_part(key: str) -> str:
    return key.rpartition("/")[2]


def _result_name(key: str) -> str:
    """Return `results/heart/ward-7/<upload>.csv` as `ward-7.<upload>.csv`."""
    stem, _, upload = key.removesuffix(".csv").rpartition("/")
    return f"{stem.rpartition('/')[2]}.{upload}.csv"


def _receipt_name(key: str) -> str:
    """Return `receipts/inbox/heart/training/march.csv.v7.json` as `training.march.csv.v7.json`."""
    purpose, _, name = key.rpartition("/")
    return f"{purpose.rpartition('/')[2]}.{name}"
