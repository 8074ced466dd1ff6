"""`outcomes`: what became of the outcomes that arrived, file by file and batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import show_json, show_table, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from cli.stack import Stack

RESULTS = "ResultsBucket"


def outcomes(
    use_case: UseCaseName, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show how many patients' outcomes are joined, wait, conflict or match no prediction.

    For example:

        clinrisk outcomes stroke

        clinrisk outcomes heart --json

    joined: counted by monitoring. waiting: the time that the prediction speaks for is not over. conflicting:
    two outcomes exclude one another, none counts until a row with yes in the column replaces settles it.
    earlier: dated before the prediction. unmatched: no batch has a prediction for the patient.
    """
    known_use_case(use_case)
    with working("Reading outcomes ...", quiet=as_json):
        overview = _overview(open_stack(stack, on_twin=twin), use_case)
    if as_json:
        show_json(overview)
        return
    statuses = ("joined", "waiting", "conflicting", "earlier", "unmatched")
    by_file = [
        (one["upload_id"], _file(one), *(f"{one[status]:,}" for status in statuses))
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
            _file(one),
            *(f"{one[name]:,}" for name in ("predictions", *statuses[:-1])),
            one["waiting_until"] or "",
        )
        for one in overview["batches"]
    ]
    if by_batch:
        columns = ("batch", "predictions", *statuses[:-1], "wait until")
        show_table("Their predictions, by batch", columns, by_batch, "")


def _overview(deployed: Stack, use_case: str) -> dict[str, Any]:
    """Return what the last join stored; nothing where none has run."""
    from cli.bucket_objects import newest_objects, read_json
    from clinrisk.core import object_keys

    key = object_keys.outcome_overview(use_case)
    if not newest_objects(deployed, RESULTS, key):
        return {"use_case": use_case, "judged_on": None, "uploads": [], "batches": []}
    return read_json(deployed, RESULTS, key)


def _file(one: dict[str, Any]) -> str:
    from cli.inbox_receipts import short_key

    return short_key(one["key"])
