"""The `clinrisk` command as the demo drives it: one process per step, JSON back, and one that follows."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.state import PROJECT, Endpoint

GRACE_SECONDS = 3.0


class DemoError(Exception):
    """A part of the demo did not end as it should; the message says which, and what was seen."""


class StoppedError(DemoError):
    """The demo is being ended from outside."""


@dataclass
class Clinrisk:
    """Runs `clinrisk` against one twin, and ends whatever still runs when the demo ends."""

    endpoint: Endpoint | None
    """None for commands that need no stack."""
    stack: str
    stopped: threading.Event = field(default_factory=threading.Event)
    _running: set[subprocess.Popen[str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, *arguments: str | Path) -> Any:
        """Run one command and give its JSON; raises DemoError with the command's own words."""
        process = self._start(arguments)
        try:
            out, err = process.communicate()
        finally:
            self._running.discard(process)
        if self.stopped.is_set():
            raise StoppedError("stopped")
        # A receipt that says REJECTED is an answer too.
        if process.returncode != 0 and not out.strip():
            raise DemoError(
                f"`clinrisk {' '.join(map(str, arguments))}` said: {err.strip() or process.returncode}"
            )
        return json.loads(out)

    def follow(self, seen: Callable[[Mapping[str, Any]], None]) -> threading.Thread:
        """Call `seen` with each change of an execution, from a thread of its own, until the demo stops."""
        process = self._start(("status", "--follow", "--last", "50"))

        def read() -> None:
            with process:
                for line in process.stdout or ():
                    seen(json.loads(line))

        thread = threading.Thread(target=read, name="follow", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """End every process that was started here."""
        self.stopped.set()
        with self._lock:
            left = [process for process in self._running if process.poll() is None]
        for process in left:
            process.terminate()
        for process in left:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def _start(self, arguments: tuple[str | Path, ...]) -> subprocess.Popen[str]:
        with self._lock:
            if self.stopped.is_set():
                raise StoppedError("stopped")
            process = subprocess.Popen(
                [clinrisk_executable(), *map(str, arguments), "--json"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C reaches the demo, and the demo ends its own
            )
            self._running.add(process)
        return process

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        there = self.endpoint.environment() if self.endpoint else {}
        return kept | there | {"CLINRISK_STACK": self.stack, "NO_COLOR": "1"}


def clinrisk_executable() -> str:
    """Return the `clinrisk` command: CLINRISK_COMMAND, or the one in the project's own environment."""
    named = os.environ.get("CLINRISK_COMMAND")
    if named:
        return named
    installed = PROJECT / ".envs" / "cli" / "bin" / "clinrisk"
    if not installed.exists():
        raise DemoError("The `clinrisk` command is not installed yet: run `make demo`, which prepares it.")
    return str(installed)
