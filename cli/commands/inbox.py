"""`drop` and `receipts`: put a file into the inbox, and read what became of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import receipts as store
from cli.errors import CliError
from cli.options import AsJson, ExistingFile, OnTwin, Purposed, StackName, use_case_and_purpose
from cli.screen import complaints, console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from cli.verdicts import show_details, show_missing

if TYPE_CHECKING:
    from cli.receipts import Receipt
    from cli.stack import Stack

POLL_SECONDS = 0.3
MULTIPART_BYTES = 64 * 2**20


def drop(
    file: ExistingFile,
    as_: Purposed,
    *,
    name: Annotated[
        str | None, typer.Option(help="The name in the inbox, when it should differ from the file's.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the receipt and show it.")] = False,
    patience: Annotated[float, typer.Option(help="With --wait: seconds to wait at most.")] = 900.0,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Put a file into the inbox. The pipeline starts by itself; its answer is a receipt.

    For example:

        clinrisk drop march.csv --as heart/training --wait

        clinrisk drop ward-7.csv --as stroke/inference

        clinrisk drop followup.csv --as stroke/outcomes --name 2026-03.csv

    Training files have every column of `clinrisk use-cases`; inference files may leave the outcome out;
    outcomes files have the columns id, label, date.
    """
    use_case, purpose = use_case_and_purpose(as_)
    place = open_stack(stack, on_twin=twin)
    key = store.inbox_key(use_case, purpose, name or file.name)
    with working(f"Uploading {file.name} ...", quiet=as_json):
        version_id = _upload(place, file, key)
    if wait:
        dropped = time.monotonic()
        with working("Waiting for the receipt ...", quiet=as_json):
            receipt = _await_receipt(place, key, version_id, patience)
        _show_one(receipt, as_json=as_json, seconds=time.monotonic() - dropped)
    elif as_json:
        show_json({"key": key, "version_id": version_id, "bytes": file.stat().st_size})
    else:
        console().print(f"Dropped as {key}.\nIts receipt: clinrisk receipts {key} --watch")


def _upload(place: Stack, file: Path, key: str) -> str:
    bucket = place.output("InboxBucket")
    declared = {"sha256": store.digest_of(file)}
    if file.stat().st_size <= MULTIPART_BYTES:
        with file.open("rb") as body:
            answer = place.s3.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="text/csv", Metadata=declared
            )
        return answer.get("VersionId", "null")
    place.s3.upload_file(str(file), bucket, key, ExtraArgs={"ContentType": "text/csv", "Metadata": declared})
    return store.current_version(place, key) or "null"


def receipts(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[KEY|FILE]", help="An inbox key, or the name of a file that was dropped."),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until the version now in the inbox has its receipt.")
    ] = False,
    patience: Annotated[float, typer.Option(help="With --watch: seconds to wait at most.")] = 900.0,
    last: Annotated[int, typer.Option(min=1, help="How many to show, newest first.")] = 20,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what became of the files that were dropped, newest first.

    For example:

        clinrisk receipts

        clinrisk receipts march.csv

        clinrisk receipts heart/training/march.csv --watch

    ACCEPTED: every row used. PARTIAL: bad rows set aside and counted. REJECTED: the whole file set aside.
    DUPLICATE: the same bytes were used before. IGNORED: not data. FAILED: parked, operators were told.
    """
    place = open_stack(stack, on_twin=twin)
    wanted = Path(target).name if target and Path(target).is_file() else target
    if watch:
        _watch(place, wanted, patience, as_json=as_json)
        return
    with working("Reading receipts ...", quiet=as_json):
        found = store.find(place, wanted, limit=last)
    if as_json:
        show_json([receipt.as_json() for receipt in found])
    elif target and not found:
        console().print(f"No receipt for {target} yet (add --watch to wait for it).")
    elif target:
        _show_one(found[0], as_json=False)
        if len(found) > 1:
            _show_list("Earlier", found[1:])
    else:
        _show_list("Receipts", found)


def _show_list(title: str, found: list[Receipt]) -> None:
    columns = ("written", "disposition", "used", "set aside", "inbox key")
    show_table(title, columns, [_row(receipt) for receipt in found], "No receipts yet.")


def _watch(place: Stack, target: str | None, patience: float, *, as_json: bool) -> None:
    if not target or "/" not in target:
        raise typer.BadParameter("--watch needs an inbox key such as heart/training/march.csv")
    key = store.full_key(target)
    version_id = store.current_version(place, key)
    if version_id is None:
        raise CliError(f"Nothing was dropped as {key}.", "List what was: clinrisk receipts")
    with working("Waiting for the receipt ...", quiet=as_json):
        receipt = _await_receipt(place, key, version_id, patience)
    _show_one(receipt, as_json=as_json)


def _await_receipt(place: Stack, key: str, version_id: str, patience: float) -> Receipt:
    deadline = time.monotonic() + patience
    while (receipt := store.receipt_of(place, key, version_id)) is None:
        if time.monotonic() > deadline:
            raise CliError(
                f"No receipt for {key} after {patience:.0f} seconds.",
                "Look at what is running: clinrisk status",
            )
        time.sleep(POLL_SECONDS)
    return receipt


def _row(receipt: Receipt) -> tuple[Any, ...]:
    document = receipt.document
    return (
        moment(receipt.written),
        verdict(receipt.disposition),
        f"{document.get('rows_accepted', 0):,}",
        f"{document.get('rows_quarantined', 0):,}",
        receipt.key.removeprefix(store.INBOX),
    )


def _show_one(receipt: Receipt, *, as_json: bool, seconds: float | None = None) -> None:
    if as_json:
        show_json(receipt.as_json() | ({} if seconds is None else {"seconds": round(seconds, 2)}))
        return
    screen, document = console(), receipt.document
    screen.print(verdict(receipt.disposition), receipt.key, f"(version {receipt.version_id})")
    screen.print(
        f"rows used {document.get('rows_accepted', 0):,}, set aside {document.get('rows_quarantined', 0):,}"
    )
    if document.get("details"):
        show_details(document["details"])
    else:
        for sentence in document.get("explanation", []):
            screen.print(sentence, markup=False)
    show_missing(document.get("missing", {}))
    if receipt.disposition in {"REJECTED", "FAILED"}:
        complaints().print("The file was not used.", style="dim")
