"""The inbox: files dropped on the page, receipts as they appear, and one page per upload."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.utils import secure_filename

from cli import inbox_receipts, ingest
from cli.bucket_objects import quarantined_rows
from cli.command_errors import CliError
from cli.console.command_runs import run
from cli.console.site import Trouble, attempt, site
from cli.downloads import results_of
from cli.local_files import marked_rows
from cli.options import use_case_and_purpose
from clinrisk import use_cases
from clinrisk.core.training.file_statements import metadata_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.datastructures import FileStorage
    from werkzeug.wrappers import Response as BaseResponse

    from cli.console.command_runs import CommandRun
    from clinrisk.messages.ingest import Settlement

blueprint = Blueprint("inbox", __name__)
PAGE = 25
_CURSOR = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z#[0-9a-f]{20}")
ROWS_SHOWN = 200
ACTIONS_WITH_REASON = ("let-through", "withdraw")
ACTIONS = (*ACTIONS_WITH_REASON, "score", "redrive")


@blueprint.get("/inbox")
def show() -> str:
    """Show the newest uploads, or those that were settled before a moment."""
    before = asked_before()
    wanted = request.args.get("of", "")
    found = attempt(lambda: newest(before, wanted))
    more = cursor(found[-1]) if not isinstance(found, Trouble) and len(found) >= PAGE else ""
    return render_template(
        "inbox.html",
        uploads=found,
        more=more,
        before=before,
        wanted=wanted,
        kinds=kinds(),
    )


def kinds() -> list[str]:
    """Return what a file may be dropped as."""
    return [f"{name}/{purpose}" for name in use_cases.names() for purpose in use_cases.get(name).purposes]


def cursor(settled: Settlement) -> str:
    """Return the mark of an upload in the order of uploads: what is older lies before it."""
    return f"{settled.settled_at}#{settled.upload_id}"


def asked_before() -> str:
    """Return the mark that an older page begins before; empty for the newest."""
    given = request.args.get("before", "")
    if given and not _CURSOR.fullmatch(given):
        abort(404, "There is no such page.")
    return given


def newest(before: str, wanted: str, most: int = PAGE) -> list[Settlement]:
    """Return so many uploads, newest first, of one kind (`heart/training`) or of all."""
    from clinrisk.aws.tables import uploads

    chosen = [one for one in kinds() if wanted in {"", one}]
    found = [
        upload
        for one in chosen
        for upload in uploads.newest_settled(*use_case_and_purpose(one), most, before)
    ]
    return sorted(found, key=cursor, reverse=True)[:most]


@blueprint.post("/inbox")
def drop() -> BaseResponse | str:
    """Put files into the inbox as `clinrisk drop` does, or only check them as `clinrisk check` does."""
    kind = request.form.get("as", "")
    if kind not in kinds():
        abort(404, "There is no such use case or purpose.")
    take = _check if "check" in request.form else _drop
    taken = [_taken(one, kind, take) for one in request.files.getlist("files") if one.filename]
    return render_template("dropped.html", dropped=taken, kind=kind, checked="check" in request.form)


def _taken(file: FileStorage, kind: str, take: Callable[[Path, str, str], dict[str, Any]]) -> dict[str, Any]:
    """Check or upload one file; return its name with what was found, or why it could not be done."""
    # A folder that is dropped has a path in its name; the last part alone names the file.
    name = str(file.filename).replace("\\", "/").rpartition("/")[2]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / (secure_filename(name) or "file")
        file.save(copy)
        found = attempt(lambda: take(copy, name, kind))
    return {"name": name} | ({"trouble": found} if isinstance(found, Trouble) else found)


def _drop(copy: Path, name: str, kind: str) -> dict[str, Any]:
    if "unchecked" not in request.form:
        ingest.check_first(copy, kind, name, name)
    key = inbox_receipts.inbox_key(*use_case_and_purpose(kind), name)
    stated = metadata_of(request.form.get("description", ""), synthetic="synthetic" in request.form)
    return {"key": key, "version_id": ingest.upload(site().stack, copy, key, stated)}


def _check(copy: Path, name: str, kind: str) -> dict[str, Any]:
    """Return what the receipt of a file would state; nothing is uploaded."""
    from cli.local_files.upload_preview import preview

    if copy.stat().st_size > ingest.MULTIPART_BYTES:
        raise CliError(
            "It is too large to be checked on this page.", f"Check it: clinrisk check {name} --as {kind}"
        )
    return {"preview": preview(copy.read_bytes(), *use_case_and_purpose(kind), name).as_json()}


@blueprint.get("/inbox/receipt")
def receipt() -> BaseResponse | str:
    """Wait on the page for the receipt of a version of a key, then go on to the page of the upload."""
    key, version_id = request.args.get("key", ""), request.args.get("version", "")
    found = inbox_receipts.receipt_of(site().stack, key, version_id)
    if found is not None and found.document.get("upload_id"):
        settled = _settlement(str(found.document["upload_id"]))
        if settled is not None:
            return redirect(url_for("inbox.upload", upload_id=settled.upload_id))
    return render_template("receipt.html", key=key, version_id=version_id, receipt=found)


@blueprint.get("/uploads/<upload_id>")
def upload(upload_id: str) -> str:
    """Show one upload: its receipt, what was set aside, what was decided, its results."""
    return _show_upload(_known(upload_id), None)


@blueprint.post("/uploads/<upload_id>")
def act(upload_id: str) -> str:
    """Run one of the commands that the page of an upload shows, and show what it answered."""
    action = request.form.get("action", "")
    if action not in ACTIONS:
        abort(404, "There is no such action.")
    upload_id = _known(upload_id).upload_id
    reason = {"reason": request.form.get("reason", "")} if action in ACTIONS_WITH_REASON else {}
    answer = run(action, upload_id, **reason)
    return _show_upload(_known(upload_id), answer)


def _show_upload(found: Settlement, answer: CommandRun | None) -> str:
    stack = site().stack
    return render_template(
        "upload.html",
        upload=found,
        receipt=attempt(lambda: inbox_receipts.receipt_of(stack, found.key, found.version_id)),
        rows=attempt(lambda: _rows(found)),
        rows_shown=ROWS_SHOWN,
        results=attempt(lambda: results_of(stack, found)) if found.purpose == "inference" else [],
        answer=answer,
    )


@blueprint.get("/uploads/<upload_id>/quarantine.csv")
def quarantine(upload_id: str) -> Response:
    """Send the rows that were set aside, as `clinrisk quarantine` writes them."""
    found = _known(upload_id)
    rows = quarantined_rows(site().stack, found.use_case, upload_id)
    name = secure_filename(f"{found.key.rpartition('/')[2]}.quarantine.csv")
    return Response(
        marked_rows.as_csv(rows, use_cases.get(found.use_case)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _rows(found: Settlement) -> list[dict[str, Any]]:
    """Return the first rows that were set aside; no request is made where there are none."""
    if not found.rows_quarantined:
        return []
    rows = quarantined_rows(site().stack, found.use_case, found.upload_id)
    return sorted(rows, key=lambda one: int(one["row"]))[:ROWS_SHOWN]


def _settlement(upload_id: str) -> Settlement | None:
    from clinrisk.aws.tables import uploads

    return uploads.settlement_of(upload_id)


def _known(upload_id: str) -> Settlement:
    found = _settlement(upload_id)
    if found is None:
        raise CliError(f"There is no settled upload {upload_id}.", "See the uploads in the inbox.")
    return found
