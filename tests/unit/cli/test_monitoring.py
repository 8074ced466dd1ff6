from collections.abc import Callable
from typing import Any

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from tests.unit.cli.conftest import REGION


def test_findings_show_the_newest_run(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    finding = {"check": "drift", "batch": "inbox/heart/inference/a.csv", "verdict": "ALERT", "statistic": 0.9}
    document = {"findings": [finding | {"detail": "Two features moved."}]}
    deployment.write("LakeBucket", "findings/heart/run-1.json", document)
    shown = clinrisk("findings", "heart").out
    assert "ALERT" in shown
    assert "Two features moved." in shown
    assert clinrisk("findings", "heart", "--json").json()[0]["findings"][0]["verdict"] == "ALERT"
    assert "clinrisk monitor stroke" in clinrisk("findings", "stroke").out


def test_findings_of_several_runs_are_newest_first(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    for run in ("run-1", "run-2", "run-3"):
        deployment.write("LakeBucket", f"findings/heart/{run}.json", {"findings": [], "run": run})
    deployment.write("LakeBucket", "findings/heart/notes.txt", "no findings")
    runs = clinrisk("findings", "heart", "--last", "2", "--json").json()
    written = [run["written"] for run in runs]
    assert len(runs) == 2
    assert written == sorted(written, reverse=True)


def ending_as(status: str, deployment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an execution end, with findings, as soon as the command waits for it."""
    backend: Any = stepfunctions_backends["123456789012"][REGION]

    def end(_: float) -> None:
        for machine in backend.state_machines:
            for execution in machine.executions:
                finding = {
                    "check": "bias",
                    "batch": "",
                    "verdict": "OK",
                    "statistic": None,
                    "detail": "Even.",
                }
                key = f"findings/heart/{execution.name}.json"
                deployment.write("LakeBucket", key, {"findings": [finding]})
                execution.status, execution.stop_date = status, execution.start_date

    monkeypatch.setattr("time.sleep", end)


@pytest.mark.parametrize("form", [["--json"], []])
def test_monitor_can_wait_for_its_findings(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    ending_as("SUCCEEDED", deployment, monkeypatch)
    answer = clinrisk("monitor", "heart", "--wait", *form)
    assert answer.code == 0
    assert "Even." in answer.out
    if form:
        assert answer.json()["status"] == "SUCCEEDED"
        assert [one["check"] for one in answer.json()["findings"]] == ["bias"]


def test_a_monitoring_run_that_fails_is_an_error(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending_as("ABORTED", deployment, monkeypatch)
    answer = clinrisk("monitor", "heart", "--wait")
    assert answer.code == 1
    assert "ABORTED" in answer.err


def test_a_monitoring_run_that_goes_on_too_long_is_an_error_with_a_remedy(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk("monitor", "heart", "--wait", "--patience", "-1")
    assert answer.code == 1
    assert "clinrisk status --follow" in answer.err


def test_monitor_without_waiting_names_how_to_follow_it(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    assert "clinrisk status" in clinrisk("monitor", "heart").out
