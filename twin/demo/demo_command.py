"""`twin demo`: all of it on this laptop, from a file in the inbox to findings about scored patients."""

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from twin import console_process, mailbox
from twin.demo import index_page
from twin.demo.clinrisk_process import Clinrisk, DemoError, StoppedError
from twin.demo.cohort_files import DemoUseCase
from twin.demo.external_walkthrough import ExternalWalkthrough
from twin.demo.progress_board import ProgressBoard
from twin.demo.progress_view import shown
from twin.demo.summary import document, show, write
from twin.demo.walkthrough import Walkthrough
from twin.deployment import deploy
from twin.server import launcher
from twin.state import DEFAULT_PORT, PROJECT, Endpoint, state_directory

INTERRUPTED = 130
LAST_POLL_SECONDS = 1.0  # the follower's last look at what has just ended


@dataclass(frozen=True)
class DemoPlan:
    """What was asked for on the command line."""

    files: Mapping[str, Path | None]
    """The user's own files, by use case."""
    approves: bool
    out: Path
    seed: int
    port: int
    keep: bool


def _own_file(file: Path | None) -> Path | None:
    """Return the file that was named, `~` included: make does not expand it."""
    found = file.expanduser() if file else None
    if found and not found.is_file():
        raise typer.BadParameter(f"there is no file {found}")
    return found


def demo(
    *,
    heart: Annotated[
        Path | None,
        typer.Option(envvar="HEART", callback=_own_file, help="Your own processed.cleveland.data."),
    ] = None,
    stroke: Annotated[
        Path | None,
        typer.Option(
            envvar="STROKE", callback=_own_file, help="Your own healthcare-dataset-stroke-data.csv."
        ),
    ] = None,
    approve: Annotated[
        bool,
        typer.Option("--approve", envvar="APPROVE", help="Play the approver instead of waiting for you."),
    ] = False,
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the evidence goes.")] = Path("out"),
    seed: Annotated[int, typer.Option(help="Decides who trains and who comes later.")] = 42,
    port: Annotated[int, typer.Option(envvar="TWIN_PORT", help="Loopback port of the twin.")] = DEFAULT_PORT,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the twin and its console running afterwards.")
    ] = False,
) -> None:
    """Run the main job for every use case on this laptop and show each state as it happens.

    Without files it draws synthetic patients. Nothing leaves this machine; Ctrl-C ends everything.
    """
    begun = time.monotonic()
    console = Console(highlight=False)
    launcher.end_on_signals()
    plan = DemoPlan({"heart": heart, "stroke": stroke}, approve, out, seed, port, keep)
    try:
        ended_well = run(plan, console, begun)
    except KeyboardInterrupt:
        console.print("Stopped. No process was left behind.")
        raise typer.Exit(INTERRUPTED) from None
    except (deploy.DeployError, DemoError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if ended_well else 1)


def run(plan: DemoPlan, console: Console, begun: float) -> bool:
    """Start, deploy, take every walkthrough, and sum up; return whether all ended as expected."""
    refuse_unknown_files(plan.files)
    deploying = time.monotonic()
    with _twin(plan) as endpoint:
        with _waiting(console, "Deploying template.yaml on the twin ..."):
            deploy.deploy(PROJECT / "template.yaml", endpoint=endpoint)
        deployed = time.monotonic() - deploying
        console.print(f"template.yaml is deployed at {endpoint.endpoint_url} ({deployed:.1f} s).")
        pages = console_process.start(state_directory(), "clinrisk", abandonable=not plan.keep)
        console.print(f"Watch it in a browser: {pages.address}", soft_wrap=True)
        clinrisk = Clinrisk(endpoint, "clinrisk")
        board = ProgressBoard(clinrisk.stopped, console.print)
        try:
            walkthroughs = [
                (Walkthrough if contract.trained else ExternalWalkthrough)(
                    clinrisk=clinrisk,
                    board=board,
                    contract=contract,
                    own_file=plan.files.get(contract.name),
                    out=plan.out,
                    seed=plan.seed,
                    mails=_mails,
                    authenticator=state_directory().authenticator,
                    plays_approver=plan.approves,
                )
                for contract in contracts(clinrisk)
            ]
            clinrisk.follow(board.see)
            with shown(
                console, board, {walkthrough.name: walkthrough.contract.title for walkthrough in walkthroughs}
            ):
                _walk_all(walkthroughs)
                board.settle(LAST_POLL_SECONDS)
            with _waiting(console, "Verifying the audit ledger ..."):
                verified = clinrisk.ask("audit", "verify")
        finally:
            clinrisk.stop()
        content = document(walkthroughs, board, deploy=deployed, total=time.monotonic() - begun)
        content["ledger"] = verified
        written = write(plan.out, content)
        index = index_page.write_index(plan.out, walkthroughs, pages.address if plan.keep else "")
        show(console, walkthroughs, content, written)
        console.print(_ledger_in_words(verified))
        console.print(f"What to look at first, and what each file is: {index}", soft_wrap=True)
        if plan.keep:
            console.print(f"Twin and console keep running: {pages.address}", soft_wrap=True)
            console.print("End both with: .envs/twin/bin/twin down")
    return not verified["difference"] and not any(one.record.unexpected for one in walkthroughs)


def _ledger_in_words(verified: Mapping[str, Any]) -> str:
    if verified["difference"]:
        return f"Not as expected: {verified['difference']['what']}"
    return (
        f"The audit ledger holds: {verified['entries']} entries, every signature checked, "
        f"and what is live is what was decided. sha256 of the newest: {verified['head']}"
    )


def _waiting(console: Console, what: str) -> AbstractContextManager[object]:
    """Show what takes time: a spinner on a terminal, a line in a pipe."""
    if console.is_terminal:
        return console.status(what)
    console.print(what)
    return nullcontext()


def refuse_unknown_files(files: Mapping[str, Path | None]) -> None:
    """Check the user's own files before anything starts; raise DemoError with the remedy."""
    offline = Clinrisk(None, "")
    own = [(use_case, file) for use_case, file in files.items() if file]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        converted = pool.map(
            lambda one: offline.ask("convert", one[1], "--to", Path(folder) / f"{one[0]}.csv"), own
        )
        for (use_case, file), known in zip(own, converted, strict=True):
            if known["use_case"] != use_case:
                raise DemoError(f"{file} is {known['original']}: that one belongs to {known['use_case']}.")


def contracts(clinrisk: Clinrisk) -> list[DemoUseCase]:
    """Return what the demo needs to know of every use case."""
    described: dict[str, Any] = clinrisk.ask("use-cases")
    return [
        DemoUseCase(
            name=name,
            title=one["title"],
            header=tuple(one["header"]),
            id_column=one["id_column"],
            label_column=one["label"]["column"],
            classes=one["label"]["classes"],
            shift=next(iter(one["shifts"]), None),
            trained="training" in one["purposes"],
            approvers_needed=one["approvers_needed"],
        )
        for name, one in described.items()
    ]


def _walk_all(walkthroughs: list[Walkthrough]) -> None:
    """Take all walkthroughs at once until all have ended; Ctrl-C ends the wait at any moment."""

    def walk(walkthrough: Walkthrough) -> None:
        try:
            walkthrough.walk()
        except StoppedError:
            walkthrough.record.unexpected.append("The demo was stopped.")

    threads = [
        threading.Thread(target=walk, args=(walkthrough,), name=walkthrough.name, daemon=True)
        for walkthrough in walkthroughs
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.1)


@contextmanager
def _twin(plan: DemoPlan) -> Iterator[Endpoint]:
    if not plan.keep:
        with launcher.running(state_directory(), plan.port) as endpoint:
            yield endpoint
        return
    started = launcher.start(state_directory(), plan.port, abandonable=False)
    try:
        yield started.endpoint
    except BaseException:
        launcher.stop(state_directory())
        raise


def _mails(address: str) -> list[dict[str, Any]]:
    return mailbox.read(state_directory().mail, address)
