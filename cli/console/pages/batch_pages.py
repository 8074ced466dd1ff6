"""The batches to be scored: verdict, results, and which of them count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template
from werkzeug.utils import secure_filename

from cli.bucket_objects import RESULTS, objects_under, read_json
from cli.command_errors import CliError
from cli.console.pages.inbox_pages import asked_before, cursor, newest
from cli.console.site import Trouble, attempt, site
from cli.downloads import results_of
from clinrisk import use_cases
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key

if TYPE_CHECKING:
    from clinrisk.messages.ingest import Settlement

blueprint = Blueprint("batches", __name__)
BATCHES = 10


@blueprint.get("/batches")
def show() -> str:
    """Show the newest batches with verdict and results, or those that were settled before a moment."""
    before = asked_before()
    found = attempt(lambda: _page(before))
    more = cursor(found[-1]["upload"]) if not isinstance(found, Trouble) and len(found) >= BATCHES else ""
    return render_template("batches.html", batches=found, more=more, before=before)


def _page(before: str) -> list[dict[str, Any]]:
    found = [
        one
        for name in use_cases.names()
        for one in newest(before, f"{name}/{use_cases.get(name).scored_purpose}", BATCHES)
    ]
    found = sorted(found, key=cursor, reverse=True)[:BATCHES]
    return [{"upload": one, "stated": attempt(partial(_stated, one))} for one in found]


def _stated(batch: Settlement) -> dict[str, Any]:
    """Return what the sidecar of the results states of a batch; nothing while there are no results."""
    sidecar_key, notice = _keys(batch)
    there = {one["Key"] for one in objects_under(site().stack, RESULTS, sidecar_key.removesuffix("json"))}
    if sidecar_key not in there:
        return {}
    return read_json(site().stack, RESULTS, sidecar_key) | {"recalled": notice in there}


def _keys(batch: Settlement) -> tuple[str, str]:
    address = batch.use_case, parse_key(batch.key).stem, batch.upload_id
    return object_keys.sidecar(*address), object_keys.recalled(*address)


@blueprint.get("/batches/<upload_id>/results.csv")
def results(upload_id: str) -> Response:
    """Send the results that count, as clinicians get them; none where they are recalled."""
    from clinrisk.aws.tables import uploads

    batch = uploads.settlement_of(upload_id)
    if batch is None or batch.purpose != "inference":
        raise CliError(f"{upload_id} is no batch.", "See the batches.")
    current = next((one for one in results_of(site().stack, batch) if one["state"] == "CURRENT"), None)
    if current is None:
        raise CliError(f"{upload_id} has no results that count.", f"See why: clinrisk results {upload_id}")
    key = object_keys.results(batch.use_case, parse_key(batch.key).stem, upload_id)
    body = site().stack.s3.get_object(Bucket=site().stack.output(RESULTS), Key=key)["Body"]
    name = secure_filename(f"{parse_key(batch.key).stem}.{upload_id}.csv")
    return Response(
        body.iter_chunks(2**16),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
