"""`clinrisk stuck` and `clinrisk redrive`, with the reconciler behind them on moto."""

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import boto3
import pytest

from cli.stack import open_stack
from clinrisk.aws import clients, s3, stepfunctions
from clinrisk.core import object_keys
from clinrisk.core.timestamps import stamp
from clinrisk.messages.operations import ReconcileWorkRequest
from clinrisk.services.operations import open_questions, reconcile_work, state_metrics
from tests.unit.cli.conftest import REGION

KEY = "inbox/heart/training/march.csv"
NOW = datetime.now(UTC)
EARLIER = NOW - timedelta(hours=2)


class Functions:
    """Lambda, with the reconciler in it."""

    def __init__(self) -> None:
        self.metrics: list[tuple[str, float]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert FunctionName == "the-reconciler"
        asked = ReconcileWorkRequest.model_validate_json(Payload)
        found = reconcile_work.reconcile(asked, datetime.now(UTC) + timedelta(seconds=2)).model_dump_json()
        return {"Payload": io.BytesIO(found.encode())}


@pytest.fixture
def functions(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Functions:
    del deployment
    found = Functions()
    monkeypatch.setattr(clients, "functions", cache(lambda: found))

    def record(metric: str, value: float, **of: str) -> None:
        if not of:
            found.metrics.append((metric, value))

    # A metric is a line of a function's log, and would stand between the command's own.
    monkeypatch.setattr(reconcile_work, "emit", record)
    for module in (state_metrics, open_questions):
        monkeypatch.setattr(module, "emit", record)
    return found


@pytest.fixture
def old_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything in the inbox have arrived two hours ago."""
    listed = s3.versions_under
    monkeypatch.setattr(s3, "versions_under", lambda *where: [(*one[:3], EARLIER) for one in listed(*where)])


def event(key: str = KEY, version: str = "v1", bucket: str = "inbox") -> dict[str, Any]:
    item = {"key": key, "version-id": version, "size": 9}
    return {"source": "aws.s3", "detail": {"bucket": {"name": bucket}, "object": item}}


def put(deployment: Any, key: str = KEY) -> tuple[str, str]:
    """Put a file into the inbox and return its upload id and version."""
    bucket = deployment.outputs["InboxBucket"]
    version = deployment.s3.put_object(Bucket=bucket, Key=key, Body=b"x")["VersionId"]
    return object_keys.upload_id(bucket, key, version), version


def settle(deployment: Any, disposition: str, purpose: str = "inference", **changes: Any) -> str:
    """Put a file into the inbox that was settled two hours ago, and return its upload id."""
    key = f"inbox/heart/{purpose}/march.csv"
    upload_id, version = put(deployment, key)
    at = stamp(EARLIER)
    facts = {
        "upload_id": upload_id, "key": key, "version_id": version, "use_case": "heart", "purpose": purpose,
        "sha256": "a" * 64, "disposition": disposition, "rows_accepted": 9, "rows_quarantined": 0,
        "labelled_rows": 0, "received_at": at, "settled_at": at, "sequencer": "", "decisions": [],
        "receipt": {"uri": "s3://results/receipts/r.json", "sha256": "b" * 64},
    } | changes  # fmt: skip
    receipt = json.dumps({"explanation": ["It failed.", "What failed: The disk was full."]})
    deployment.item("UploadsTable", pk=f"USE_CASE#heart#{purpose}", sk=f"{at}#{upload_id}", **facts)
    state = {"pk": f"UPLOAD#{upload_id}", "sk": "STATE", "status": "SETTLED", "receipt_text": receipt}
    deployment.item("UploadsTable", **state, **facts)
    return upload_id


def live(deployment: Any) -> None:
    digests = dict.fromkeys(
        ("model", "manifest", "evaluation", "report", "model_card", "model_card_chai", "model_card_hti1",
         "code", "features"), "c" * 64,
    ) | {"image": "i", "threshold": "0.3", "champion_version": "0"}  # fmt: skip
    address = "s3://lake/x"
    deployment.item(
        "DeploymentsTable", pk="USE_CASE#heart", sk="LIVE", use_case="heart", run_id="heart-1",
        package_arn="p", package_version=1, model_name="m", digests=digests, threshold=Decimal("0.3"),
        approval_id="a", model_uri=address, reference_uri=address, evaluation_uri=address, live_version=1,
        previous_version=0, feature_digest="c" * 64, schema_version=1, promoted_at=stamp(EARLIER),
    )  # fmt: skip


def started(deployment: Any, machine: str) -> list[tuple[str, Any]]:
    states = boto3.client("stepfunctions", REGION)
    listed = states.list_executions(stateMachineArn=deployment.outputs[f"{machine}StateMachine"])[
        "executions"
    ]
    return [
        (one["name"], json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]))
        for one in listed
    ]


def look() -> None:
    """Look as the schedule does."""
    open_stack(None, on_twin=False)
    reconcile_work.reconcile(ReconcileWorkRequest(safe=True), NOW)


def kinds(clinrisk: Callable[..., Any]) -> list[tuple[str, str]]:
    return [(one["kind"], one["subject"]) for one in clinrisk("stuck", "--json").json()]


def test_nothing_stands_still_at_first(functions: Functions, clinrisk: Callable[..., Any]) -> None:
    assert "Nothing stands still" in clinrisk("stuck").out
    assert "Nothing stands still" in clinrisk("redrive", "--all").out


def test_a_file_whose_event_never_came_is_found_and_read(
    deployment: Any, functions: Functions, old_inbox: None, clinrisk: Callable[..., Any]
) -> None:
    upload_id, version = put(deployment)
    [found] = clinrisk("stuck", "--json").json()
    assert (found["kind"], found["name"], found["command"]) == (
        "not_read",
        KEY,
        f"clinrisk redrive {upload_id}",
    )
    assert "Its event never came" in " ".join(clinrisk("stuck").out.split())
    [restarted] = clinrisk("redrive", upload_id, "--json").json()
    assert restarted == {"name": KEY, "execution": f"again-{upload_id}-1"}
    [(_, given)] = started(deployment, "Ingest")
    assert given["detail"]["object"] == {"key": KEY, "version-id": version, "size": 1}


def test_a_file_that_has_just_arrived_is_on_its_way(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    upload_id, _ = put(deployment)
    assert kinds(clinrisk) == []
    assert clinrisk("redrive", "--all", "--json").json() == []
    # Who names it does not mean to wait.
    assert len(clinrisk("redrive", upload_id, "--json").json()) == 1


def test_every_version_of_a_key_is_found(
    deployment: Any, functions: Functions, old_inbox: None, clinrisk: Callable[..., Any]
) -> None:
    ids = {put(deployment)[0] for _ in range(3)}
    assert {subject for _, subject in kinds(clinrisk)} == ids
    assert len(clinrisk("redrive", "heart/training/march.csv", "--json").json()) == 3


def test_of_many_unread_files_the_oldest_are_looked_at_first(
    deployment: Any, functions: Functions, monkeypatch: pytest.MonkeyPatch, clinrisk: Callable[..., Any]
) -> None:
    monkeypatch.setattr(reconcile_work, "_MOST_UNREAD", 2)
    ids = [put(deployment)[0] for _ in range(3)]
    listed = s3.versions_under

    def aged(*where: str) -> list[Any]:
        found = sorted(
            listed(*where), key=lambda one: ids.index(object_keys.upload_id(where[0], one[0], one[1]))
        )
        return [(*one[:3], EARLIER + timedelta(seconds=n)) for n, one in enumerate(found)][::-1]

    monkeypatch.setattr(s3, "versions_under", aged)
    assert [subject for _, subject in kinds(clinrisk)] == ids[:2]


def test_a_file_whose_reading_was_stopped_is_read_again_and_one_that_is_read_is_not(
    deployment: Any, functions: Functions, old_inbox: None, clinrisk: Callable[..., Any]
) -> None:
    states = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["IngestStateMachine"]
    upload_id, version = put(deployment)
    execution = states.start_execution(stateMachineArn=machine, input=json.dumps(event(version=version)))[
        "executionArn"
    ]
    deployment.item(
        "UploadsTable", pk=f"UPLOAD#{upload_id}", sk="STATE", status="CLAIMED", execution=execution
    )
    assert kinds(clinrisk) == []
    assert clinrisk("redrive", upload_id).code == 1
    states.stop_execution(executionArn=execution)
    assert kinds(clinrisk) == [("reading_stopped", upload_id)]
    assert len(clinrisk("redrive", "--all", "--json").json()) == 1


def test_a_batch_without_results_is_scored_once_a_model_is_live(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    upload_id = settle(deployment, "ACCEPTED")
    [found] = clinrisk("stuck", "--json").json()
    assert (found["kind"], found["startable"], found["reason"]) == (
        "not_scored", False, "No model is live for its use case.",
    )  # fmt: skip
    assert clinrisk("redrive", upload_id).code == 1
    live(deployment)
    look()
    [(name, given)] = started(deployment, "Scoring")
    assert name == f"heart-{upload_id}-again1"
    assert (given["rows_accepted"], given["attempt"]) == (9, "again1")


def test_a_batch_that_is_being_scored_or_has_results_is_left_alone(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    live(deployment)
    upload_id = settle(deployment, "ACCEPTED")
    states = boto3.client("stepfunctions", REGION)
    running = states.start_execution(
        stateMachineArn=deployment.outputs["ScoringStateMachine"], name=f"heart-{upload_id}", input="{}"
    )["executionArn"]
    assert kinds(clinrisk) == []
    states.stop_execution(executionArn=running, error="NoSlotFree", cause="No slot was free.")
    assert kinds(clinrisk) == [("not_scored", upload_id)]
    # The file is written first, the sidecar last.
    deployment.write("ResultsBucket", object_keys.results("heart", "march", upload_id), {})
    assert kinds(clinrisk) == [("not_scored", upload_id)]
    sidecar = {"scored_at": stamp(EARLIER), "execution": "another"}
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "march", upload_id), sidecar)
    assert kinds(clinrisk) == []
    deployment.write("ResultsBucket", object_keys.recalled("heart", "march", upload_id), "recalled")
    assert kinds(clinrisk) == [("not_scored", upload_id)]


def test_a_batch_whose_results_have_ended_has_had_them(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    live(deployment)
    upload_id, results = settle(deployment, "ACCEPTED"), deployment.outputs["ResultsBucket"]
    sidecar = {"scored_at": stamp(EARLIER), "execution": "another"}
    deployment.write("ResultsBucket", object_keys.results("heart", "march", upload_id), {})
    deployment.write("ResultsBucket", object_keys.sidecar("heart", "march", upload_id), sidecar)
    for years in (1, 30):
        # The bucket's rule ends the file by its tag; its replaced version goes a quarter later.
        deployment.s3.delete_object(Bucket=results, Key=object_keys.results("heart", "march", upload_id))
        monkeypatch.setattr(f"{__name__}.NOW", NOW + timedelta(days=365 * years))
        look()
        assert (kinds(clinrisk), started(deployment, "Scoring")) == ([], [])


@pytest.mark.parametrize("disposition", ["HELD", "REJECTED", "WITHDRAWN", "DUPLICATE"])
def test_what_is_settled_without_use_does_not_stand_still(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any], disposition: str
) -> None:
    live(deployment)
    settle(deployment, disposition)
    assert kinds(clinrisk) == []


def test_what_is_safe_to_start_is_started_three_times_and_then_left_to_somebody(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    live(deployment)
    upload_id = settle(deployment, "ACCEPTED")
    states = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["ScoringStateMachine"]
    for _ in range(5):
        look()
        for one in states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            states.stop_execution(executionArn=one["executionArn"])
    assert sorted(name for name, _ in started(deployment, "Scoring")) == [
        f"heart-{upload_id}-again{n}" for n in (1, 2, 3)
    ]
    assert functions.metrics == [("Stuck", 0)] * 3 + [("Stuck", 1)] * 2
    [restarted] = clinrisk("redrive", upload_id, "--json").json()
    assert restarted["execution"].endswith("-again4")


def test_a_file_that_failed_is_started_from_the_queue_and_never_by_itself(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    upload_id = settle(deployment, "FAILED", "training")
    [found] = clinrisk("stuck", "--json").json()
    assert (found["kind"], found["reason"], found["command"]) == (
        "failed", "The disk was full.", "clinrisk redrive heart/training/march.csv",
    )  # fmt: skip
    look()
    assert started(deployment, "Ingest") == []
    queue, client = deployment.outputs["DeadLetterQueue"], boto3.client("sqs", REGION)
    inbox = deployment.outputs["InboxBucket"]
    [version] = deployment.s3.list_object_versions(Bucket=inbox)["Versions"]
    mine, other = event(KEY, version["VersionId"], inbox), event("inbox/heart/training/april.csv")
    for body in (mine, other, {"source": "aws.states"}):
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(body))
    [restarted] = clinrisk("redrive", "heart/training/march.csv", "--json").json()
    assert restarted["execution"].startswith("redrive-")
    assert [given for _, given in started(deployment, "Ingest")] == [mine]
    left = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    assert sorted(json.loads(one["Body"])["source"] for one in left) == ["aws.s3", "aws.states"]
    # Its message may be gone by now: the file itself is there still.
    assert clinrisk("redrive", upload_id, "--json").json() == [
        {"name": KEY, "execution": f"again-{upload_id}-1"}
    ]


def test_all_events_of_the_queue_are_started_again_but_not_what_is_no_event_of_the_inbox(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    queue, client = deployment.outputs["DeadLetterQueue"], boto3.client("sqs", REGION)
    for number in range(12):
        body = event(f"inbox/heart/training/{number}.csv")
        client.send_message(QueueUrl=queue, MessageBody=json.dumps(body))
    client.send_message(QueueUrl=queue, MessageBody=json.dumps({"source": "aws.states"}))
    assert len(clinrisk("redrive", "--all", "--json").json()) == 12
    assert len(started(deployment, "Ingest")) == 12


@pytest.mark.parametrize(("purpose", "read"), [("outcomes", "uploads"), ("feedback", "feedback")])
def test_answers_that_no_join_has_read_are_joined(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any], purpose: str, read: str
) -> None:
    upload_id = settle(deployment, "ACCEPTED", purpose)
    assert kinds(clinrisk) == [("not_joined", upload_id)]
    clinrisk("redrive", upload_id)
    assert started(deployment, "Monitoring") == [(f"heart-joins-{upload_id}-1", {"use_case": "heart"})]
    overview: dict[str, Any] = {"uploads": []} | {read: [{"upload_id": upload_id}]}
    deployment.write("ResultsBucket", object_keys.outcome_overview("heart"), overview)
    assert kinds(clinrisk) == []


def test_a_training_that_died_stands_still_and_is_started_by_a_person_alone(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    states = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["TrainingStateMachine"]
    run = states.start_execution(stateMachineArn=machine, name="heart-0123456789", input="{}")["executionArn"]
    assert kinds(clinrisk) == []
    states.stop_execution(executionArn=run)
    assert kinds(clinrisk) == [("training_died", "heart-0123456789")]
    look()
    assert len(started(deployment, "Training")) == 1
    [restarted] = clinrisk("redrive", "heart-0123456789", "--json").json()
    assert {name for name, _ in started(deployment, "Training")} == {
        "heart-0123456789", restarted["execution"],
    }  # fmt: skip
    assert re.fullmatch("heart-[0-9a-f]{10}", restarted["execution"])


def test_a_run_that_left_its_work_to_another_hides_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str, status: str) -> dict[str, Any]:
        return {"name": name, "status": status, "executionArn": name}

    joined, dead = run("heart-3", "SUCCEEDED"), run("heart-2", "ABORTED")
    outputs: dict[str, Any] = {"heart-3": {"joined": True}, "heart-4": {}}
    monkeypatch.setattr(stepfunctions, "output_of", outputs.__getitem__)
    monkeypatch.setattr(stepfunctions, "end_of", lambda arn: arn)
    found = reconcile_work._dead([joined, dead])
    assert str(found) == "heart-2"
    assert reconcile_work._dead([run("heart-4", "SUCCEEDED"), dead]) is None
    assert reconcile_work._dead([run("heart-5", "RUNNING"), dead]) is None


def test_a_training_file_that_no_run_has_read_is_trained_on(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    settle(deployment, "ACCEPTED", "training", labelled_rows=9)
    assert kinds(clinrisk) == []
    settle(deployment, "ACCEPTED", "training", labelled_rows=5000)
    assert [kind for kind, _ in kinds(clinrisk)] == ["not_trained"]
    look()
    [(name, given)] = started(deployment, "Training")
    assert re.fullmatch("heart-[0-9a-f]{10}", name)
    assert given["use_case"] == "heart"
    assert kinds(clinrisk) == []


def test_a_failed_file_that_is_gone_from_the_inbox_is_not_listed(
    deployment: Any, functions: Functions, clinrisk: Callable[..., Any]
) -> None:
    settle(deployment, "FAILED", "training")
    inbox = deployment.outputs["InboxBucket"]
    [version] = deployment.s3.list_object_versions(Bucket=inbox)["Versions"]
    deployment.s3.delete_object(Bucket=inbox, Key=version["Key"], VersionId=version["VersionId"])
    assert kinds(clinrisk) == []


def test_of_a_key_the_event_in_the_queue_and_every_other_version_are_started(
    deployment: Any, functions: Functions, old_inbox: None, clinrisk: Callable[..., Any]
) -> None:
    versions = [put(deployment) for _ in range(3)]
    queued = event(version=versions[0][1], bucket=deployment.outputs["InboxBucket"])
    url = deployment.outputs["DeadLetterQueue"]
    boto3.client("sqs", REGION).send_message(QueueUrl=url, MessageBody=json.dumps(queued))
    assert len(clinrisk("redrive", "heart/training/march.csv", "--json").json()) == 3
    given = {one["detail"]["object"]["version-id"] for _, one in started(deployment, "Ingest")}
    assert given == {version for _, version in versions}


def test_one_thing_and_all_exclude_each_other(clinrisk: Callable[..., Any]) -> None:
    assert clinrisk("redrive", "heart/training/march.csv", "--all").code == 2
