"""The managed policy of each role of people is enough for the commands meant for it, and for no others."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cli.app import main
from cli.console.site import ConsoleSite
from cli.console.web_app import create_app
from cli.local_files import synthetic_cohort
from cli.stack import open_stack
from clinrisk.aws import clients, settings
from tests.e2e.hospital import TRUST
from tests.e2e.recovery import hospital_with_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
REFUSED = 3
"""The exit code of a command that AWS refused."""
WHY = ("--reason", "A rehearsal of the roles.")
DATA_MANAGER = [
    ("drop", "{batch}", "--as", "heart/inference", "--wait"),
    ("receipts",),
    ("batches", "heart"),
    ("results", "{upload}"),
    ("outcomes", "heart"),
    ("feedback", "heart"),
    ("stuck",),
    ("score", "{upload}"),
    ("withdraw", "{upload}", *WHY),
    ("fetch", "heart", "--out", "{folder}"),
]
OPERATOR = [
    ("status",),
    ("queue",),
    ("stuck",),
    ("alarms", "--all"),
    ("doctor",),
    ("batches", "heart"),
    ("live", "heart"),
    ("history", "heart"),
    ("approvals", "heart"),
    ("approvers", "list"),
    ("monitor", "heart", "--wait"),
    ("open", "heart", "--no-browser", "--out", "{folder}"),
    ("findings", "heart"),
    ("redrive", "--all"),
    ("train", "heart", *WHY),
    ("reference", "readmission", "--cohort", "Discharges of January"),
    ("pause", "heart", *WHY),
]
AUDITOR = [
    ("live", "heart"),
    ("history", "heart"),
    ("approvals", "heart"),
    ("approvers", "list"),
    ("findings", "heart"),
    ("open", "heart", "--no-browser", "--out", "{folder}"),
    ("audit", "show"),
    ("audit", "verify"),
    ("evidence", "heart", "1", "--out", "{folder}/evidence.zip"),
]
ADMINISTRATOR = [
    ("approvers", "list"),
    ("approvers", "add", "Bo Lind", "--mail", "bo@example.org", "--role", "technical"),
    ("approvers", "invite", "bo@example.org"),
    ("approvers", "identify", "bo@example.org", "--identity", "arn:aws:iam::000000000000:user/bo"),
    ("approvers", "away", "bo@example.org", "--until", "2099-12-31"),
    ("approvers", "back", "bo@example.org"),
    ("approvers", "resend", "heart"),
    ("approvers", "remove", "bo@example.org"),
]
REPLAY = ("replay", "heart", "--id", "{upload}")
"""An auditor's command, too, with a test of its own."""
PRIVACY_OFFICER = [
    ("erase", "--use-case", "heart", "--id-file", "{ids}"),
    ("hold", "--use-case", "heart", "--id-file", "{ids}", *WHY),
    ("hold", "--use-case", "heart"),
]
MEANT = {
    "PrivacyOfficerPolicy": PRIVACY_OFFICER,
    "DataManagerPolicy": DATA_MANAGER,
    "OperatorPolicy": OPERATOR,
    "AuditorPolicy": AUDITOR,
    "ApproverAdministratorPolicy": ADMINISTRATOR,
}
OF_OTHERS = {
    "PrivacyOfficerPolicy": [DATA_MANAGER[0], OPERATOR[-1], AUDITOR[6], REPLAY],
    "DataManagerPolicy": [OPERATOR[-1], AUDITOR[6], ADMINISTRATOR[1], REPLAY, PRIVACY_OFFICER[0]],
    "OperatorPolicy": [DATA_MANAGER[0], AUDITOR[-1], ADMINISTRATOR[1], REPLAY, PRIVACY_OFFICER[0]],
    "AuditorPolicy": [DATA_MANAGER[0], OPERATOR[-1], ADMINISTRATOR[1]],
    "ApproverAdministratorPolicy": [DATA_MANAGER[0], OPERATOR[-1], AUDITOR[6]],
}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model of heart and one scored batch."""
    with hospital_with_model(tmp_path_factory.mktemp("roles")) as hospital:
        hospital.drop("inference", "monday", 60, seed=7)
        hospital.results("monday")
        hospital.ended("Scoring", 1)
        yield hospital


@pytest.fixture
def command(
    hospital: Hospital, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., int]]:
    """Return what runs a command on the stack with the policy of a role, and nothing more."""
    policy = request.param
    name = f"person-{policy}"
    iam = hospital.twin.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = iam.create_role(RoleName=f"{name}-{os.urandom(4).hex()}", AssumeRolePolicyDocument=document)[
        "Role"
    ]
    iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=hospital.outputs[policy])
    given = hospital.twin.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="person")[
        "Credentials"
    ]
    for variable, value in {
        "AWS_ENDPOINT_URL": hospital.twin.endpoint_url,
        "AWS_REGION": hospital.twin.region,
        "AWS_DEFAULT_REGION": hospital.twin.region,
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    batch = tmp_path / f"{policy}.csv"
    batch.write_bytes(synthetic_cohort.draw("heart", rows=50, seed=len(policy), purpose="inference"))
    ids = tmp_path / "ids.txt"
    ids.write_text("nobody-7\n")
    words = {
        "ids": str(ids),
        "batch": str(batch),
        "folder": str(tmp_path),
        "upload": scored(hospital),
    }

    def run(*arguments: str) -> int:
        return main([one.format(**words) for one in arguments])

    yield run
    clients.connect()
    settings.use(os.environ)


def scored(hospital: Hospital) -> str:
    listed: list[dict[str, Any]] = hospital.twin.clinrisk("batches", "heart")
    return str(next(one["upload_id"] for one in listed if "monday" in one["file"]))


def left_by_scorings(hospital: Hospital) -> list[tuple[str, str]]:
    """List every version of what scorings and their readers write."""
    prefixes = ("scores/", "presented/", "predictions/", "score-profiles/", "joined/")
    places = [("LakeBucket", prefix) for prefix in prefixes] + [("ResultsBucket", "")]
    pages = hospital.twin.client("s3").get_paginator("list_object_versions")
    return [
        (one["Key"], one["VersionId"])
        for bucket, prefix in places
        for page in pages.paginate(Bucket=hospital.outputs[bucket], Prefix=prefix)
        for one in page.get("Versions", [])
    ]


@pytest.mark.parametrize("command", ["AuditorPolicy"], indirect=True)
def test_an_auditor_replays_results_that_no_auditor_reads_and_changes_nothing(
    hospital: Hospital, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    people = ("data-manager", "operator")
    stored, mails = left_by_scorings(hospital), [hospital.mails(one) for one in people]
    assert [key for key, _ in stored if key.startswith("predictions/")]
    capsys.readouterr()
    assert command(*REPLAY, "--json") == 0
    [found] = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["state"], found["rows"]) == ("SAME", "CURRENT", 60)
    assert left_by_scorings(hospital) == stored
    assert [hospital.mails(one) for one in people] == mails
    assert hospital.keys(f"replays/heart/{found['upload_id']}/{found['execution']}/presented/")
    kept = hospital.twin.clinrisk("audit", "show", "--use-case", "heart")[-1]
    assert (kept["event"], kept["number"], kept["body"]["outcome"]) == ("replayed", found["entry"], "SAME")
    assert "person-AuditorPolicy" in kept["body"]["person"]
    [results] = [key for key, _ in stored if key.endswith(f"{found['upload_id']}.csv")]
    assert command("score", "{upload}") == REFUSED
    with pytest.raises(ClientError, match="AccessDenied"):
        clients.s3().get_object(Bucket=hospital.outputs["ResultsBucket"], Key=results)


@pytest.mark.parametrize("command", ["OperatorPolicy"], indirect=True)
def test_an_operator_sees_the_console_of_a_stack_but_no_rows_of_patients(
    hospital: Hospital, command: Callable[..., int]
) -> None:
    assert command("status") == 0  # connects this process with the role's identity
    secret = "an-operator"  # noqa: S105 # of a console that nobody else can reach
    browser = create_app(ConsoleSite(open_stack(None, on_twin=False), secret)).test_client()
    browser.get(f"/?key={secret}")
    training = browser.get("/executions?of=training").get_data(as_text=True)
    run = re.findall(r'href="(/executions/training/[^"]+)"', training)[0]
    # Not /dashboards: the engine asks IAM about all dashboards, where AWS asks about the one that is read.
    for path in ("/", "/inbox", "/models/heart", run, "/findings"):
        shown = browser.get(path)
        assert shown.status_code == 200
        assert "AWS refused" not in shown.get_data(as_text=True), path
    assert browser.get(f"/batches/{scored(hospital)}/results.csv").status_code == 502
    assert "AWS refused" in browser.get("/ledger").get_data(as_text=True)


@pytest.mark.parametrize("command", MEANT, indirect=True)
def test_a_role_does_what_is_meant_for_it_and_nothing_of_the_others(
    command: Callable[..., int], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = request.node.callspec.params["command"]
    refused = []
    for words in MEANT[policy]:
        capsys.readouterr()
        if command(*words) != 0:
            refused.append(f"{' '.join(words)}: {capsys.readouterr().err}")
    assert not refused, "\n".join(refused)
    assert {words: command(*words) for words in OF_OTHERS[policy]} == dict.fromkeys(
        OF_OTHERS[policy], REFUSED
    )


def test_a_workflow_stops_its_own_stacks_jobs_and_no_others(hospital: Hospital) -> None:
    jobs = hospital.twin.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    [prefix] = {one["TrainingJobName"].partition("-")[0] for one in jobs}
    acting = hospital.acting_as(hospital.role("TrainingStateMachineRole"), "sagemaker")

    def answer(job: str) -> str:
        with pytest.raises(ClientError) as refused:
            acting.stop_training_job(TrainingJobName=job)
        return refused.value.response["Error"]["Code"]

    assert answer(f"{prefix}-no-such-job") != "AccessDeniedException"
    assert answer("0badf00d-heart-0123456789-xgboost-0") == "AccessDeniedException"
