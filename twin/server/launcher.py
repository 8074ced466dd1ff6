"""Start and end of the twin's process, and of everything it started."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin.server.environment import engine_environment, jobs_python
from twin.state import PROJECT, Endpoint, StateDirectory

READY_SECONDS = 30.0


class TwinError(Exception):
    """The twin cannot do what was asked; the message says why, and what to do."""


@dataclass(frozen=True)
class StartedTwin:
    """A twin that was started by this process."""

    endpoint: Endpoint
    process: subprocess.Popen[bytes]


def start(
    state: StateDirectory, port: int, *, abandonable: bool, job_slots: int | None = None
) -> StartedTwin:
    """Start a twin and wait until it answers.

    `abandonable` twins end when this process ends, however it ends; others stay until `stop`. With no job
    slots every job of SageMaker waits for a machine, as it does on AWS when there is none to be had.
    """
    if running := state.read():
        raise TwinError(f"A twin is already running at {running.endpoint_url} (`twin down` ends it).")
    _require_free(port)
    state.root.mkdir(parents=True, exist_ok=True)
    state.prepare()
    environment = engine_environment(port, state.root, "twin", secrets.token_hex(20))
    environment["TWIN_JOBS_PYTHON"] = str(jobs_python(PROJECT))
    if job_slots is not None:
        environment["TWIN_JOB_SLOTS"] = str(job_slots)
    command = [sys.executable, "-s", "-P", "-m", "twin.server.engine", str(port), str(state.root)]
    with state.log.open("wb") as log:
        process = subprocess.Popen(
            command + (["--until-abandoned"] if abandonable else []),
            env=environment,
            cwd=state.root,
            stdin=subprocess.PIPE if abandonable else subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + READY_SECONDS
    while (endpoint := state.read()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            stop_process(state, process.pid)
            raise TwinError(f"The twin did not start; the end of {state.log}:\n{_tail(state.log)}")
        time.sleep(0.02)
    return StartedTwin(endpoint, process)


def stop(state: StateDirectory) -> bool:
    """Stop the twin of this directory with all its children; False when none was running."""
    endpoint = state.read()
    if endpoint is None:
        state.endpoint_file.unlink(missing_ok=True)
        return False
    stop_process(state, endpoint.pid)
    state.endpoint_file.unlink(missing_ok=True)
    return True


def stop_process(state: StateDirectory, pid: int, grace_seconds: float = 5.0) -> None:
    """End a twin by its process id: with SIGTERM first, then, with its process group, with SIGKILL."""
    deadline = time.monotonic() + grace_seconds
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline and state.is_held():
            time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(state: StateDirectory, port: int, *, job_slots: int | None = None) -> Iterator[Endpoint]:
    """Run a twin for the length of a `with` block; Ctrl-C inside it stops the twin as well."""
    started = start(state, port, abandonable=True, job_slots=job_slots)
    try:
        yield started.endpoint
    finally:
        stop_process(state, started.process.pid)
        started.process.wait()


def end_on_signals() -> None:
    """Let SIGINT and SIGTERM raise KeyboardInterrupt, also where a background shell has SIGINT ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise TwinError(
                f"Port {port} on this machine is in use by another program. "
                f"Choose another one: `twin up --port {port + 1}`, or set TWIN_PORT."
            ) from error


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
