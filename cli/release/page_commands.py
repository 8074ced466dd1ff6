"""`open`: the newest edition of the page of a live model."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from cli.bucket_objects import RESULTS, download, objects_under
from cli.command_errors import CliError
from cli.downloads import MODEL_PAGE
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import complaints, console, show_json, working
from cli.stack import open_stack
from clinrisk.core import object_keys


def open_page(
    use_case: UseCaseName,
    *,
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="The folder to write into.")] = Path(
        "out"
    ),
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it, or print where it lies alone.")
    ] = True,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Download the page of the live model as the newest monitoring run made it, and open it.

    For example:

        clinrisk open heart

        clinrisk open stroke --no-browser

    What is live and who approved it, how it does where outcomes are known, groups, drift, open findings,
    batches with their verdicts, and the releases before. With --json no browser is opened.
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    with working("Looking for the newest edition ...", quiet=as_json):
        keys = [one["Key"] for one in objects_under(deployed, RESULTS, object_keys.model_pages(use_case))]
        if not keys:
            raise CliError(
                f"There is no page for {use_case} yet: every monitoring run makes one, once a model is live.",
                f"Run it now: clinrisk monitor {use_case} --wait",
            )
        # The keys sort by when the run began.
        file = download(deployed, RESULTS, max(keys), out / use_case / MODEL_PAGE)
        changed = _changed_since(use_case, max(keys).rpartition("/")[2][:19])
    if as_json:
        show_json({"page": file, "edition": max(keys), "editions": len(keys), "changed_since": changed})
        return
    for sentence in changed:
        complaints().print(sentence, style="red")
    console().print(file)
    if browser:
        webbrowser.open(Path(file).resolve().as_uri())


def _changed_since(use_case: str, began: str) -> list[str]:
    """Return in sentences what has changed since a run began that the page of that run cannot show."""
    from clinrisk.aws.tables import deployments, pauses

    live, pause = deployments.stored_live(use_case), pauses.current(use_case)
    found = []
    if live is not None and live["promoted_at"][:19].replace(":", "-") > began:
        found.append(
            f"Version {live['live_version']} has gone live since this page was made: it shows an earlier "
            f"one. For a new page: clinrisk monitor {use_case} --wait"
        )
    if pause is not None and pause.since[:19].replace(":", "-") > began:
        found.append(f"Results of {use_case} are paused, since this page was made: clinrisk live {use_case}")
    return found
