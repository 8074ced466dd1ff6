import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.stepfunctions.models import stepfunctions_backends

from tests.unit.cli.conftest import REGION


def test_findings_show_the_newest_run(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    finding = {"check": "drift", "batch": "inbox/heart/inference/a.csv", "verdict": "ALERT", "statistic": 0.9}
    document = {"findings": [finding | {"detail": "Two features moved."}]}
    deployment.write("LakeBucket", "findings/heart/run-1.json", document)
    shown = clinrisk("findings", "heart", "--last", "1").out
    assert "ALERT" in shown
    assert "Two features moved." in shown
    assert (
        clinrisk("findings", "heart", "--last", "1", "--json").json()[0]["findings"][0]["verdict"] == "ALERT"
    )
    assert "clinrisk monitor stroke" in clinrisk("findings", "stroke", "--last", "1").out


def test_findings_of_several_runs_are_newest_first(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    for run in ("run-1", "run-2", "run-3"):
        deployment.write("LakeBucket", f"findings/heart/{run}.json", {"findings": [], "run": run})
    deployment.write("LakeBucket", "findings/heart/notes.txt", "no findings")
    runs = clinrisk("findings", "heart", "--last", "2", "--json").json()
    written = [run["written"] for run in runs]
    assert len(runs) == 2
    assert written == sorted(written, reverse=True)


CHANGES = [
    {
        "number": 1,
        "kind": "OPENED",
        "at": "2026-03-02T09:30:00.000Z",
        "by": "monitoring",
        "note": "Age moved.",
        "execution": "run-1",
    }
]
KNOWN = {
    "finding_id": "heart-drift",
    "use_case": "heart",
    "check": "drift",
    "subject": "single batches",
    "state": "OPEN",
    "owner": "operator",
    "due": "2026-03-16T09:30:00.000Z",
    "overdue": True,
    "batches": ["a.csv"],
    "excess": 1,
    "detail": "Age moved.",
    "version": 1,
    "changes": CHANGES,
}


def remember(deployment: Any, **facts: Any) -> None:
    known = KNOWN | facts
    deployment.item("FindingsTable", pk="USE_CASE#heart", sk=f"FINDING#{known['finding_id']}", **known)


def test_open_findings_are_shown_with_owner_and_date(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "No finding is open" in clinrisk("findings").out
    remember(deployment)
    remember(deployment, finding_id="heart-bias", state="RESOLVED")
    for verb in (("findings",), ("findings", "heart")):
        shown = " ".join(clinrisk(*verb).out.split())
        assert "heart-drift" in shown
        assert "overdue" in shown
        assert "heart-bias" not in shown
    assert "heart-drift" not in clinrisk("findings", "stroke").out
    found = clinrisk("findings", "--all", "--json").json()
    assert {one["finding_id"]: one["state"] for one in found} == {
        "heart-drift": "OPEN",
        "heart-bias": "RESOLVED",
    }


def started(deployment: Any) -> list[dict[str, Any]]:
    client = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["MonitoringStateMachine"]
    listed = client.list_executions(stateMachineArn=machine)["executions"]
    return [
        json.loads(client.describe_execution(executionArn=one["executionArn"])["input"]) for one in listed
    ]


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("acknowledge", "--until", "2099-01-31"), {"change": "ACKNOWLEDGED", "until": "2099-01-31"}),
        (("assign", "--to", "Dr Ada"), {"change": "ASSIGNED", "owner": "Dr Ada"}),
        (("resolve", "--reason", "Repaired."), {"change": "RESOLVED", "reason": "Repaired."}),
    ],
)
def test_a_change_is_asked_of_the_workflow_with_the_caller_s_identity(
    deployment: Any,
    clinrisk: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    facts: dict[str, str],
) -> None:
    remember(deployment)
    ending_as("SUCCEEDED", deployment, monkeypatch)
    assert "heart-drift is" in clinrisk(words[0], "heart-drift", *words[1:]).out
    [given] = started(deployment)
    nothing = {"until": "", "owner": "", "reason": ""}
    assert given.pop("person").startswith("arn:")
    assert given == nothing | {"use_case": "heart", "finding_id": "heart-drift"} | facts
    assert clinrisk(words[0], "heart-drift", *words[1:], "--json").json()["finding_id"] == "heart-drift"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("acknowledge", "heart-drift", "--until", "2020-01-31"), "a day to come"),
        (("acknowledge", "heart-drift", "--until", "tomorrow"), "--until"),
        (("assign", "heart-drift", "--to", "x" * 200), "--to"),
        (("assign", "heart-drift", "--to", " "), "a name"),
        (("resolve", "heart-bias", "--reason", "Repaired."), "There is no finding heart-bias"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    deployment: Any, clinrisk: Callable[..., Any], words: tuple[str, ...], why: str
) -> None:
    remember(deployment)
    answer = clinrisk(*words)
    assert answer.code == 1
    assert why in " ".join(answer.err.split())
    assert started(deployment) == []


def test_a_change_that_the_workflow_did_not_make_is_an_error(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(deployment)
    ending_as("FAILED", deployment, monkeypatch)
    answer = clinrisk("resolve", "heart-drift", "--reason", "Repaired.")
    assert answer.code == 1
    assert "Nothing was changed" in answer.err


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
