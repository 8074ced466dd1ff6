"""The audit ledger: what it holds, newest first, and whether it is as it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request

from cli.audit import audit_commands, table_comparison
from cli.command_errors import CliError
from cli.console.site import attempt
from clinrisk.core.ledger.wording import in_words
from clinrisk.errors import LedgerAltered

if TYPE_CHECKING:
    from clinrisk.core.ledger.chain import ChainedEntry

blueprint = Blueprint("ledger", __name__)
PAGE = 50


@blueprint.get("/ledger")
def show() -> str:
    """Show the newest entries, or those before a number; verify all of it when asked to."""
    before = request.args.get("before", type=int)
    return render_template(
        "ledger.html",
        entries=attempt(lambda: _page(before)),
        before=before,
        verified=attempt(_verify) if "verify" in request.args else None,
    )


def _page(before: int | None) -> list[tuple[ChainedEntry, str]]:
    from clinrisk.aws import ledger

    try:
        return [(one, in_words(one.event, one.body)) for one in ledger.newest_entries(PAGE, before)]
    except LedgerAltered as altered:
        raise CliError(str(altered), audit_commands.RUNBOOK) from altered


def _verify() -> dict[str, Any]:
    """Return what `clinrisk audit verify` finds."""
    from clinrisk.aws import ledger

    found = ledger.verify()
    compared = None if found.difference else table_comparison.difference()
    difference = found.difference or compared
    return {
        "count": found.count,
        "head": found.head,
        "difference": difference.what if difference else "",
        "key": "" if difference else table_comparison.key_digest(),
        "remedy": audit_commands.RUNBOOK,
    }
