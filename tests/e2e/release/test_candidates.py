"""Candidates from their question to the clinicians' results: two that compete, then one in the shadow.

Two candidates are compared with no model, and both are approved: one goes live, the other does not. A third
scores what the live model scores while it waits, and what clinicians read never changes by it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import PROJECT, RunningTwin, started
from tests.e2e.hospital import TRUST, Hospital, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
OVERTAKEN = "The evidence was made when no model was live, but version 1 is live."


def asked(hospital: Hospital, link: str) -> dict[str, Any]:
    """Return what the command knows about the question behind a link."""
    listed = hospital.twin.clinrisk("approvals", "heart")
    return next(one for one in listed if one["approval_id"] in link)


def rows_of(results: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(results.decode())))


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] in {"AccessDenied", "403"})
    return False


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    """A twin that no other test has used: here it counts which models were live, and when."""
    with started(tmp_path_factory.mktemp("release")) as running:
        yield running


@pytest.fixture(scope="module")
def candidates(twin: RunningTwin) -> Hospital:
    """Two candidates wait, and nothing has ever been live."""
    outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
    hospital = Hospital(twin, outputs)
    hospital.add_approver()
    hospital.drop("training", "first", 400, seed=1)
    hospital.seen["first mail"], first = hospital.question(1)
    hospital.seen["first page"] = page(first)
    hospital.seen["first jobs"] = twin.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]
    hospital.drop("training", "second", 400, seed=2)
    hospital.seen["links"] = [first, hospital.question(2)[1]]
    return hospital


@pytest.fixture(scope="module")
def released(candidates: Hospital) -> Hospital:
    """Both were approved at the same time: one is live, the other was overtaken."""
    links, seen = candidates.seen["links"], candidates.seen
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda link: candidates.answered(link, "approve"), links))
    # The slower of the two may already read on the page that it cannot be released any more.
    seen["refused"] = [text for status, text in answers if status != 200]
    seen["ended"] = candidates.ended("Release", 2)
    [seen["overtaken"]] = [link for link in links if not asked(candidates, link).get("live_version")]
    seen["overtaken page"] = page(seen["overtaken"])
    [seen["released"]] = [link for link in links if link != seen["overtaken"]]
    return candidates


@pytest.fixture(scope="module")
def shadowed(released: Hospital) -> Hospital:
    """The live model has scored a batch; a third candidate waits, and a second batch came."""
    seen = released.seen
    seen["retired"] = released.waiting() is None
    released.drop("inference", "monday", 240, seed=2)
    seen["monday"] = released.results("monday")
    released.ended("Scoring", 1)
    released.drop("training", "third", 400, seed=3)
    seen["mail"], seen["link"] = released.question(3, failed=1)
    seen["before"] = page(seen["link"])
    released.drop("inference", "tuesday", 60, seed=4)
    seen["tuesday"] = released.results("tuesday")
    seen["scored"] = released.ended("Scoring", 2)[0]["status"]
    seen["after"] = page(seen["link"])
    return released


def test_before_the_first_release_there_is_nothing_to_compare_with_and_no_job_runs(
    candidates: Hospital,
) -> None:
    assert "No model is live yet" in candidates.seen["first page"]
    assert "No model is live yet" in candidates.seen["first mail"]
    assert candidates.seen["first jobs"] == []


def test_a_changed_model_card_is_neither_shown_nor_approved(candidates: Hospital) -> None:
    link = candidates.seen["links"][0]
    s3, bucket = candidates.twin.client("s3"), candidates.outputs["ResultsBucket"]
    key = f"reports/heart/{asked(candidates, link)['run_id']}/model-card.json"
    genuine = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    assert json.loads(genuine)["use_case"] == "heart"
    s3.put_object(Bucket=bucket, Key=key, Body=genuine.replace(b"heart", b"stone"))
    status, text = candidates.answered(link, "approve")
    assert status == 409
    assert "model card hti1" in text
    assert asked(candidates, link)["status"] == "PENDING"
    s3.put_object(Bucket=bucket, Key=key, Body=genuine)
    assert "model card hti1" in page(link)


def test_of_two_approvals_at_once_one_is_released_and_the_other_gets_the_reason(released: Hospital) -> None:
    seen = released.seen
    assert sorted(one["status"] for one in seen["ended"]) == ["FAILED", "SUCCEEDED"]
    assert OVERTAKEN in seen["overtaken page"]
    assert all(OVERTAKEN in text for text in seen["refused"])
    assert asked(released, seen["overtaken"])["status"] == "OVERTAKEN"
    run_id = asked(released, seen["overtaken"])["run_id"]
    mails = [one["body"] for one in released.mails("operator")]
    assert any(OVERTAKEN in body and f"clinrisk evaluate {run_id}" in body for body in mails)
    assert asked(released, seen["released"])["outcome"] == "Live version 1."
    live = released.twin.clinrisk("live", "heart")["heart"]["live"]
    assert live["approval_id"] in seen["released"]
    assert [one["live_version"] for one in released.twin.clinrisk("history", "heart")] == [1]


def test_the_ledger_holds_the_decision_with_the_evidence_that_was_on_the_page(released: Hospital) -> None:
    entries = released.twin.clinrisk("audit", "show")
    approval_id = asked(released, released.seen["released"])["approval_id"]
    bodies = {entry["identity"]: entry["body"] for entry in entries}
    decided = bodies[f"heart/decisions/{approval_id}"]
    assert {"evaluation", "report", "model_card", "comparison/replay"} <= set(decided["evidence"])
    assert decided["digests"]["champion_version"] == "0"
    assert "heart/releases/00000001" in bodies
    assert {"deployed", "asked", "decided", "not released", "released"} <= {
        entry["event"] for entry in entries
    }
    verified = released.twin.clinrisk("audit", "verify")
    assert (verified["entries"], verified["difference"]) == (len(entries), None)


def test_what_was_released_or_overtaken_is_no_shadow_any_more(shadowed: Hospital) -> None:
    assert shadowed.seen["retired"]


def test_a_candidate_is_compared_on_recent_batches_before_anybody_is_asked(shadowed: Hospital) -> None:
    assert re.search(r"live version 1\b.*\b240 patients", shadowed.seen["mail"])
    shown = shadowed.seen["before"]
    assert re.search(r"Recent batches 240 [\d.]+% \([\d.]+% to [\d.]+%\) \d+ \d+ 0\.\d\d [+-]\d", shown)
    assert re.search(r"By sex women \d+ [\d.]+%", shown)


def test_a_new_batch_is_scored_by_both_models_and_the_page_shows_it(shadowed: Hospital) -> None:
    assert shadowed.seen["scored"] == "SUCCEEDED"
    assert "Later batch" not in shadowed.seen["before"]
    assert re.search(r"Patients 300 Same flag [\d.]+%", shadowed.seen["after"])
    assert re.search(r"Later batch [0-9a-f]{8} 60 [\d.]+%", shadowed.seen["after"])


def test_clinicians_get_the_live_models_risks_and_nothing_else(shadowed: Hospital) -> None:
    assert {row["model_version"] for row in rows_of(shadowed.seen["tuesday"])} == {"1"}
    assert len(rows_of(shadowed.seen["tuesday"])) == 60
    assert shadowed.results("monday") == shadowed.seen["monday"]
    s3, bucket = shadowed.twin.client("s3"), shadowed.outputs["ResultsBucket"]
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="results/")["Versions"]) == 4
    every = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert not [one["Key"] for one in every if "shadow" in one["Key"]]


READERS = (
    "PublishResultsRole", "DecideApprovalRole", "RequestApprovalRole", "RecordShadowRole", "PlanShadowRole",
    "SelectBatchesRole", "JoinOutcomesRole", "RunCheckRole", "PresentJobRole", "ServeJobRole",
    "EvaluateJobRole", "ShadowJobRole", "TrainingStateMachineRole", "ReleaseStateMachineRole",
    "ScoringStateMachineRole",
)  # fmt: skip


@pytest.mark.parametrize("role", READERS)
def test_no_role_but_the_comparisons_reads_the_shadows_scores(shadowed: Hospital, role: str) -> None:
    [scores, *_] = shadowed.keys("shadow/heart/")
    client = shadowed.acting_as(shadowed.role(role))
    assert refused(client.get_object, Bucket=shadowed.outputs["LakeBucket"], Key=scores)


def test_the_comparison_reads_it_and_writes_counts_alone(shadowed: Hospital) -> None:
    lake, results = shadowed.outputs["LakeBucket"], shadowed.outputs["ResultsBucket"]
    client = shadowed.acting_as(shadowed.role("CompareJobRole"))
    [scores, *_] = shadowed.keys("shadow/heart/")
    assert len(client.get_object(Bucket=lake, Key=scores)["Body"].read().splitlines()) in {60, 240}
    for bucket, key in (
        (results, "results/heart/monday/forged.csv"),
        (results, "reports/heart/forged.html"),
        (lake, "predictions/heart/forged.parquet"),
        (lake, "scores/heart/forged/v1/batch.csv.out"),
        (lake, "presented/heart/forged/presented.parquet"),
        (lake, "shadow/heart/forged/scores/batch.csv.out"),
    ):
        assert refused(client.put_object, Bucket=bucket, Key=key, Body=b"forged"), key
    [document, *_] = shadowed.keys("comparisons/heart/")
    document_text = shadowed.twin.client("s3").get_object(Bucket=lake, Key=document)["Body"].read()
    assert b"record_id" not in document_text


def test_the_shadow_itself_writes_nowhere_that_clinicians_read(shadowed: Hospital) -> None:
    client = shadowed.acting_as(shadowed.role("ShadowJobRole"))
    for bucket, key in (
        (shadowed.outputs["ResultsBucket"], "results/heart/monday/forged.csv"),
        (shadowed.outputs["LakeBucket"], "scores/heart/forged/v1/batch.csv.out"),
        (shadowed.outputs["LakeBucket"], "predictions/heart/forged.parquet"),
    ):
        assert refused(client.put_object, Bucket=bucket, Key=key, Body=b"forged"), key


def test_a_data_manager_reads_results_and_no_shadow(shadowed: Hospital) -> None:
    iam = shadowed.twin.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    iam.create_role(RoleName="a-data-manager", AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName="a-data-manager", PolicyArn=shadowed.outputs["DataManagerPolicy"])
    client = shadowed.acting_as("a-data-manager")
    bucket = shadowed.outputs["ResultsBucket"]
    [shown, *_] = client.list_objects_v2(Bucket=bucket, Prefix="results/")["Contents"]
    assert client.get_object(Bucket=bucket, Key=shown["Key"])["Body"].read()
    for key in (*shadowed.keys("shadow/"), *shadowed.keys("comparisons/")):
        assert refused(client.get_object, Bucket=shadowed.outputs["LakeBucket"], Key=key), key


def test_a_shadow_that_breaks_costs_the_clinicians_nothing_and_is_reported(shadowed: Hospital) -> None:
    waiting = shadowed.waiting()
    assert waiting is not None
    table, dynamodb = shadowed.outputs["DeploymentsTable"], shadowed.twin.client("dynamodb")
    dynamodb.put_item(TableName=table, Item=waiting | {"model_name": {"S": "a-model-that-is-gone"}})
    shadowed.drop("inference", "wednesday", 40, seed=5)
    assert len(rows_of(shadowed.results("wednesday"))) == 40
    assert shadowed.ended("Scoring", 3)[0]["status"] == "SUCCEEDED"
    dynamodb.put_item(TableName=table, Item=waiting)
    subjects = [one["subject"] for one in shadowed.mails("operator")]
    assert any("the shadow of a waiting candidate failed" in subject for subject in subjects)
    assert re.search(r"Later batch [0-9a-f]{8}: It ended with SageMaker\.", page(shadowed.seen["link"]))


@pytest.mark.parametrize("word", ["success", "failure"])
def test_an_answer_without_the_page_decides_nothing_and_the_question_stays_open(
    shadowed: Hospital, word: str
) -> None:
    approval_id = asked(shadowed, shadowed.seen["link"])["approval_id"]
    key = {"pk": {"S": f"APPROVAL#{approval_id}"}, "sk": {"S": "STATE"}}
    row = {"TableName": shadowed.outputs["ApprovalsTable"], "Key": key}

    def token() -> str:
        return str(shadowed.twin.client("dynamodb").get_item(**row)["Item"]["task_token"]["S"])

    before, states = token(), shadowed.twin.client("stepfunctions")
    if word == "success":
        forged = {"approval_id": approval_id, "decision": "APPROVED", "decided_at": "", "reason": ""}
        states.send_task_success(taskToken=before, output=json.dumps(forged))
    else:
        states.send_task_failure(taskToken=before, error="ApprovalRejected", cause="no")
    shadowed.wait(lambda: token() != before)
    assert asked(shadowed, shadowed.seen["link"])["status"] == "PENDING"
    subjects = [one["subject"] for one in shadowed.mails("operator")]
    announced = [one for one in subjects if "did not come from the approval page" in one]
    assert len(announced) == (1 if word == "success" else 2)


def test_what_was_decided_is_no_shadow_any_more(shadowed: Hospital) -> None:
    assert shadowed.answered(shadowed.seen["link"], "approve")[0] == 200
    assert shadowed.ended("Release", 3)[0]["status"] == "SUCCEEDED"
    assert shadowed.waiting() is None
    jobs = shadowed.twin.client("sagemaker").list_transform_jobs(MaxResults=100)["TransformJobSummaries"]
    shadowed.drop("inference", "thursday", 30, seed=6)
    assert {row["model_version"] for row in rows_of(shadowed.results("thursday"))} == {"2"}
    shadowed.ended("Scoring", 4)
    again = shadowed.twin.client("sagemaker").list_transform_jobs(MaxResults=100)["TransformJobSummaries"]
    assert len(again) == len(jobs) + 1


def test_release_and_monitoring_are_editions_of_the_card(shadowed: Hospital) -> None:
    def newest() -> Any:
        return shadowed.twin.clinrisk("live", "heart")["heart"]["live"]["card"]

    assert newest().endswith("/editions/model-card-0002.html")
    for _ in range(2):
        # The second run finds what the first one found.
        assert shadowed.twin.clinrisk("monitor", "heart", "--wait")["status"] == "SUCCEEDED"
        assert newest().endswith("/editions/model-card-0003.html")
    bucket, _, key = newest().removeprefix("s3://").partition("/")
    html = shadowed.twin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "as live version 2, in place of version 1" in html
    assert "Open findings of monitoring" in html


def test_the_ledger_holds_and_states_what_is_live(shadowed: Hospital) -> None:
    found = shadowed.twin.clinrisk("audit", "verify")
    assert found["difference"] is None
    assert found["entries"] >= 10


WRITERS = ("TrainJobRole", "EvaluateJobRole", "ServeJobRole", "PromoteCandidateRole", "DecideApprovalRole")


@pytest.mark.parametrize("role", WRITERS)
def test_no_role_writes_into_what_was_judged(shadowed: Hospital, role: str) -> None:
    client = shadowed.acting_as(shadowed.role(role))
    [key, *_] = shadowed.keys("candidates/heart/")
    assert refused(client.put_object, Bucket=shadowed.outputs["LakeBucket"], Key=key, Body=b"forged")


def test_nothing_is_published_from_bytes_that_an_administrator_altered(shadowed: Hospital) -> None:
    s3, lake = shadowed.twin.client("s3"), shadowed.outputs["LakeBucket"]
    live = shadowed.twin.clinrisk("live", "heart")["heart"]["live"]
    key = live["model_uri"].removeprefix(f"s3://{lake}/")
    approved = s3.get_object(Bucket=lake, Key=key)["Body"].read()
    # The twin's root may do what an administrator could who has taken the bucket's policy away.
    s3.put_object(Bucket=lake, Key=key, Body=approved + b"\0")
    shadowed.drop("inference", "friday", 30, seed=7)
    assert shadowed.ended("Scoring", 5)[0]["status"] == "FAILED"
    why = "Live version 2 of heart is not what was approved: the model has other bytes."
    assert any(why in one["body"] for one in shadowed.mails("operator"))
    bucket = shadowed.outputs["ResultsBucket"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="results/heart/friday/")
    s3.put_object(Bucket=lake, Key=key, Body=approved)
    [stuck] = shadowed.twin.clinrisk("stuck", "--patience", "0")
    shadowed.twin.clinrisk("redrive", stuck["subject"])
    assert len(rows_of(shadowed.results("friday"))) == 30


def test_a_rollback_recalls_what_the_later_model_stated_and_the_restored_one_scores_it_again(
    shadowed: Hospital,
) -> None:
    s3, bucket = shadowed.twin.client("s3"), shadowed.outputs["ResultsBucket"]
    reason = ("--reason", "Version 2 flags too few women.")
    answer = shadowed.twin.clinrisk("rollback", "heart", "--to", "1", *reason)
    assert answer["subject"].endswith("live version 2 was rolled back, 2 results are recalled")
    [now, before, first] = shadowed.twin.clinrisk("history", "heart")
    assert [one["live_version"] for one in (now, before, first)] == [3, 2, 1]
    assert (now["restores"], now["replaced"], now["run_id"]) == (1, 2, first["run_id"])
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="results/")["Contents"]
    status, text = shadowed.countersigned(1)
    assert (status, "Ann Lee (clinical) answered" in text) == (200, True)
    notices = [one["Key"] for one in listed if one["Key"].endswith(".RECALLED.txt")]
    assert {key.split("/")[2] for key in notices} == {"thursday", "friday"}
    shadowed.twin.clinrisk("redrive", "--all")
    for name in ("thursday", "friday"):

        def again(name: str = name) -> bool:
            return {row["model_version"] for row in rows_of(shadowed.results(name))} == {"3"}

        shadowed.wait(again)
    assert shadowed.twin.clinrisk("audit", "verify")["difference"] is None


def test_while_results_are_paused_a_batch_waits_and_is_scored_afterwards(shadowed: Hospital) -> None:
    count = len(shadowed.executions("Scoring"))
    shadowed.twin.clinrisk("pause", "heart", "--reason", "The laboratory has changed its units.")
    assert shadowed.twin.clinrisk("live", "heart")["heart"]["pause"]["reason"].startswith("The laboratory")
    shadowed.drop("inference", "saturday", 30, seed=8)
    assert shadowed.ended("Scoring", count + 1)[0]["status"] == "FAILED"
    [stuck] = shadowed.twin.clinrisk("stuck", "--patience", "0")
    assert (stuck["reason"], stuck["startable"]) == ("The results of its use case are paused.", False)
    asked = shadowed.twin.clinrisk("resume", "heart", "--reason", "The units are as before.")
    assert asked["approvers"] == ["Ann Lee"]
    assert shadowed.twin.clinrisk("live", "heart")["heart"]["pause"]
    assert shadowed.countersigned(2)[0] == 200
    shadowed.wait(lambda: not shadowed.twin.clinrisk("live", "heart")["heart"]["pause"])
    shadowed.twin.clinrisk("redrive", "--all")
    assert len(rows_of(shadowed.results("saturday"))) == 30
    events = [one["event"] for one in shadowed.twin.clinrisk("audit", "show")]
    assert events[-4:] == ["paused", "countersignature asked", "countersigned", "resumed"]
    assert shadowed.twin.clinrisk("audit", "verify")["difference"] is None


def test_an_earlier_pointer_that_is_put_back_by_hand_scores_nobody(shadowed: Hospital) -> None:
    dynamodb, table = shadowed.twin.client("dynamodb"), shadowed.outputs["DeploymentsTable"]
    keys = [{"pk": {"S": "USE_CASE#heart"}, "sk": {"S": name}} for name in ("LIVE", "VERSION#00000001")]
    live, first = (dynamodb.get_item(TableName=table, Key=key)["Item"] for key in keys)
    dynamodb.put_item(TableName=table, Item=first | keys[0])
    count = len(shadowed.executions("Scoring"))
    shadowed.drop("inference", "sunday", 30, seed=9)
    assert shadowed.ended("Scoring", count + 1)[0]["status"] == "FAILED"
    why = "version 2 was released after it"
    assert any(why in one["body"] for one in shadowed.mails("operator"))
    dynamodb.put_item(TableName=table, Item=live)
