"""The live models: which serves, its history, and the documents that jobs made of it."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, abort, render_template

from cli.bucket_objects import RESULTS, objects_under
from cli.command_errors import CliError
from cli.console.gatekeeper import DOCUMENT_POLICY
from cli.console.site import attempt, site
from cli.release import approval_commands, live_commands
from clinrisk import use_cases
from clinrisk.core import object_keys

blueprint = Blueprint("models", __name__)
DOCUMENTS = {
    "page": "How it does now",
    "report": "The report that approvers read",
    "card": "The newest model card",
}


@blueprint.get("/models")
def show() -> str:
    """Show what serves each use case, and which questions about models wait or were decided."""
    here = site()
    names = use_cases.names()
    return render_template(
        "models.html",
        titles={name: use_cases.get(name).title for name in names},
        live={name: attempt(partial(live_commands.live_of, here.stack, name, None)) for name in names},
        approvals=attempt(lambda: [one for name in names for one in approval_commands.approvals_of(name)]),
        decided_by=approval_commands.decided_by,
        documents=DOCUMENTS,
    )


@blueprint.get("/models/<use_case>")
def model(use_case: str) -> str:
    """Show every version of a use case that was ever live."""
    _check(use_case)
    return render_template(
        "model.html",
        use_case=use_case,
        title=use_cases.get(use_case).title,
        live=attempt(lambda: live_commands.live_of(site().stack, use_case, None)),
        versions=attempt(lambda: live_commands.versions_of(use_case)),
        decided_by=approval_commands.decided_by,
        documents=DOCUMENTS,
    )


@blueprint.get("/models/<use_case>/<document>.html")
def document(use_case: str, document: str) -> Response:
    """Send a document of the live model as it was made; it gets neither script nor network."""
    _check(use_case)
    if document not in DOCUMENTS:
        abort(404, "There is no such document.")
    key = _newest_page(use_case) if document == "page" else _of_live(use_case, document)
    stack = site().stack
    body = stack.s3.get_object(Bucket=stack.output(RESULTS), Key=key)["Body"].read()
    return Response(
        body, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": DOCUMENT_POLICY}
    )


def _newest_page(use_case: str) -> str:
    keys = [one["Key"] for one in objects_under(site().stack, RESULTS, object_keys.model_pages(use_case))]
    if not keys:
        raise CliError(
            f"There is no page for {use_case} yet: every monitoring run makes one, once a model is live.",
            f"Run it now: clinrisk monitor {use_case} --wait",
        )
    return str(max(keys))


def _of_live(use_case: str, document: str) -> str:
    found = live_commands.live_of(site().stack, use_case, None)["live"]
    if found is None:
        raise CliError(
            f"No model of {use_case} is live.", "See what waits for a decision: clinrisk approvals"
        )
    if document == "card":
        return str(found["card"]).split("/", 3)[3]
    return object_keys.report(use_case, object_keys.evaluation_name(str(found["evaluation_uri"])))


def _check(use_case: str) -> None:
    if use_case not in use_cases.names():
        abort(404, f"There is no such use case; there are: {', '.join(use_cases.names())}.")
