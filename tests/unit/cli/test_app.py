import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMANDS = [
    *("use-cases", "convert", "cohort", "check", "mend", "quarantine", "drop", "receipts"),
    *("status", "monitor", "findings", "approvals", "live", "fetch"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_example_and_speaks_json(clinrisk: Callable[..., Any], command: str) -> None:
    answer = clinrisk(command, "--help")
    assert answer.code == 0
    assert f"clinrisk {command}" in answer.out
    assert "For example:" in answer.out
    assert "--json" in answer.out


def test_help_loads_neither_the_sdk_nor_the_data_library() -> None:
    program = (
        "import sys; from cli.app import main; main(['--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'polars', 'numpy', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def test_a_mistyped_command_ends_with_two(clinrisk: Callable[..., Any]) -> None:
    assert clinrisk("dorp").code == 2
    assert clinrisk("drop", "/nowhere.csv", "--as", "heart/training").code == 2


def test_a_stack_that_is_not_there_is_named(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    answer = clinrisk("receipts", "--stack", "nosuch")
    assert answer.code == 1
    assert "'nosuch'" in answer.err
    assert "Traceback" not in answer.err


def test_shared_options_work_before_the_command_as_well(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    assert clinrisk("--json", "--stack", "clinrisk", "receipts").json() == []
    assert "'before'" in clinrisk("--stack", "before", "receipts").err
    assert "'after'" in clinrisk("--stack", "before", "receipts", "--stack", "after").err


def test_an_endpoint_that_does_not_answer_ends_with_three(
    clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda _: None)
    answer = clinrisk("receipts")
    assert answer.code == 3
    assert "did not answer" in answer.err


def test_without_a_twin_in_this_folder_its_start_is_the_remedy(
    clinrisk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = clinrisk("receipts", "--twin")
    assert answer.code == 3
    assert "make twin" in answer.err
