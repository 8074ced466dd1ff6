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

from twin import console_process
from twin.repairs.repair_registry import ENGINE_VERSION
from twin.server.environment import engine_environment, jobs_python
from twin.state import DEFAULT_PORT, PROJECT, Endpoint, KeptState, StateDirectory

READY_SECONDS = 30.0
STOPPED_SECONDS = 5.0
KEPT_SECONDS = 300.0
"""How long a twin that keeps what it holds may take to read or to write it."""


class TwinError(Exception):
    """The twin cannot do what was asked; the message says why, and what to do."""


@dataclass(frozen=True)
class StartedTwin:
    """A twin that was started by this process."""

    endpoint: Endpoint
    process: subprocess.Popen[bytes]


def start(
    state: StateDirectory,
    port: int | None,
    *,
    abandonable: bool,
    job_slots: int | None = None,
    kept: KeptState | None = None,
) -> StartedTwin:
    """Start a twin and wait until it answers; without a port at the kept one, or at the default.

    `abandonable` twins end when this process ends, however it ends; others stay until `stop`. With no job
    slots every job of SageMaker waits for a machine, as it does on AWS when there is none to be had.
    """
    if running := state.read():
        raise TwinError(f"A twin is already running at {running.endpoint_url} (`twin down` ends it).")
    port = _port_of(kept, port) if kept else port or DEFAULT_PORT
    _require_free(port)
    state.root.mkdir(parents=True, exist_ok=True)
    if kept:
        kept.claim(port, ENGINE_VERSION)
    console_process.stop(state)  # of a twin that was killed
    state.prepare(kept)
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
    deadline = time.monotonic() + (KEPT_SECONDS if kept else READY_SECONDS)
    while (endpoint := state.read()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            _end_process(process.pid, state, STOPPED_SECONDS)
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


def stop_process(state: StateDirectory, pid: int) -> None:
    """End a twin by its process id; raise TwinError when it has not kept what it should."""
    console_process.stop(state)
    kept = state.kept
    before = kept.written_at() if kept else None
    _end_process(pid, state, KEPT_SECONDS if kept else STOPPED_SECONDS)
    if kept and kept.written_at() == before:
        raise TwinError(
            f"The twin has stopped and kept nothing: {kept.root} is as it was before. Why is at the end of"
            f" {state.log}:\n{_tail(state.log)}"
        )


def _end_process(pid: int, state: StateDirectory, grace_seconds: float) -> None:
    """End a twin with SIGTERM first, then, with its process group, with SIGKILL."""
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


def _port_of(kept: KeptState, port: int | None) -> int:
    """Return the port that a kept state belongs to; its links and addresses hold it."""
    facts = kept.facts()
    if not facts and kept.root.exists() and any(kept.root.iterdir()):
        raise TwinError(f"{kept.root} holds other files. Name a directory that is empty or does not exist.")
    if facts.get("engine", ENGINE_VERSION) != ENGINE_VERSION:
        raise TwinError(
            f"{kept.root} belongs to version {facts['engine']} of the engine, and this is {ENGINE_VERSION}."
            " Install that version, or name another directory."
        )
    if port not in {None, facts.get("port", port)}:
        raise TwinError(
            f"What is in {kept.root} belongs to port {facts['port']}: its links name it. Leave out --port"
            " (and TWIN_PORT)."
        )
    return int(facts.get("port") or port or DEFAULT_PORT)


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
