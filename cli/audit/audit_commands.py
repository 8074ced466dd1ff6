"""`audit verify` and `audit show`: whether the ledger is as it was written, and what it holds."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from datetime import datetime  # noqa: TC003 # typer reads the type of the option
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command_errors import CliError
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import console, moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk.core.ledger.wording import in_words
from clinrisk.errors import LedgerAltered

if TYPE_CHECKING:
    from clinrisk.core.ledger.chain import ChainedEntry

RUNBOOK = 'What to do: docs/runbook.md, "The ledger does not verify".'

group = typer.Typer(no_args_is_help=True, help="Verify the audit ledger, and show what it holds.")


@group.command("verify")
def verify(
    *,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", dir_okay=False, help="Check a file of `clinrisk evidence`, without AWS."),
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Check the ledger, its signatures, and what is live against it, and name the first difference.

    Every entry is hashed again, the chain and its index followed, every signature of a decision checked with
    the public key; then the live pointers and their histories are compared with the releases in the ledger.

    For example:

        clinrisk audit verify

        clinrisk audit verify --bundle heart-3.zip

    It exits with 1 at a difference. While a release goes live, its entry comes a moment after its pointer:
    look again before you believe that one. Compare the digest it ends with to one that you kept earlier: that
    is how a ledger that was cut short shows.
    """
    if bundle is not None:
        _verify_bundle(bundle, as_json=as_json)
        return
    open_stack(stack, on_twin=twin)
    from cli.audit import table_comparison
    from clinrisk.aws import ledger

    with working("Reading the ledger ...", quiet=as_json):
        found = ledger.verify()
        compared = None if found.difference else table_comparison.difference()
    difference = found.difference or compared
    if as_json:
        named = difference and {"number": difference.number or None, "what": difference.what}
        key = table_comparison.key_digest()
        show_json({"entries": found.count, "head": found.head, "key": key, "difference": named})
        raise typer.Exit(1 if difference else 0)
    if compared:
        raise CliError(f"The chain holds, {found.count} entries, but: {compared.what}", RUNBOOK)
    if difference:
        raise CliError(f"{difference.what} Entries that hold up to it: {found.count}.", RUNBOOK)
    text = f"The ledger holds, and what is live is what it states: {found.count} entries."
    console().print(f"{text} sha256 of the newest: {found.head}")
    console().print(f"sha256 of the key of decisions: {table_comparison.key_digest()}")


def _verify_bundle(path: Path, *, as_json: bool) -> None:
    from cli.audit import evidence_bundle

    found = evidence_bundle.check(path)
    if as_json:
        show_json(asdict(found))
        raise typer.Exit(1 if found.difference else 0)
    if found.difference:
        raise CliError(f"{found.difference} Entries that hold: {found.entries}.", "Ask whoever made it.")
    release = found.release
    console().print(
        f"The evidence holds: {release['use_case']}, live version {release['live_version']} since "
        f"{moment(release['effective_at'])}, decided at {moment(release['decided_at'])}: {release['reason']}"
    )
    console().print(f"Entries: {found.entries}, sha256 of the newest: {found.head}")
    console().print(f"sha256 of the key of decisions: {found.key}")


def evidence(
    use_case: UseCaseName,
    version: Annotated[int, typer.Argument(min=1, help="A live version that `history` lists.")],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="The file; USE_CASE-VERSION.zip without it.")
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Write the evidence for a live version into one file that anybody can check without AWS.

    Decision, digests, evaluation, report, model card, manifest, the whole ledger and the public key.

    For example:

        clinrisk evidence heart 3 --out heart-3.zip

        clinrisk audit verify --bundle heart-3.zip
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    target = out or Path(f"{use_case}-{version}.zip")
    from cli.audit import evidence_bundle

    with working("Collecting the evidence ...", quiet=as_json):
        try:
            evidence_bundle.write(evidence_bundle.collect(deployed, use_case, version), target)
        except LedgerAltered as altered:
            raise CliError(str(altered), RUNBOOK) from altered
    checked = evidence_bundle.check(target)
    if as_json:
        show_json({"file": str(target)} | asdict(checked))
    else:
        console().print(
            f"{target} holds the evidence for live version {version} of {use_case}. "
            f"Check it: clinrisk audit verify --bundle {shlex.quote(str(target))}"
        )


@group.command("show")
def show(
    *,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only from this day on, as 2026-03-01."),
    ] = None,
    use_case: Annotated[
        str | None, typer.Option("--use-case", metavar="USE_CASE", help="Only this use case.")
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what the ledger holds: number, time, event, use case, and who did what in words.

    For example:

        clinrisk audit show

        clinrisk audit show --since 2026-03-01 --use-case heart

    It shows what is stored; whether that is what was written is the question of `clinrisk audit verify`.
    """
    if use_case:
        known_use_case(use_case)
    open_stack(stack, on_twin=twin)
    with working("Reading the ledger ...", quiet=as_json):
        found = [entry for entry in _entries() if _wanted(entry, since, use_case)]
    if as_json:
        show_json([_as_json(entry) for entry in found])
        return
    rows = [
        (str(one.number), moment(one.at), one.event, one.use_case, in_words(one.event, one.body))
        for one in found
    ]
    columns = ("number", "when", "event", "use case", "what")
    show_table("Audit ledger", columns, rows, "The ledger holds nothing of that kind.")


def _entries() -> list[ChainedEntry]:
    from clinrisk.aws import ledger

    try:
        return ledger.entries()
    except LedgerAltered as altered:
        raise CliError(str(altered), RUNBOOK) from altered


def _wanted(entry: ChainedEntry, since: datetime | None, use_case: str | None) -> bool:
    from_day = since is None or entry.at >= f"{since:%Y-%m-%d}"
    return from_day and use_case in {None, entry.use_case}


def _as_json(entry: ChainedEntry) -> dict[str, object]:
    return {
        "number": entry.number,
        "at": entry.at,
        "event": entry.event,
        "use_case": entry.use_case,
        "what": in_words(entry.event, entry.body),
        "identity": entry.identity,
        "sha256": entry.sha256,
        "previous": entry.previous,
        "body": entry.body,
    }
