"""`batches`, `let-through`, `withdraw`, `score` and `outcomes`, against a stack on moto."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from moto.stepfunctions.models import stepfunctions_backends

from clinrisk.core import object_keys
from tests.unit.cli.conftest import REGION

HELD = "a" * 20
USED = "b" * 20
DECISION = {
    "decision": "HELD",
    "person": "clinrisk",
    "reason": "ca is empty.",
    "decided_at": "2026-03-02T10:00:00.000Z",
    "execution": "run-1",
    "before": "ACCEPTED",
    "after": "HELD",
}


@pytest.fixture
def uploads(deployment: Any) -> Any:
    """One held and one used batch of heart."""
    for upload_id, disposition, decisions in ((HELD, "HELD", [DECISION]), (USED, "ACCEPTED", [])):
        item = {
            "upload_id": upload_id, "key": f"inbox/heart/inference/{upload_id[0]}.csv", "version_id": "v1",
            "use_case": "heart", "purpose": "inference", "sha256": "0" * 64, "disposition": disposition,
            "rows_accepted": 60, "rows_quarantined": 0, "labelled_rows": 0,
            "settled_at": "2026-03-02T09:00:00Z",
            "receipt": {"uri": "s3://results/receipts/x.json", "sha256": "0" * 64}, "status": "SETTLED",
            "decisions": decisions,
        }  # fmt: skip
        deployment.item("UploadsTable", pk=f"UPLOAD#{upload_id}", sk="STATE", **item)
        deployment.item(
            "UploadsTable", pk="USE_CASE#heart#inference", sk=f"2026-03-02T09:00:00Z#{upload_id}", **item
        )
    return deployment


def ending_as(status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every execution end as soon as the command waits for it."""
    backend: Any = stepfunctions_backends["123456789012"][REGION]

    def end(_: float) -> None:
        for machine in backend.state_machines:
            for execution in machine.executions:
                execution.status, execution.stop_date = status, execution.start_date

    monkeypatch.setattr("time.sleep", end)


def started(deployment: Any, machine: str) -> Any:
    states = boto3.client("stepfunctions", REGION)
    [one] = states.list_executions(stateMachineArn=deployment.outputs[machine])["executions"]
    return json.loads(states.describe_execution(executionArn=one["executionArn"])["input"])


def test_batches_show_what_is_held_why_and_what_to_do(uploads: Any, clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("batches").out
    assert "ca is empty." in shown
    assert "clinrisk let-through ID --reason" in shown
    listed = clinrisk("batches", "heart", "--json").json()
    assert {one["upload_id"]: one["disposition"] for one in listed} == {HELD: "HELD", USED: "ACCEPTED"}
    assert [one["upload_id"] for one in clinrisk("batches", "--held", "--json").json()] == [HELD]
    assert "Nothing is held." in clinrisk("batches", "stroke", "--held").out


@pytest.mark.parametrize(("verb", "decision"), [("let-through", "LET_THROUGH"), ("withdraw", "WITHDRAW")])
def test_a_decision_names_the_person_and_the_reason(
    uploads: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, verb: str, decision: str
) -> None:
    ending_as("SUCCEEDED", monkeypatch)
    answer = clinrisk(verb, HELD, "--reason", "Checked with the ward.")
    assert (answer.code, f"{HELD} is HELD now." in answer.out) == (0, True)
    given = started(uploads, "IngestStateMachine")
    assert (given["upload_id"], given["decision"]) == (HELD, decision)
    assert given["reason"] == "Checked with the ward."
    assert given["person"].startswith("arn:aws:sts::123456789012:")


def test_a_refused_decision_ends_with_1_and_a_command(
    uploads: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending_as("FAILED", monkeypatch)
    answer = clinrisk("let-through", USED, "--reason", "Checked.")
    assert answer.code == 1
    assert "Nothing was decided" in answer.err
    assert "clinrisk batches" in answer.err


def test_a_reason_is_asked_for(uploads: Any, clinrisk: Callable[..., Any]) -> None:
    assert clinrisk("withdraw", USED).code == 2


def test_a_used_batch_is_scored_again_and_a_held_one_is_not(
    uploads: Any, clinrisk: Callable[..., Any]
) -> None:
    assert clinrisk("score", HELD).code == 1
    assert clinrisk("score", USED).code == 0
    given = started(uploads, "ScoringStateMachine")
    assert (given["upload"]["upload_id"], given["rows_accepted"]) == (USED, 60)
    assert given["attempt"]


def test_outcomes_are_shown_by_file_and_by_batch(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "No outcomes of heart have arrived" in clinrisk("outcomes", "heart").out
    counts = {"joined": 1234, "learned": 321, "waiting": 5, "conflicting": 6, "earlier": 7}
    overview = {
        "use_case": "heart",
        "judged_on": "2026-05-01",
        "uploads": [
            {"upload_id": "d" * 20, "key": "inbox/heart/outcomes/may.csv", "replaced": 8, "unmatched": 9}
            | counts
        ],
        "batches": [
            {"key": "inbox/heart/inference/march.csv", "predictions": 1252, "waiting_until": "2026-06-01"}
            | counts
        ],
    }
    deployment.write("ResultsBucket", object_keys.outcome_overview("heart"), overview)
    assert clinrisk("outcomes", "heart", "--json").json() == overview
    shown = clinrisk("outcomes", "heart").out
    for part in ("may.csv", "march.csv", "1,234", "321", "1,252", "2026-06-01", "2026-05-01"):
        assert part in shown


def test_feedback_is_shown_by_file_with_what_does_not_count(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    nothing = "No feedback on heart has arrived. Send some: clinrisk drop FILE --as heart/feedback"
    assert nothing in " ".join(clinrisk("feedback", "heart").out.split())
    counts = {"counted": 1234, "superseded": 5, "earlier": 6, "unmatched": 789}
    file = {"upload_id": "e" * 20, "key": "inbox/heart/feedback/may.csv"} | counts
    deployment.write("ResultsBucket", object_keys.outcome_overview("heart"), {"feedback": [file]})
    assert clinrisk("feedback", "heart", "--json").json() == [file]
    shown = clinrisk("feedback", "heart").out
    for part in ("may.csv", "1,234", "789", "unmatched"):
        assert part in shown


def test_results_show_which_are_current_and_which_they_replace(
    uploads: Any, clinrisk: Callable[..., Any]
) -> None:
    address = "heart", "b", USED
    assert f"{USED} has no results." in clinrisk("results", USED).err
    file = {"uri": "s3://results/b.csv", "version_id": "v2", "sha256": "2" * 64}
    before = {"live_version": 1, "scored_at": "2026-03-01T10:00:00Z"} | file | {"version_id": "v1"}
    sidecar = {
        "results": file, "scored_at": "2026-03-02T10:00:00Z", "model": {"live_version": 2},
        "execution": f"heart-{USED}-again1", "replaces": [before],
    }  # fmt: skip
    uploads.write("ResultsBucket", object_keys.sidecar(*address), sidecar)
    current, replaced = clinrisk("results", USED, "--json").json()
    assert (current["state"], current["live_version"], current["version_id"]) == ("CURRENT", 2, "v2")
    assert replaced == before | {"state": "REPLACED"}
    shown = "".join(clinrisk("results", USED).out.split())
    assert "CURRENT" in shown
    assert f"heart-{USED}-again1" in shown
    uploads.write("ResultsBucket", object_keys.recalled(*address), "recalled")
    assert [one["state"] for one in clinrisk("results", USED, "--json").json()] == ["RECALLED", "REPLACED"]


def test_only_batches_have_results(uploads: Any, clinrisk: Callable[..., Any]) -> None:
    answer = clinrisk("results", "c" * 20)
    assert (answer.code, "is no batch" in answer.err) == (1, True)
