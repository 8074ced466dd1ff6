"""`replay`: whether the results that were published on a day follow from what is stored."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.audit.audit_commands import RUNBOOK
from cli.bucket_objects import RESULTS, objects_under, read_json
from cli.command_errors import CliError
from cli.downloads import stated_in
from cli.executions import MACHINES, POLL_SECONDS
from cli.inbox_receipts import short_key
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import complaints, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk.core import failure_text, object_keys
from clinrisk.core.scoring.replay_entry import replay_identity
from clinrisk.core.timestamps import day as day_of
from clinrisk.errors import LedgerAltered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.stack import Stack

DIFFERS = 'What to do: docs/runbook.md, "A replay differs".'
NO_VERSION = "Their sidecar is of an earlier edition, which did not state the version of the file."


def replay(
    use_case: UseCaseName,
    *,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="All results of this day in UTC."),
    ] = None,
    upload: Annotated[
        str | None,
        typer.Option("--id", metavar="UPLOAD", help="Only those of this upload, of every day without --day."),
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Make published results again from what is stored, and compare them byte for byte.

    For example:

        clinrisk replay heart --day 2026-11-20

        clinrisk replay heart --id 0f1e2d3c4b5a69788796

    The model is the one that the results state: its signed decision is verified, its bytes are hashed, and it
    has to have been live when they were made. The job code is that of then. Results that were replaced or
    recalled since are made again, too, as long as their file is stored. Nothing that anybody reads changes,
    and nobody waits for a replay: it has its turn after everybody else.

    SAME: every byte is the same. DIFFERENT: the first row that differs (the header is row 1) and its columns
    are named, never a value; the operators are mailed. NOT REPLAYED: it cannot be found out, and why.

    What was found is kept in the ledger: clinrisk audit show. It exits with 1 unless all are SAME. After
    Ctrl-C the replays go on.
    """
    known_use_case(use_case)
    if day is None and upload is None:
        raise typer.BadParameter("name a day or an upload: --day 2026-11-20, --id UPLOAD")
    deployed = open_stack(stack, on_twin=twin)
    with working("Looking for results ...", quiet=as_json):
        found = [one for one in _published(deployed, use_case, day, upload) if _of_day(one, day)]
    if not found:
        when = f" on {day:%Y-%m-%d} (UTC)" if day else ""
        raise CliError(
            f"No results of {upload or use_case} were published{when}.",
            f"See what was scored: clinrisk batches {use_case}",
        )
    started = [one | {"execution": _start(deployed, use_case, one)} for one in found]
    with working(f"Making results again: {len(started)} ...", quiet=as_json):
        ended = _ends(deployed, [one["execution"] for one in started if one["execution"]], quiet=as_json)
    replayed = [_outcome(use_case, one, ended.get(one["execution"])) for one in started]
    if as_json:
        show_json(replayed)
    else:
        _show(use_case, replayed)
    raise typer.Exit(0 if all(one["outcome"] == "SAME" for one in replayed) else 1)


def _published(
    deployed: Stack, use_case: str, day: datetime | None, upload: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the results that the sidecars of a use case state, those of each batch the newest first."""
    listed = {
        one["Key"]: one["LastModified"]
        for one in objects_under(deployed, RESULTS, object_keys.results_folder(use_case))
    }
    for key, written in listed.items():
        # A sidecar is written with its results, and again with later ones: never before the day.
        before = day is not None and written.astimezone(UTC).date() < day.date()
        if before or not key.endswith(f"/{upload}.json" if upload else ".json"):
            continue
        recalled = f"{key.removesuffix('.json')}.RECALLED.txt" in listed
        try:
            sidecar = read_json(deployed, RESULTS, key)
            batch = {"upload_id": sidecar["upload"]["upload_id"], "key": sidecar["upload"]["key"]}
            found = [batch | one for one in stated_in(sidecar, recalled=recalled)]
            found[0]["erased"] = _erased_since(sidecar)
        except (ValueError, KeyError, TypeError) as fault:
            raise CliError(f"{key} is not what was written there.", DIFFERS) from fault
        yield from found


def _erased_since(sidecar: dict[str, Any]) -> str:
    """Return in words how many patients were erased from results since; "" where none was."""
    erased = sidecar.get("erased", [])
    if not erased:
        return ""
    rows, last = sum(one["rows"] for one in erased), day_of(erased[-1]["erased_at"])
    return f"Without {rows} erased since, the last on {last}."


def _of_day(one: dict[str, Any], day: datetime | None) -> bool:
    made = datetime.fromisoformat(one["scored_at"]).astimezone(UTC)
    return day is None or made.date() == day.date()


def _start(deployed: Stack, use_case: str, one: dict[str, Any]) -> str:
    """Start the replay of some results and return its ARN, "" where they state no version.

    Its name is made of results and second: a call that is repeated for want of an answer starts nothing more.
    """
    from clinrisk.aws import stepfunctions

    if not one.get("version_id"):
        return ""
    version = hashlib.sha256(one["version_id"].encode()).hexdigest()[:8]
    name = f"{one['upload_id']}-{version}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    asked = {
        "use_case": use_case,
        "upload_id": one["upload_id"],
        "key": one["key"],
        "version_id": one["version_id"],
        "person": deployed.caller(),
    }
    machine = deployed.output(MACHINES["replay"])
    return stepfunctions.address_of(machine, stepfunctions.start(machine, name, asked))


def _ends(deployed: Stack, executions: list[str], *, quiet: bool) -> dict[str, Any]:
    """Wait for executions, and return how each ended; a line tells of each, unless quiet."""
    ended: dict[str, Any] = {}
    while len(ended) < len(executions):
        for one in executions:
            if one in ended:
                continue
            found = deployed.stepfunctions.describe_execution(executionArn=one)
            if found["status"] != "RUNNING":
                ended[one] = found
                if not quiet:
                    upload = json.loads(found["input"])["upload_id"]
                    complaints().print(f"{len(ended)} of {len(executions)}: {upload}")
        if len(ended) < len(executions):
            time.sleep(POLL_SECONDS)
    return ended


def _outcome(use_case: str, one: dict[str, Any], end: Any) -> dict[str, Any]:
    """Return what became of a replay: what the ledger keeps of it, or else why there is nothing."""
    from clinrisk.aws import ledger

    name = one["execution"].rpartition(":")[2]
    try:
        entry = ledger.indexed(replay_identity(use_case, name)) if name else None
    except LedgerAltered as altered:
        raise CliError(str(altered), RUNBOOK) from altered
    kept = entry.body if entry else {}
    why = failure_text.ended(end.get("error", ""), end.get("cause", "")) if end else NO_VERSION
    return {
        "upload_id": one["upload_id"],
        "file": short_key(one["key"]),
        "state": one["state"],
        "scored_at": one["scored_at"],
        "live_version": one["live_version"],
        "rows": kept.get("rows"),
        "outcome": kept.get("outcome", "NOT_REPLAYED"),
        "why": kept.get("difference", why or "It has ended without a reason.") or one.get("erased", ""),
        "first_row": kept.get("first_row"),
        "columns": kept.get("columns", []),
        "execution": name,
        "entry": entry.number if entry else None,
    }


def _show(use_case: str, replayed: list[dict[str, Any]]) -> None:
    rows = [
        (
            one["upload_id"],
            one["file"],
            one["state"],
            moment(one["scored_at"]),
            str(one["live_version"]),
            "" if one["rows"] is None else f"{one['rows']:,}",
            verdict(one["outcome"].replace("_", " ")),
            one["why"],
        )
        for one in replayed
    ]
    columns = ("batch", "file", "results", "made", "live version", "rows", "replay", "why")
    show_table(f"Replays of {use_case}", columns, rows, "")
