"""The `clinrisk` command as the console runs it, on the twin alone: a process of its own, its words kept."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import dataclass

from cli.console.site import site

PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class CommandRun:
    """A command that has ended: the line that does the same in a terminal, and what it printed."""

    line: str
    code: int
    printed: str


def run(*arguments: str, **options: str) -> CommandRun:
    """Run `clinrisk` with these arguments and options on the twin, and return its words."""
    here = site()
    if here.twin is None:
        raise PermissionError("On a stack the console only reads.")
    typed = [part for name, value in options.items() for part in (f"--{name}", value)]
    line = f"{shlex.join(['clinrisk', *arguments, *typed])} {here.flags}"
    # A value that begins with a hyphen is a value all the same.
    given = [f"--{name}={value}" for name, value in options.items()]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "cli.app", *arguments, *given, *here.flags.split()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return CommandRun(line, 1, "It has not ended yet; see what runs.")
    # Standard error has the progress of a command that ended well, and the reason of one that did not.
    printed = f"{done.stdout}\n{done.stderr if done.returncode else ''}".strip()
    return CommandRun(line, done.returncode, printed)
