"""`batches`, `let-through`, `withdraw`, `score`, `outcomes`, `feedback`: what became of uploads."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import executions
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.inbox_receipts import short_key
from cli.options import AsJson, OneUseCase, OnTwin, StackName, UseCaseName, known_use_case, one_or_all
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.stack import Stack
    from clinrisk.messages.ingest import Settlement

PATIENCE = 300.0
"""Seconds that a decision may take."""

UploadId = Annotated[str, typer.Argument(metavar="ID", help="An upload that `clinrisk batches` lists.")]
Reason = Annotated[
    str,
    typer.Option(
        help="Why, in words that others will read: it is kept in the ledger, mailed, and stands in the "
        "results. Name no patient."
    ),
]


def batches(
    use_case: OneUseCase = None,
    *,
    held: Annotated[bool, typer.Option("--held", help="Only what waits for somebody's word.")] = False,
    last: Annotated[int, typer.Option(min=1, help="How many of each purpose to show.")] = 20,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show the newest uploads: what became of them, what was decided about them, and why.

    For example:

        clinrisk batches

        clinrisk batches heart --held

    HELD: readable, but not to be believed as it is; nothing uses it before somebody lets it through.
    WITHDRAWN: none of its rows counts any more, and its results are recalled.
    """
    open_stack(stack, on_twin=twin)
    with working("Reading uploads ...", quiet=as_json):
        found = [upload_facts(one) for name in one_or_all(use_case) for one in newest_uploads(name, last)]
    if held:
        found = [one for one in found if one["disposition"] == "HELD"]
    if as_json:
        show_json(found)
        return
    rows = [
        (
            one["upload_id"],
            one["file"],
            moment(one["received_at"] or one["settled_at"]),
            str(one["rows_accepted"]),
            verdict(one["disposition"]),
            *_last_decision(one),
        )
        for one in found
    ]
    columns = ("id", "file", "received", "rows", "now", "decided by", "why")
    show_table("Uploads", columns, rows, "Nothing is held." if held else "No file has been dropped yet.")
    if any(one["disposition"] == "HELD" for one in found):
        console().print(
            "Let one through: clinrisk let-through ID --reason TEXT\n"
            "Or give it up: clinrisk withdraw ID --reason TEXT"
        )


def let_through(
    upload: UploadId,
    reason: Reason,
    *,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Let a held upload through: it goes on, with the cautions for which it was held.

    For example:

        clinrisk let-through 0f1e2d3c4b5a69788796 --reason "The ward has women only; checked with the sender."

    Who, when and why are kept in the ledger and stand in the results.
    """
    _decide(open_stack(stack, on_twin=twin), upload, "LET_THROUGH", reason, as_json=as_json)


def withdraw(
    upload: UploadId,
    reason: Reason,
    *,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Withdraw an upload of any purpose: none of its rows counts any more, and its results are recalled.

    For example:

        clinrisk withdraw 0f1e2d3c4b5a69788796 --reason "Glucose was exported in another unit."

    The same file may be dropped again later.
    """
    _decide(open_stack(stack, on_twin=twin), upload, "WITHDRAW", reason, as_json=as_json)


def score(
    upload: UploadId, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Score an accepted batch again, by the model that is live now.

    For example:

        clinrisk score 0f1e2d3c4b5a69788796

    Results that it has are replaced; which were, and by what: clinrisk results ID.
    """
    from clinrisk.aws.tables import uploads

    deployed = open_stack(stack, on_twin=twin)
    found = uploads.settlement_of(upload)
    if found is None or found.purpose != "inference" or found.disposition not in uploads.USED:
        raise CliError(
            f"{upload} is no batch whose rows are used.", "See what became of uploads: clinrisk batches"
        )
    attempt = secrets.token_hex(2)
    started = deployed.stepfunctions.start_execution(
        stateMachineArn=deployed.output(MACHINES["scoring"]),
        name=f"{found.use_case}-{upload}-{attempt}",
        input=json.dumps(
            {
                "upload": uploads.as_upload(found, deployed.output("InboxBucket")).model_dump(),
                "rows_accepted": found.rows_accepted,
                "attempt": attempt,
            }
        ),
    )
    name = started["executionArn"].rpartition(":")[2]
    show_json({"execution": name}) if as_json else console().print(
        f"{upload} is being scored. Follow it: clinrisk status --follow"
    )


def _decide(deployed: Stack, upload: str, decision: str, reason: str, *, as_json: bool) -> None:
    """Have the ingest workflow carry a decision out, and show what became of it."""
    from clinrisk.aws.tables import uploads

    started = deployed.stepfunctions.start_execution(
        stateMachineArn=deployed.output(MACHINES["ingest"]),
        name=f"decide-{upload}-{secrets.token_hex(4)}",
        input=json.dumps(
            {"upload_id": upload, "decision": decision, "person": deployed.caller(), "reason": reason}
        ),
    )
    with working("Deciding ...", quiet=as_json):
        ended = executions.await_end(deployed, "ingest", started["executionArn"], PATIENCE)
    if ended.status != "SUCCEEDED":
        raise CliError(f"Nothing was decided: {ended.reason}", "See what became of uploads: clinrisk batches")
    found = uploads.settlement_of(upload)
    assert found is not None  # noqa: S101 - the workflow found it
    if as_json:
        show_json(upload_facts(found))
    else:
        console().print(f"{upload} is {found.disposition} now.")


def newest_uploads(use_case: str, last: int) -> Iterator[Settlement]:
    """Yield the last so many settled uploads of each purpose."""
    from clinrisk.aws.tables import uploads
    from clinrisk.core.ingest.inbox_keys import PURPOSES

    for purpose in PURPOSES:
        yield from uploads.newest_settled(use_case, purpose, last)


def upload_facts(upload: Settlement) -> dict[str, Any]:
    """Return what people read of an upload, for programs."""
    return {
        "upload_id": upload.upload_id,
        "use_case": upload.use_case,
        "purpose": upload.purpose,
        "file": short_key(upload.key),
        "received_at": upload.received_at,
        "settled_at": upload.settled_at,
        "rows_accepted": upload.rows_accepted,
        "rows_quarantined": upload.rows_quarantined,
        "disposition": str(upload.disposition),
        "decisions": [one.model_dump(mode="json") for one in upload.decisions],
    }


def _last_decision(upload: dict[str, Any]) -> tuple[str, str]:
    """Return who decided last and why; of an upload that was held as it was read, the receipt knows."""
    decided = upload["decisions"][-1:]
    if decided:
        return str(decided[0]["person"]), str(decided[0]["reason"])
    return "", f"clinrisk receipts {upload['file']}" if upload["disposition"] == "HELD" else ""


def outcomes(
    use_case: UseCaseName, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show how many patients' outcomes are joined, wait, conflict or match no prediction.

    For example:

        clinrisk outcomes stroke

        clinrisk outcomes heart --json

    joined: counted by monitoring. learned: known, but the model learned from the patient. waiting: the time
    that the prediction speaks for is not over. conflicting: two outcomes exclude one another, none counts
    until a row with yes in the column replaces settles it.
    earlier: dated before the prediction, or the event was before it. replaced: by a later row. unmatched: no
    batch has a prediction for the patient.
    """
    known_use_case(use_case)
    with working("Reading outcomes ...", quiet=as_json):
        overview = _overview(open_stack(stack, on_twin=twin), use_case)
    if as_json:
        show_json(overview)
        return
    statuses = ("joined", "learned", "waiting", "conflicting", "earlier", "replaced", "unmatched")
    by_file = [
        (one["upload_id"], short_key(one["key"]), *(f"{one.get(status, 0):,}" for status in statuses))
        for one in overview["uploads"]
    ]
    none = f"No outcomes of {use_case} have arrived. Send some: clinrisk drop FILE --as {use_case}/outcomes"
    show_table(
        f"Outcomes of {use_case}, by file, on {overview['judged_on']}",
        ("upload", "file", *statuses),
        by_file,
        none,
    )
    by_batch = [
        (
            short_key(one["key"]),
            *(f"{one.get(name, 0):,}" for name in ("predictions", *statuses[:-2])),
            one["waiting_until"] or "",
        )
        for one in overview["batches"]
    ]
    if by_batch:
        columns = ("batch", "predictions", *statuses[:-2], "wait until")
        show_table("Their predictions, by batch", columns, by_batch, "")


def feedback(
    use_case: UseCaseName, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show how many responses of clinicians count, file by file, and why others do not.

    For example:

        clinrisk feedback heart

        clinrisk feedback heart --json

    counted: in the figures of the model that made the prediction; the page shows those of the live one
    (clinrisk open heart). superseded: the same role responded to the same prediction again, later. earlier:
    dated before every prediction of the patient. unmatched: no batch states a risk of the patient.
    """
    known_use_case(use_case)
    with working("Reading feedback ...", quiet=as_json):
        files = _overview(open_stack(stack, on_twin=twin), use_case).get("feedback", [])
    if as_json:
        show_json(files)
        return
    statuses = ("counted", "superseded", "earlier", "unmatched")
    rows = [
        (one["upload_id"], short_key(one["key"]), *(f"{one.get(status, 0):,}" for status in statuses))
        for one in files
    ]
    none = f"No feedback on {use_case} has arrived. Send some: clinrisk drop FILE --as {use_case}/feedback"
    show_table(f"Feedback on {use_case}, by file", ("upload", "file", *statuses), rows, none)


def _overview(deployed: Stack, use_case: str) -> dict[str, Any]:
    """Return what the last join stored; nothing where none has run."""
    from cli.bucket_objects import RESULTS, newest_objects, read_json
    from clinrisk.core import object_keys

    key = object_keys.outcome_overview(use_case)
    if not newest_objects(deployed, RESULTS, key):
        return {"use_case": use_case, "judged_on": None, "uploads": [], "batches": []}
    return read_json(deployed, RESULTS, key)
