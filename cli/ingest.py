"""`drop` and `receipts`: a file into the inbox, and what became of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import inbox_receipts
from cli.command_errors import CliError
from cli.inbox_receipts import short_key
from cli.options import AsJson, ExistingFiles, OnTwin, StackName, UseCaseAndPurpose, use_case_and_purpose
from cli.screen import (
    complaints,
    console,
    moment,
    show_details,
    show_json,
    show_missing,
    show_table,
    verdict,
    working,
)
from cli.stack import open_stack
from clinrisk.core.training.file_statements import metadata_of

if TYPE_CHECKING:
    from cli.inbox_receipts import Receipt
    from cli.stack import Stack

POLL_SECONDS = 0.3
MULTIPART_BYTES = 64 * 2**20
UNUSED = {"REJECTED", "FAILED", "HELD"}

Patience = Annotated[float, typer.Option(help="How many seconds to wait at most.")]


def drop(
    files: ExistingFiles,
    as_: UseCaseAndPurpose,
    *,
    name: Annotated[
        str | None, typer.Option(help="The file's name in the inbox, if it should have another one there.")
    ] = None,
    description: Annotated[
        str,
        typer.Option(help="Where its patients come from, for report and model card: hospital, ward, years."),
    ] = "",
    synthetic: Annotated[
        bool, typer.Option("--synthetic", help="A program drew its patients: report and model card state it.")
    ] = False,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Upload also what the check would have REJECTED.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the receipts and show them.")] = False,
    patience: Patience = 900.0,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Put files into the inbox. They are checked, then processed at once; receipts say what became of them.

    For example:

        clinrisk drop march.csv --as heart/training --wait

        clinrisk drop 2019.csv --as heart/training --description "Cardiology, St Mary, referrals of 2019"

        clinrisk drop ward-*.csv --as stroke/inference

        clinrisk drop followup.csv --as stroke/outcomes --name 2026-03.csv

    Training files need every column that `clinrisk use-cases` lists; inference files may leave the outcome
    out; outcomes files have the columns id, label and date; feedback files id, response, reason, role and
    date, with the codes listed there. With --wait the exit code is 1 when a file was REJECTED, FAILED or
    HELD.
    """
    use_case, purpose = use_case_and_purpose(as_)
    if name and len(files) > 1:
        raise typer.BadParameter("--name is for one file")
    if not unchecked:
        _check_all(files, as_)
    deployed = open_stack(stack, on_twin=twin)
    answers, unused = [], False
    for file in files:
        key = inbox_receipts.inbox_key(use_case, purpose, name or file.name)
        with working(f"Uploading {file.name} ...", quiet=as_json):
            version_id = upload(deployed, file, key, metadata_of(description, synthetic=synthetic))
        answers.append((key, version_id, file.stat().st_size, time.monotonic()))
    documents: list[dict[str, Any]] = []
    for key, version_id, size, dropped in answers:
        if wait:
            with working("Waiting for the receipt ...", quiet=as_json):
                receipt = _await_receipt(deployed, key, version_id, patience)
            seconds = round(time.monotonic() - dropped, 2)
            documents.append(receipt.as_json() | {"seconds": seconds})
            unused |= receipt.disposition in UNUSED
            if not as_json:
                _show_one(receipt, as_json=False)
        else:
            documents.append({"key": key, "version_id": version_id, "bytes": size})
            if not as_json:
                console().print(f"Dropped as {key}.\nIts receipt: clinrisk receipts {key} --watch")
    if as_json:
        show_json(documents[0] if len(documents) == 1 else documents)
    if unused:
        raise typer.Exit(1)


def _check_all(files: list[Path], as_: str) -> None:
    for file in files:
        check_first(file, as_, file.name, str(file))


def check_first(file: Path, as_: str, name: str, typed: str) -> None:
    """Check a file, unless it is large; raises CliError when it would be REJECTED under that name.

    `typed` is how a person names the file in a command.
    """
    from cli.local_files.upload_preview import preview

    if file.stat().st_size > MULTIPART_BYTES:
        return
    found = preview(file.read_bytes(), *use_case_and_purpose(as_), name)
    if found.verdict.disposition == "REJECTED":
        raise CliError(
            f"{name} would be REJECTED, so nothing was uploaded. {' '.join(found.sentences[:2])}",
            f"See all of it: clinrisk check {typed} --as {as_}",
        )


def upload(deployed: Stack, file: Path, key: str, stated: dict[str, str]) -> str:
    """Upload a file under a key with its digest and what is stated about its patients; return its version."""
    bucket = deployed.output("InboxBucket")
    declared = {"sha256": inbox_receipts.digest_of(file)} | stated
    if file.stat().st_size <= MULTIPART_BYTES:
        with file.open("rb") as body:
            answer = deployed.s3.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="text/csv", Metadata=declared
            )
        return answer.get("VersionId", "null")
    deployed.s3.upload_file(
        str(file), bucket, key, ExtraArgs={"ContentType": "text/csv", "Metadata": declared}
    )
    return inbox_receipts.current_version(deployed, key) or "null"


def receipts(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[KEY|FILE]", help="An inbox key, or the name of a file that was dropped."),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until the version now in the inbox has its receipt.")
    ] = False,
    patience: Patience = 900.0,
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

    ACCEPTED: every row was used. PARTIAL: bad rows were quarantined and counted. REJECTED: no row was used.
    HELD: nothing uses it until somebody lets it through. DUPLICATE: the same bytes were used before.
    IGNORED: not data. FAILED: see `clinrisk redrive`.
    """
    deployed = open_stack(stack, on_twin=twin)
    wanted = Path(target).name if target and Path(target).is_file() else target
    if watch:
        _watch(deployed, wanted, patience, as_json=as_json)
        return
    with working("Reading receipts ...", quiet=as_json):
        found = inbox_receipts.find(deployed, wanted, limit=last)
    if as_json:
        show_json([receipt.as_json() for receipt in found])
    elif target and not found:
        console().print(f"There is no receipt for {target} yet. With --watch the command waits for it.")
    elif target:
        _show_one(found[0], as_json=False)
        if len(found) > 1:
            _show_list("Earlier", found[1:])
    else:
        _show_list("Receipts", found)


def _watch(deployed: Stack, target: str | None, patience: float, *, as_json: bool) -> None:
    if not target or "/" not in target:
        raise typer.BadParameter("--watch needs an inbox key such as heart/training/march.csv")
    key = inbox_receipts.full_key(target)
    version_id = inbox_receipts.current_version(deployed, key)
    if version_id is None:
        raise CliError(f"Nothing was dropped as {key}.", "List what was: clinrisk receipts")
    with working("Waiting for the receipt ...", quiet=as_json):
        receipt = _await_receipt(deployed, key, version_id, patience)
    _show_one(receipt, as_json=as_json)


def _await_receipt(deployed: Stack, key: str, version_id: str, patience: float) -> Receipt:
    deadline = time.monotonic() + patience
    while (receipt := inbox_receipts.receipt_of(deployed, key, version_id)) is None:
        if time.monotonic() > deadline:
            raise CliError(
                f"There is no receipt for {key} after {patience:.0f} seconds.",
                "See what is running: clinrisk status",
            )
        time.sleep(POLL_SECONDS)
    return receipt


def _show_list(title: str, found: list[Receipt]) -> None:
    rows = [
        (
            moment(one.written),
            verdict(one.disposition),
            f"{one.document.get('rows_accepted', 0):,}",
            f"{one.document.get('rows_quarantined', 0):,}",
            short_key(one.key),
        )
        for one in found
    ]
    columns = ("written", "disposition", "rows used", "quarantined", "inbox key")
    show_table(title, columns, rows, "There are no receipts yet.")


def _show_one(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        show_json(receipt.as_json())
        return
    screen, document = console(), receipt.document
    screen.print(verdict(receipt.disposition), receipt.key, f"(version {receipt.version_id})")
    used, quarantined = document.get("rows_accepted", 0), document.get("rows_quarantined", 0)
    screen.print(f"Rows used: {used:,}. Rows quarantined: {quarantined:,}.")
    if document.get("details"):
        show_details(document["details"])
    else:
        for sentence in document.get("explanation", []):
            screen.print(sentence)
    show_missing(document.get("missing", {}))
    if receipt.disposition in UNUSED:
        complaints().print("The file was not used.", style="dim")
