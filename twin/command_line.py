"""The `twin` command: run template.yaml on this laptop."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from twin import console_process, mailbox, quotas
from twin.demo.demo_command import demo
from twin.deployment import deploy as deployment
from twin.replay.replay_command import replay
from twin.server import forgotten, launcher
from twin.state import DEFAULT_PORT, KeptState, state_directory

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)


@app.command()
def up(
    port: Annotated[
        int | None,
        typer.Option(envvar="TWIN_PORT", help=f"Loopback port to answer on; without it {DEFAULT_PORT}."),
    ] = None,
    *,
    foreground: Annotated[bool, typer.Option(help="Stay until Ctrl-C, not in the background.")] = False,
    keep: Annotated[
        Path | None,
        typer.Option("--state", file_okay=False, help="Directory to go on from, and to keep everything in."),
    ] = None,
) -> None:
    """Start the twin. Without --state it forgets everything when it stops."""
    state = state_directory()
    if foreground:
        launcher.end_on_signals()
    kept = KeptState(keep.resolve()) if keep else None
    started = launcher.start(state, port, abandonable=foreground, kept=kept)
    typer.echo(f"The twin answers at {started.endpoint.endpoint_url}. Its log: {state.log}")
    if not foreground:
        typer.echo('Point any AWS tool at it with: eval "$(twin env)". Stop it with: twin down')
        return
    typer.echo("Ctrl-C stops it.")
    try:
        started.process.wait()
    except KeyboardInterrupt:
        typer.echo("Stopping.")
    finally:
        launcher.stop_process(state, started.process.pid)


@app.command()
def down() -> None:
    """Stop the twin and everything it started, and say what it forgets or keeps."""
    state = state_directory()
    endpoint = state.read()
    held = forgotten.in_words(endpoint, state.kept) if endpoint else ""
    typer.echo(f"The twin has stopped. {held}".rstrip() if launcher.stop(state) else "No twin was running.")


@app.command()
def status() -> None:
    """Print whether a twin is running, and where; the exit code is 1 when none is."""
    endpoint = state_directory().read()
    if endpoint is None:
        typer.echo("No twin is running. Start one with: twin up")
        raise typer.Exit(1)
    typer.echo(f"The twin answers at {endpoint.endpoint_url} (process {endpoint.pid}).")


@app.command()
def console(
    stack: Annotated[str, typer.Option(help="Name of the stack.")] = "clinrisk",
) -> None:
    """Start the console of the running twin in the background and print its address; twin down ends it."""
    state = state_directory()
    if state.read() is None:
        typer.echo("No twin is running. Start one with: twin up", err=True)
        raise typer.Exit(1)
    typer.echo(f"The console is at {console_process.start(state, stack, abandonable=False).address}")


@app.command()
def quota(
    changes: Annotated[list[str] | None, typer.Argument(help="NAME=NUMBER, repeatable.")] = None,
) -> None:
    """Print how many jobs and invocations may run at once, or change it: twin quota transform=1."""
    state = state_directory()
    if state.read() is None:
        typer.echo("No twin is running. Start one with: twin up", err=True)
        raise typer.Exit(1)
    state.quotas.change(quotas.parse(changes or []))
    for name, number in state.quotas.all().items():
        typer.echo(f"{name:12} {number}")


@app.command()
def deploy(
    template: Annotated[
        Path, typer.Argument(help="The template; its code folders are packaged as they are.")
    ],
    stack: Annotated[str, typer.Option(help="Name of the stack.")] = "clinrisk",
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, repeatable.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outputs as JSON.")] = False,
) -> None:
    """Create or update a stack on the running twin."""
    given = dict(entry.split("=", 1) for entry in parameter or [])
    outputs = deployment.deploy(template, stack, given)
    if as_json:
        typer.echo(json.dumps(outputs, indent=2))
        return
    typer.echo(f"The stack {stack} is deployed.")
    for name, value in sorted(outputs.items()):
        typer.echo(f"  {name:24} {value}")


@app.command()
def build(
    template: Annotated[Path, typer.Argument(help="The template whose layers and code are packaged.")],
) -> None:
    """Package a template's layers and code ahead, so that its first deploy is quick."""
    deployment.build(template)


@app.command()
def env() -> None:
    """Print the variables that point a shell, an SDK or the AWS command at the twin."""
    endpoint = state_directory().read()
    if endpoint is None:
        typer.echo("No twin is running. Start one with: twin up", err=True)
        raise typer.Exit(1)
    for name, value in endpoint.environment().items():
        typer.echo(f"export {name}={value}")


@app.command()
def mail(
    address: Annotated[str | None, typer.Argument(help="Only what was sent to this address.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the mails as a JSON list.")] = False,
) -> None:
    """Read the mail that the stack sent, oldest first."""
    mails = mailbox.read(state_directory().mail, address)
    if as_json:
        typer.echo(json.dumps(mails, indent=2))
        return
    for mail in mails:
        typer.echo(f"{mail['at']}  to {mail['to']}\nSubject: {mail['subject']}\n\n{mail['body']}\n{'-' * 72}")
    if not mails:
        typer.echo("No mail." if address is None else f"No mail for {address}.")


@app.command()
def code(
    address: Annotated[str | None, typer.Argument(help="The approver's mail address.")] = None,
) -> None:
    """Print the code that an approver's phone would show, for the approvers whom the demo has enrolled."""
    kept = state_directory().authenticator
    known = kept.addresses()
    if not known or address not in (None, *known):
        typer.echo("The demo has enrolled nobody here with that address.", err=True)
        raise typer.Exit(1)
    for one in known if address is None else [address]:
        typer.echo(f"{kept.code(one)}  {one}, {kept.seconds_left()} s left")


app.command()(demo)
app.command()(replay)


def run() -> None:
    """Run the command; what the twin cannot do ends it with one sentence."""
    try:
        app()
    except (
        launcher.TwinError,
        deployment.DeployError,
        quotas.QuotaError,
        console_process.ConsoleError,
    ) as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    os.umask(0o077)
    run()
