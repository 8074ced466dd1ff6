"""The console's process: one at a time, ended with its twin, and with whoever wanted it."""

import subprocess
import sys
from pathlib import Path

import pytest

from twin import console_process
from twin.state import StateDirectory

# It answers as the console does, and then stays; with --until-abandoned until standard input ends.
COMMAND = f"""#!{sys.executable}
import json, os, sys, threading
print(json.dumps({{"address": f"http://127.0.0.1/{{os.getpid()}}"}}), flush=True)
if "--until-abandoned" in sys.argv:
    sys.stdin.read()
else:
    threading.Event().wait()
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDirectory:
    command = tmp_path / "clinrisk"
    command.write_text(COMMAND)
    command.chmod(0o755)
    monkeypatch.setenv("CLINRISK_COMMAND", str(command))
    root = tmp_path / "twin"
    root.mkdir()
    return StateDirectory(root)


def ended(started: console_process.StartedConsole) -> bool:
    try:
        started.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_a_second_console_replaces_the_first_and_a_stop_ends_it(state: StateDirectory) -> None:
    first = console_process.start(state, "clinrisk", abandonable=False)
    assert first.address == f"http://127.0.0.1/{first.process.pid}"
    second = console_process.start(state, "clinrisk", abandonable=False)
    assert ended(first)
    assert second.process.poll() is None
    console_process.stop(state)
    assert ended(second)
    console_process.stop(state)


def test_an_abandonable_one_ends_with_the_pipe(state: StateDirectory) -> None:
    started = console_process.start(state, "clinrisk", abandonable=True)
    assert started.process.stdin is not None
    started.process.stdin.close()
    assert ended(started)
    console_process.stop(state)


def test_one_that_does_not_start_says_where_the_reason_is(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINRISK_COMMAND", "/bin/false")
    with pytest.raises(console_process.ConsoleError, match=r"console\.log says why"):
        console_process.start(state, "clinrisk", abandonable=False)


def test_a_lock_that_nobody_holds_any_more_ends_nobody(state: StateDirectory) -> None:
    state.console_lock.write_text("1")
    console_process.stop(state)
