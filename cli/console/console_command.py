"""`console`: all that the other verbs show, as pages for a browser on this machine."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command_errors import CliError
from cli.options import AsJson, OnTwin, StackName  # noqa: TC001 - typer reads them from the signature
from cli.screen import console as terminal
from cli.screen import show_json_line
from cli.stack import open_stack, twin_folder

if TYPE_CHECKING:
    from cli.console.site import ConsoleSite

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 4580
THREADS = 8


def console(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on loopback; 0 takes a free one.")
    ] = DEFAULT_PORT,
    until_abandoned: Annotated[
        bool, typer.Option("--until-abandoned", hidden=True, help="End when standard input does.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Serve the console on this machine, until Ctrl-C, and print its address.

    For example:

        clinrisk console --twin

        clinrisk console --stack clinrisk-prod --port 4590

    What is live, what waits and what is wrong; inbox, batches, models, mail. On a stack it only reads, with
    your identity; on the twin it also takes files and runs the commands that it shows. The address holds a
    key, so that nobody else on this machine can open it: it is another one at every start.
    """
    site = _site(stack, on_twin=twin)
    from waitress.server import create_server

    from cli.console.web_app import LARGEST_REQUEST, create_app

    if until_abandoned:
        threading.Thread(target=_end_with_input, name="abandoned", daemon=True).start()
    with _listener(port) as listener:
        server = create_server(
            create_app(site),
            sockets=[listener],
            threads=THREADS,
            ident="",
            max_request_body_size=LARGEST_REQUEST,
        )
        address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/?key={site.secret}"
        if as_json:
            show_json_line({"address": address})
        else:
            terminal().print(f"The console is at {address}\nCtrl-C stops it.", soft_wrap=True)
        server.run()


def _end_with_input() -> None:
    """End this process when whoever wanted it is gone, and has closed standard input."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise CliError(
            f"Port {port} on this machine is in use by another program.",
            "Take a free one: clinrisk console --port 0",
        ) from error


def _site(stack: str | None, *, on_twin: bool) -> ConsoleSite:
    """Connect to the stack, and make every client before several threads ask for them."""
    deployed = open_stack(stack, on_twin=on_twin)
    from cli.console.site import ConsoleSite
    from clinrisk.aws import clients

    for make in (
        clients.s3,
        clients.dynamodb,
        clients.stepfunctions,
        clients.cloudwatch,
        clients.functions,
        clients.sns,
    ):
        make()
    return ConsoleSite(deployed, secrets.token_urlsafe(24), twin_folder() if on_twin else None)
