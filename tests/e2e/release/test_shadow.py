"""A candidate scores beside the live model while it waits, and what clinicians read never changes by it."""

import csv
import http.client
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.local_files import synthetic_cohort
from tests.e2e.conftest import PROJECT, RunningTwin, started
from twin import mailbox
from twin.demo.approver import approve, link_in

pytestmark = [pytest.mark.twin, pytest.mark.timeout(600)]
PATIENCE = 240
# SageMaker and Step Functions assume their roles under conditions that a test cannot meet.
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass
class Hospital:
    """The deployed stack as its people use it: files in, mail and pages out."""

    twin: RunningTwin
    outputs: dict[str, str]
    seen: dict[str, Any] = field(default_factory=dict)

    def drop(self, purpose: str, name: str, rows: int, seed: int) -> None:
        body = synthetic_cohort.draw("heart", rows=rows, seed=seed)
        key = f"inbox/heart/{purpose}/{name}.csv"
        self.twin.client("s3").put_object(Bucket=self.outputs["InboxBucket"], Key=key, Body=body)

    def wait(self, give: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if answer := give():
                return answer
            time.sleep(0.3)  # the jobs need the processor more than this question does
        ran = [*self.executions("Training"), *self.executions("Release")]
        raise AssertionError([(one["name"], one["status"]) for one in ran])

    def executions(self, machine: str) -> list[dict[str, Any]]:
        arn = self.outputs[f"{machine}StateMachine"]
        found = self.twin.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
        return sorted(found, key=lambda one: one["startDate"], reverse=True)

    def letters(self, to: str) -> list[dict[str, Any]]:
        return mailbox.read(self.twin.state_dir / "mail", f"{to}@example.org")

    def ended(self, machine: str, count: int) -> list[dict[str, Any]]:
        """Wait until `count` executions have ended, and give them, newest first."""

        def enough() -> Any:
            over = [one for one in self.executions(machine) if one["status"] != "RUNNING"]
            return over if len(over) >= count else None

        found: list[dict[str, Any]] = self.wait(enough)
        return found

    def question(self, count: int) -> tuple[str, str]:
        """Wait for the `count`-th question to the approver, and give the mail and its link."""

        def asked() -> Any:
            ran = [*self.executions("Training"), *self.executions("Release")]
            assert "FAILED" not in {one["status"] for one in ran}
            questions = [one for one in self.letters("approver") if "/approvals/" in one["body"]]
            return questions if len(questions) >= count else None

        letter = self.wait(asked)[-1]
        link = link_in([letter], "")
        assert link is not None
        return letter["body"], link

    def results(self, stem: str) -> bytes:
        """Wait for a batch's results and give the file."""
        s3, bucket = self.twin.client("s3"), self.outputs["ResultsBucket"]

        def there() -> Any:
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"results/heart/{stem}/").get("Contents", [])
            return listed[0]["Key"] if listed else None

        body: bytes = s3.get_object(Bucket=bucket, Key=self.wait(there))["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        listed = self.twin.client("s3").list_objects_v2(Bucket=self.outputs["LakeBucket"], Prefix=prefix)
        return [one["Key"] for one in listed.get("Contents", [])]

    def waiting(self) -> dict[str, Any] | None:
        key = {"pk": {"S": "SHADOW#heart"}, "sk": {"S": "WAITING"}}
        table = self.outputs["DeploymentsTable"]
        found = self.twin.client("dynamodb").get_item(TableName=table, Key=key).get("Item")
        item: dict[str, Any] | None = found
        return item

    def role(self, logical_id: str) -> str:
        described = self.twin.client("cloudformation").describe_stack_resource(
            StackName="clinrisk", LogicalResourceId=logical_id
        )
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def acting_as(self, role: str) -> Any:
        """Return an S3 client that holds what a role of the stack holds, and no more."""
        trust = {"Version": "2012-10-17", "Statement": [TRUST]}
        self.twin.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
        account = self.twin.client("sts").get_caller_identity()["Account"]
        arn = f"arn:aws:iam::{account}:role/{role}"
        given = self.twin.client("sts").assume_role(RoleArn=arn, RoleSessionName="tries")["Credentials"]
        return boto3.client(
            "s3",
            endpoint_url=self.twin.endpoint_url,
            region_name=self.twin.region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )


def page(link: str) -> str:
    """Open a page as a browser would, and give its text."""
    there = urlsplit(link)
    connection = http.client.HTTPConnection("127.0.0.1", there.port or 80, timeout=60)
    connection.request("GET", f"{there.path}?{there.query}", headers={"Host": there.netloc})
    answer = connection.getresponse()
    html = answer.read().decode()
    connection.close()
    assert answer.status == http.client.OK, html
    return " ".join(re.sub(r"<style.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL).split())


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
    with started(tmp_path_factory.mktemp("shadow")) as running:
        yield running


@pytest.fixture(scope="module")
def hospital(twin: RunningTwin) -> Hospital:
    """A first model is live and has scored a batch; a second candidate waits, and a second batch came."""
    outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
    place = Hospital(twin, outputs)
    place.drop("training", "first", 400, seed=1)
    place.seen["first mail"], link = place.question(1)
    place.seen["first page"] = page(link)
    place.seen["first jobs"] = twin.client("sagemaker").list_transform_jobs()["TransformJobSummaries"]
    approve(link)
    assert place.ended("Release", 1)[0]["status"] == "SUCCEEDED"
    place.seen["retired"] = place.waiting() is None
    place.drop("inference", "monday", 240, seed=2)
    place.seen["monday"] = place.results("monday")
    place.ended("Scoring", 1)
    place.drop("training", "second", 400, seed=3)
    place.seen["mail"], place.seen["link"] = place.question(2)
    place.seen["before"] = page(place.seen["link"])
    place.drop("inference", "tuesday", 60, seed=4)
    place.seen["tuesday"] = place.results("tuesday")
    place.seen["scored"] = place.ended("Scoring", 2)[0]["status"]
    place.seen["after"] = page(place.seen["link"])
    return place


def test_before_the_first_release_there_is_nothing_to_compare_with_and_no_job_runs(
    hospital: Hospital,
) -> None:
    assert "No model is live yet, so there is nothing to compare with." in hospital.seen["first page"]
    assert "No model is live yet" in hospital.seen["first mail"]
    assert hospital.seen["first jobs"] == []
    assert hospital.seen["retired"]


def test_a_candidate_is_compared_on_recent_batches_before_anybody_is_asked(hospital: Hospital) -> None:
    assert (
        "Compared with live version 1 on 240 patients of recent batches: the same flag for"
        in hospital.seen["mail"]
    )
    told = hospital.seen["before"]
    assert "Compared with the live model" in told
    assert re.search(r"Recent batches 240 [\d.]+% \([\d.]+% to [\d.]+%\) \d+ \d+ 0\.\d\d [+-]\d", told)
    assert re.search(r"By sex women \d+ [\d.]+%", told)


def test_a_new_batch_is_scored_by_both_models_and_the_page_shows_it(hospital: Hospital) -> None:
    assert hospital.seen["scored"] == "SUCCEEDED"
    assert "Later batch" not in hospital.seen["before"]
    assert re.search(r"Patients 300 Same answer \d+%", hospital.seen["after"])
    assert re.search(r"Later batch [0-9a-f]{8} 60 \d+%", hospital.seen["after"])


def test_clinicians_get_the_live_models_risks_and_nothing_else(hospital: Hospital) -> None:
    assert {row["model_version"] for row in rows_of(hospital.seen["tuesday"])} == {"1"}
    assert len(rows_of(hospital.seen["tuesday"])) == 60
    assert hospital.results("monday") == hospital.seen["monday"]
    s3, bucket = hospital.twin.client("s3"), hospital.outputs["ResultsBucket"]
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="results/")["Versions"]) == 2
    every = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert not [one["Key"] for one in every if "shadow" in one["Key"]]


READERS = (
    "PublishResultsRole", "DecideApprovalRole", "RequestApprovalRole", "RecordShadowRole", "PlanShadowRole",
    "SelectBatchesRole", "JoinOutcomesRole", "RunCheckRole", "PresentJobRole", "ServeJobRole",
    "EvaluateJobRole", "ShadowJobRole", "TrainingStateMachineRole", "ReleaseStateMachineRole",
    "ScoringStateMachineRole",
)  # fmt: skip


@pytest.mark.parametrize("role", READERS)
def test_no_role_but_the_comparisons_reads_the_shadows_scores(hospital: Hospital, role: str) -> None:
    [scores, *_] = hospital.keys("shadow/heart/")
    client = hospital.acting_as(hospital.role(role))
    assert refused(client.get_object, Bucket=hospital.outputs["LakeBucket"], Key=scores)


def test_the_comparison_reads_it_and_writes_counts_alone(hospital: Hospital) -> None:
    lake, results = hospital.outputs["LakeBucket"], hospital.outputs["ResultsBucket"]
    client = hospital.acting_as(hospital.role("CompareJobRole"))
    [scores, *_] = hospital.keys("shadow/heart/")
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
    [document, *_] = hospital.keys("comparisons/heart/")
    told = hospital.twin.client("s3").get_object(Bucket=lake, Key=document)["Body"].read()
    assert b"record_id" not in told


def test_the_shadow_itself_writes_nowhere_that_clinicians_read(hospital: Hospital) -> None:
    client = hospital.acting_as(hospital.role("ShadowJobRole"))
    for bucket, key in (
        (hospital.outputs["ResultsBucket"], "results/heart/monday/forged.csv"),
        (hospital.outputs["LakeBucket"], "scores/heart/forged/v1/batch.csv.out"),
        (hospital.outputs["LakeBucket"], "predictions/heart/forged.parquet"),
    ):
        assert refused(client.put_object, Bucket=bucket, Key=key, Body=b"forged"), key


def test_a_data_manager_reads_results_and_no_shadow(hospital: Hospital) -> None:
    iam = hospital.twin.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    iam.create_role(RoleName="a-data-manager", AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName="a-data-manager", PolicyArn=hospital.outputs["DataManagerPolicy"])
    client = hospital.acting_as("a-data-manager")
    bucket = hospital.outputs["ResultsBucket"]
    [shown, *_] = client.list_objects_v2(Bucket=bucket, Prefix="results/")["Contents"]
    assert client.get_object(Bucket=bucket, Key=shown["Key"])["Body"].read()
    for key in (*hospital.keys("shadow/"), *hospital.keys("comparisons/")):
        assert refused(client.get_object, Bucket=hospital.outputs["LakeBucket"], Key=key), key


def test_a_shadow_that_breaks_costs_the_clinicians_nothing_and_is_reported(hospital: Hospital) -> None:
    waiting = hospital.waiting()
    assert waiting is not None
    table, dynamodb = hospital.outputs["DeploymentsTable"], hospital.twin.client("dynamodb")
    dynamodb.put_item(TableName=table, Item=waiting | {"model_name": {"S": "a-model-that-is-gone"}})
    hospital.drop("inference", "wednesday", 40, seed=5)
    assert len(rows_of(hospital.results("wednesday"))) == 40
    assert hospital.ended("Scoring", 3)[0]["status"] == "SUCCEEDED"
    dynamodb.put_item(TableName=table, Item=waiting)
    letters = [one["subject"] for one in hospital.letters("operator")]
    assert any("the shadow of a waiting candidate failed" in subject for subject in letters)
    assert re.search(r"Later batch [0-9a-f]{8}: It ended with SageMaker\.", page(hospital.seen["link"]))


def test_what_was_decided_is_no_shadow_any_more(hospital: Hospital) -> None:
    approve(hospital.seen["link"])
    assert hospital.ended("Release", 2)[0]["status"] == "SUCCEEDED"
    assert hospital.waiting() is None
    jobs = hospital.twin.client("sagemaker").list_transform_jobs(MaxResults=100)["TransformJobSummaries"]
    hospital.drop("inference", "thursday", 30, seed=6)
    assert {row["model_version"] for row in rows_of(hospital.results("thursday"))} == {"2"}
    hospital.ended("Scoring", 4)
    again = hospital.twin.client("sagemaker").list_transform_jobs(MaxResults=100)["TransformJobSummaries"]
    assert len(again) == len(jobs) + 1
