"""`fetch` and `results`: what a use case produced, and which results of a batch are current."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.bucket_objects import LAKE, RESULTS, download, newest_objects, objects_under, read_json
from cli.command_errors import CliError
from cli.inbox_receipts import inbox_key
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.scoring import UploadId  # noqa: TC001 - typer reads it from the signature
from cli.screen import moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk import use_cases
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import receipt_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.stack import Stack
    from clinrisk.messages.ingest import Settlement


MODEL_PAGE = "model-page.html"


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
    """Download what a use case produced: report, model card, page, evaluation, results, receipts, findings.

    For example:

        clinrisk fetch heart --out evidence/

    Report and evaluation are those of the live model, or the newest ones when no model is live. Next to a
    results file are what its columns mean (.json) and, where it counts no longer, the notice that says so.
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
    if use_cases.get(use_case).external is not None:
        documents["evaluation"] = (LAKE, object_keys.candidate(use_case, evaluated, "evaluation.json"))
    documents["manifest"] = (LAKE, object_keys.manifest(use_case, run))
    documents["findings"] = (LAKE, object_keys.findings(use_case, "*"))
    fetched: dict[str, str | list[str]] = {}
    for name, (bucket, pattern) in documents.items():
        for newest in newest_objects(deployed, bucket, pattern)[:1]:
            file = target / _last_part(pattern).replace("*", name)
            fetched[name] = download(deployed, bucket, newest["Key"], file)
    for page in newest_objects(deployed, RESULTS, f"{object_keys.model_pages(use_case)}*")[:1]:
        fetched["model_page"] = download(deployed, RESULTS, page["Key"], target / MODEL_PAGE)
    every = (use_case, "*", "*")
    collections: dict[str, tuple[str, str, Callable[[str], str]]] = {
        "results": ("results", object_keys.results(*every), _result_name),
        "sidecars": ("results", object_keys.sidecar(*every), _result_name),
        "recalled": ("results", object_keys.recalled(*every), _result_name),
        "receipts": ("receipts", receipt_key(inbox_key(*every), "*"), _receipt_name),
        "card_editions": ("card_editions", object_keys.card_editions(use_case, run) + "*", _last_part),
    }
    for name, (folder, pattern, file_name) in collections.items():
        found = newest_objects(deployed, RESULTS, pattern)
        if found:
            fetched[name] = [
                download(deployed, RESULTS, one["Key"], target / folder / file_name(one["Key"]))
                for one in found
            ]
    return fetched


def _last_part(key: str) -> str:
    return key.rpartition("/")[2]


def _result_name(key: str) -> str:
    """Return `results/heart/ward-7/<upload>.csv` as `ward-7.<upload>.csv`; its sidecar and notice alike."""
    folder, _, name = key.rpartition("/")
    return f"{_last_part(folder)}.{name}"


def _receipt_name(key: str) -> str:
    """Return `receipts/inbox/heart/training/march.csv.v7.json` as `training.march.csv.v7.json`."""
    purpose, _, name = key.rpartition("/")
    return f"{purpose.rpartition('/')[2]}.{name}"


def results(
    upload: UploadId, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show the results of a batch: which are current, by which model, and which they have replaced.

    For example:

        clinrisk results 0f1e2d3c4b5a69788796

    CURRENT: these count. REPLACED: the batch was scored again; do not use copies of these any longer.
    RECALLED: nothing of the batch counts at present; a notice next to the file says why.
    """
    from clinrisk.aws.tables import uploads

    deployed = open_stack(stack, on_twin=twin)
    batch = uploads.settlement_of(upload)
    if batch is None or batch.purpose != "inference":
        raise CliError(f"{upload} is no batch.", "See what became of uploads: clinrisk batches")
    with working("Reading results ...", quiet=as_json):
        found = results_of(deployed, batch)
    if not found:
        raise CliError(f"{upload} has no results.", "See why: clinrisk stuck")
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["state"],
            moment(one["scored_at"]),
            str(one["live_version"]),
            one.get("execution", ""),
            one["uri"],
            one.get("version_id", ""),
            one["sha256"],
        )
        for one in found
    ]
    columns = ("state", "scored", "model version", "by", "file", "version", "sha256")
    show_table(f"Results of {upload}", columns, rows, "")


def results_of(deployed: Stack, batch: Settlement) -> list[dict[str, Any]]:
    """Return the results of a batch, the newest first, each with its state; none where there are none."""
    from clinrisk.core.ingest.inbox_keys import parse_key

    address = batch.use_case, parse_key(batch.key).stem, batch.upload_id
    sidecar_key, notice = object_keys.sidecar(*address), object_keys.recalled(*address)
    prefix = sidecar_key.removesuffix("json")
    there = {one["Key"] for one in objects_under(deployed, RESULTS, prefix)}
    if sidecar_key not in there:
        return []
    return stated_in(read_json(deployed, RESULTS, sidecar_key), recalled=notice in there)


def stated_in(sidecar: dict[str, Any], *, recalled: bool) -> list[dict[str, Any]]:
    """Return the results that a sidecar states, the newest first, each with its state."""
    newest = sidecar["results"] | {
        "state": "RECALLED" if recalled else "CURRENT",
        "scored_at": sidecar["scored_at"],
        "live_version": sidecar["model"]["live_version"],
        "execution": sidecar.get("execution", ""),
    }
    return [newest, *(one | {"state": "REPLACED"} for one in sidecar.get("replaces", []))]
