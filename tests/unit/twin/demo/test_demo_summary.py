import io
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from twin.authenticator import Authenticator
from twin.demo.clinrisk_process import Clinrisk, DemoError
from twin.demo.cohort_files import DemoUseCase
from twin.demo.index_page import write_index
from twin.demo.progress_board import ProgressBoard
from twin.demo.progress_view import picture, shown
from twin.demo.summary import document, show, write
from twin.demo.walkthrough import Walkthrough
from twin.demo.walkthrough_record import WalkthroughRecord
from twin.state import Endpoint

HEART = DemoUseCase("heart", "Heart disease risk", ("age", "num"), None, "num", {"0": 0, "1": 1}, None)
ENDPOINT = Endpoint("http://127.0.0.1:1", "us-east-1", "key", "secret", None, 1)
EXECUTION = {
    "arn": "a",
    "machine": "training",
    "name": "heart-1",
    "use_case": "heart",
    "key": "",
    "status": "RUNNING",
    "started": "2026-03-01T00:00:00+00:00",
    "running_states": ["Train XGBoost"],
    "seconds_by_state": {"Plan Training": 1.5, "Train XGBoost": 2.0},
    "reason": "",
    "error": "",
}


@pytest.fixture
def board() -> ProgressBoard:
    board = ProgressBoard(threading.Event(), lambda _: None)
    board.see(EXECUTION)
    board.see(EXECUTION | {"arn": "b"})
    return board


@pytest.fixture
def walkthrough(board: ProgressBoard, tmp_path: Path) -> Walkthrough:
    record = WalkthroughRecord(
        uploads=[
            {
                "key": "inbox/heart/training/a.csv",
                "disposition": "ACCEPTED",
                "rows_accepted": 9,
                "rows_quarantined": 1,
            }
        ],
        evaluation={
            "threshold": 0.3,
            "models": {
                name: {"auc": [0.9, 0.8, 0.95], "brier": 1} for name in ("xgboost", "logistic", "floor")
            },
        },
        verdict="APPROVABLE",
        decision="APPROVED",
        live_version=1,
        scored_rows=61,
        findings=[{"check": "drift", "batch": "inbox/heart/inference/shifted.csv", "verdict": "ALERT"}],
        artefacts={"report": "out/heart/report.html"},
        source="synthetic cohort",
        rejected_after=0.8,
    )
    return Walkthrough(
        Clinrisk(ENDPOINT, "clinrisk"),
        board,
        HEART,
        None,
        tmp_path,
        1,
        lambda _: [],
        Authenticator(tmp_path),
        plays_approver=True,
        record=record,
    )


def test_the_document_has_exactly_the_agreed_fields(
    walkthrough: Walkthrough, board: ProgressBoard, tmp_path: Path
) -> None:
    content = document([walkthrough], board, deploy=2.504, total=70.0)
    assert json.loads(write(tmp_path, content).read_text()) == content
    assert content["seconds"] == {"deploy": 2.5, "total": 70.0}
    heart = content["use_cases"]["heart"]
    assert list(heart) == [
        *("uploads", "auc", "threshold", "verdict", "decision", "live_version", "scored_rows"),
        *("findings", "seconds_by_state", "artefacts"),
    ]
    assert heart["auc"] == {name: [0.9, 0.8, 0.95] for name in ("xgboost", "logistic", "floor")}
    assert heart["seconds_by_state"] == {"Plan Training": 3.0, "Train XGBoost": 4.0}


def test_the_summary_has_what_happened_and_where_the_evidence_is(
    walkthrough: Walkthrough, board: ProgressBoard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walkthrough.record.unexpected.append("Expected that the shifted batch raises the drift alert.")
    content = document([walkthrough], board, deploy=2.5, total=70.0)
    show(Console(width=120), [walkthrough], content, write(tmp_path, content))
    shown_text = capsys.readouterr().out
    for part in (
        "0.900 [0.800 to 0.950]",
        "live as version 1",
        "drift of shifted.csv ALERT",
        "Not as expected",
        "demo.json",
    ):
        assert part in shown_text


def test_an_unfinished_demo_has_a_document_too(walkthrough: Walkthrough, board: ProgressBoard) -> None:
    walkthrough.record = WalkthroughRecord()
    heart = document([walkthrough], board, deploy=1, total=2)["use_cases"]["heart"]
    assert (heart["auc"], heart["threshold"], heart["verdict"]) == ({}, None, "NOT_REACHED")


def test_a_running_step_shows_its_states_and_a_small_terminal_the_last_steps(board: ProgressBoard) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    for number in range(9):
        with board.step("heart", f"Step {number}"):
            console.print("")
    with board.step("heart", "Train and evaluate", machine="training"):
        console.print(picture(board, {"heart": "Heart disease risk"}, height=8))
    text = console.export_text()
    assert "Plan Training 1.5 > Train XGBoost" in text
    assert "Step 8" in text
    assert "Step 2" not in text


def test_in_a_pipe_each_state_and_step_is_one_line(
    board: ProgressBoard, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        shown(Console(width=120), board, {"heart": "Heart disease risk"}),
        board.step("heart", "Decide") as step,
    ):
        step.detail = "APPROVED"
    lines = capsys.readouterr().out.splitlines()
    assert sum("Plan Training" in line for line in lines) == 2
    assert any(line.startswith("heart    Decide: APPROVED") for line in lines)


def command(folder: Path, program: str) -> Path:
    script = folder / "clinrisk"
    script.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{program}\n")
    script.chmod(0o755)
    return script


def test_a_command_answers_in_json_under_the_twins_keys_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "hospital")
    program = (
        "print(json.dumps([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith('AWS_')}]))"
    )
    monkeypatch.setenv("CLINRISK_COMMAND", str(command(tmp_path, program)))
    arguments, environment = Clinrisk(ENDPOINT, "clinrisk").ask("live", "heart")
    assert arguments == ["live", "heart", "--json"]
    assert environment == ENDPOINT.environment()


def test_a_command_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLINRISK_COMMAND", str(command(tmp_path, "sys.exit('There is nothing to fetch.')")))
    with pytest.raises(DemoError, match="There is nothing to fetch"):
        Clinrisk(ENDPOINT, "clinrisk").ask("fetch", "heart")


def test_stopping_ends_a_command_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CLINRISK_COMMAND", str(command(tmp_path, "print('{\"arn\": 1}', flush=True); time.sleep(600)"))
    )
    clinrisk = Clinrisk(ENDPOINT, "clinrisk")
    seen: list[Any] = []
    arrived = threading.Event()

    def see(change: Any) -> None:
        seen.append(change)
        arrived.set()

    thread = clinrisk.follow(see)
    assert arrived.wait(10)
    clinrisk.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [{"arn": 1}]
    with pytest.raises(DemoError, match="stopped"):
        clinrisk.ask("live")


def test_the_index_links_every_file_and_begins_with_five_steps(
    walkthrough: Walkthrough, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "heart").mkdir(parents=True)
    walkthrough.record.artefacts = {
        "report": str(out / "heart" / "report.html"),
        "receipts": str(out / "r & s"),
    }
    walkthrough.record.unexpected = ["<b>stopped</b>"]
    page = write_index(out, [walkthrough], "http://127.0.0.1:1/?key=a-secret").read_text()
    assert page.count("<li>") == 5
    assert '<a href="heart/report.html">report</a>' in page
    assert '<a href="r &amp; s">receipts</a>' in page
    assert "&lt;b&gt;stopped" in page
    assert 'href="http://127.0.0.1:1/"' in page
    assert "a-secret" not in page
    assert "KEEP=1" in write_index(out, [walkthrough], "").read_text()
