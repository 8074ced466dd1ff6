"""The console of a running twin: `clinrisk console` in a process of its own, until the twin stops."""

import fcntl
import json
import os
import signal
import subprocess
from dataclasses import dataclass

from twin.demo.clinrisk_process import clinrisk_executable
from twin.state import StateDirectory


class ConsoleError(Exception):
    """The console cannot be started; the message says where the reason is."""


@dataclass(frozen=True)
class StartedConsole:
    """A console that was started by this process."""

    address: str
    """It holds a key: only who can read this terminal can open it."""
    process: subprocess.Popen[str]


def start(state: StateDirectory, stack: str, *, abandonable: bool) -> StartedConsole:
    """Start the console in the background, in place of one that runs, and wait until it answers.

    An `abandonable` one ends when this process ends, however it ends; others stay until the twin stops.
    """
    stop(state)
    command = [clinrisk_executable(), "console", "--twin", "--stack", stack, "--port", "0", "--json"]
    log_file = state.root / "console.log"
    with state.console_lock.open("w") as lock, log_file.open("wb") as log:
        # The process inherits the lock: as long as it is held, the noted process is the console.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            command + (["--until-abandoned"] if abandonable else []),
            env=os.environ | {"TWIN_STATE_DIR": str(state.root)},
            stdin=subprocess.PIPE if abandonable else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            text=True,
        )
        lock.write(str(process.pid))
    with process.stdout or log_file.open() as printed:
        line = printed.readline()
    if not line:
        process.wait()
        raise ConsoleError(f"The console did not start; {log_file} says why.")
    return StartedConsole(str(json.loads(line)["address"]), process)


def stop(state: StateDirectory) -> None:
    """End the console of this directory, if one runs, and wait until it has ended."""
    if not state.console_lock.exists():
        return
    with state.console_lock.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(int(lock.read()), signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_EX)
