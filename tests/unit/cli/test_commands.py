import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMANDS = [
    *("use-cases", "convert", "cohort", "check", "drop", "receipts"),
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
        "import sys; from cli.main import main; main(['--help'])\n"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'polars', 'numpy')))"
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
    assert "twin up" in answer.err


def test_use_cases_list_columns_units_and_codes(clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("use-cases").out
    assert "mm Hg" in shown or "mmHg" in shown
    told = clinrisk("use-cases", "--json").json()
    assert told["heart"]["label"]["column"] == "num"
    assert told["heart"]["header"][:3] == ["age", "sex", "cp"]
    assert told["stroke"]["id_column"] == "id"


def test_findings_show_the_newest_run(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    finding = {"check": "drift", "batch": "inbox/heart/inference/a.csv", "verdict": "ALERT", "statistic": 0.9}
    document = {"findings": [finding | {"detail": "Two features moved."}]}
    deployment.write("LakeBucket", "findings/heart/run-1.json", document)
    shown = clinrisk("findings", "heart").out
    assert "ALERT" in shown
    assert "Two features moved." in shown
    assert clinrisk("findings", "heart", "--json").json()[0]["findings"][0]["verdict"] == "ALERT"
    assert "clinrisk monitor stroke" in clinrisk("findings", "stroke").out


def test_monitor_starts_the_state_machine_and_status_shows_it(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    assert clinrisk("monitor", "heart", "--json").json()["use_case"] == "heart"
    (execution,) = clinrisk("status", "--json", "--use-case", "heart").json()
    assert (execution["machine"], execution["use_case"]) == ("monitoring", "heart")
    assert clinrisk("status", "--use-case", "heart").code == 0


def test_fetch_brings_home_what_a_run_wrote(
    deployment: Any, clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    deployment.write("ResultsBucket", "reports/heart/heart-1/report.html", "<html></html>")
    deployment.write("LakeBucket", "evaluation/heart/heart-1/evaluation.json", {"threshold": 0.3})
    deployment.write("ResultsBucket", "results/heart/ward-7/u1.csv", "row,id\n")
    deployment.write("ResultsBucket", "receipts/inbox/heart/training/a.csv.v1.json", {})
    fetched = clinrisk("fetch", "heart", "--out", tmp_path, "--json").json()
    assert json.loads(Path(fetched["evaluation"]).read_text()) == {"threshold": 0.3}
    assert Path(fetched["results"][0]) == tmp_path / "heart" / "results" / "ward-7.u1.csv"
    assert Path(fetched["receipts"][0]).name == "training.a.csv.v1.json"
    assert clinrisk("fetch", "stroke", "--out", tmp_path).code == 1
