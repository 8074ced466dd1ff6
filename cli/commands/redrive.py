"""`redrive`: start again what failed, once its cause is mended."""

from typing import Annotated, Any

import typer

from cli import dead_letters, receipts
from cli.errors import CliError
from cli.options import AsJson, OnTwin, StackName
from cli.screen import console, show_json, show_table, working
from cli.stack import Stack, open_stack


def redrive(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="The inbox key of one file that FAILED.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every file that waits.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Start files again that FAILED, when their cause is mended. Without arguments: list what waits.

    For example:

        clinrisk redrive

        clinrisk redrive heart/training/march.csv

        clinrisk redrive --all

    A file that FAILED has its event in the dead-letter queue. Started again, it is read as if it had just
    arrived, and its receipt is written anew; files that were settled otherwise stay as they are.
    """
    if key and everything:
        raise typer.BadParameter("name one file, or say --all")
    place = open_stack(stack, on_twin=twin)
    wanted = receipts.full_key(key) if key else None
    with working("Looking into the dead-letter queue ...", quiet=as_json):
        told = _each(place, wanted, everything=everything)
    if wanted and not told:
        told = _abandoned(place, wanted)
    if as_json:
        show_json(told)
        return
    show_table(
        "Started again" if key or everything else "Waiting",
        ("inbox key", "version", "what failed", "execution"),
        [
            (
                one["key"].removeprefix(receipts.INBOX),
                one["version_id"],
                one["reason"],
                one["execution"] or "",
            )
            for one in told
        ],
        "Nothing waits to be started again.",
    )
    if told and not (key or everything):
        console().print("Start one with: clinrisk redrive KEY, or all with: clinrisk redrive --all")


def _each(place: Stack, wanted: str | None, *, everything: bool) -> list[dict[str, Any]]:
    """Redrive what was asked for; what was not stays in the queue and is told only when nothing was asked."""
    told = []
    for letter in dead_letters.waiting(place):
        asked = everything or letter.key == wanted
        execution = dead_letters.redrive(place, letter) if asked else None
        if not asked:
            dead_letters.keep(place, letter)
        if asked or not wanted:
            told.append(
                {
                    "key": letter.key,
                    "version_id": letter.version_id,
                    "reason": letter.reason,
                    "execution": execution,
                }
            )
    return told


def _abandoned(place: Stack, key: str) -> list[dict[str, Any]]:
    """Start a file again whose workflow was stopped before it could leave its event in the queue."""
    version_id = receipts.current_version(place, key)
    upload = receipts.upload_of(place, key, version_id) if version_id else None
    event = dead_letters.abandoned_event(place, upload) if upload else None
    if event is None:
        raise CliError(
            f"{key} does not wait to be started again.", "See what became of it: clinrisk receipts " + key
        )
    execution = dead_letters.start(place, event)
    return [{"key": key, "version_id": version_id, "reason": "", "execution": execution}]
