import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from clinrisk import use_cases
from clinrisk.core import object_keys
from clinrisk.core.release.obstacles import outdated, withdrawn
from clinrisk.messages.live_changes import ChangeQuestion
from tests.unit.cli.conftest import REGION

OUTDATED = outdated(1, 2, "heart-0123456789")
CANARY = "a-token-that-answers-for-the-approver"
APPROVAL = {
    "pk": "APPROVAL#a1",
    "sk": "STATE",
    "approval_id": "a1",
    "use_case": "heart",
    "status": "APPROVED",
    "task_token": CANARY,
    "package_version": 3,
    "created_at": "2026-03-01T10:00:00.000Z",
    "decided_at": "2026-03-01T11:00:00.000Z",
    "reason": "Calibration holds.",
}

LIVE = {
    "live_version": 2,
    "run_id": "heart-0123456789",
    "threshold": Decimal("0.31"),
    "approval_id": "a1",
    "promoted_at": "2026-03-01T11:01:00.000Z",
    "previous_version": 1,
    "digests": {"model": "ab" * 32, "champion_version": "1"},
    "evaluation_uri": "s3://lake/evaluation/heart/heart-0123456789/evaluation.json",
}


@pytest.fixture
def _released(deployment: Any) -> None:
    deployment.item("ApprovalsTable", pk="USE_CASE#heart", sk="2026-03-01T10:00:00.000Z#a1", approval_id="a1")
    deployment.item("ApprovalsTable", **APPROVAL)
    first = LIVE | {"live_version": 1, "previous_version": 0, "promoted_at": "2026-01-01T08:00:00.000Z"}
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="LIVE", **LIVE)
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="VERSION#00000002", **LIVE)
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="VERSION#00000001", **first)


@pytest.mark.usefixtures("_released")
def test_live_names_the_version_the_moment_the_decision_and_the_digests(
    clinrisk: Callable[..., Any],
) -> None:
    shown = clinrisk("live").out
    assert "heart: version 2, since 2026-03-01 11:01 UTC" in shown
    assert "ab" * 32 in shown
    assert "Calibration holds." in shown
    assert shown.count("no model is live yet") == len(use_cases.names()) - 1


@pytest.mark.usefixtures("_released")
def test_history_is_newest_first_and_states_from_when_until_when(clinrisk: Callable[..., Any]) -> None:
    newest, first = clinrisk("history", "heart", "--json").json()
    assert (newest["live_version"], newest["until"], newest["replaced"]) == (2, "", 1)
    assert (first["live_version"], first["until"]) == (1, newest["from"])
    assert (newest["by"], newest["reason"]) == ("the holder of the mailed link", "Calibration holds.")
    shown = clinrisk("history", "heart").out
    assert "heart: every live version" in shown
    assert shown.index("2026-03-01 11:01") < shown.index("2026-01-01 08:00")


@pytest.mark.usefixtures("_released")
def test_a_use_case_without_a_model_has_no_history(clinrisk: Callable[..., Any]) -> None:
    assert "No model of stroke was ever live." in clinrisk("history", "stroke").out


@pytest.mark.usefixtures("_released")
@pytest.mark.parametrize(
    ("at", "version"),
    [("2026-01-01", 1), ("2026-03-01T11:00:59", 1), ("2026-03-01T11:01:01", 2), ("2026-03-01", 2)],
)
def test_what_was_live_at_a_moment_is_shown(clinrisk: Callable[..., Any], at: str, version: int) -> None:
    assert clinrisk("live", "heart", "--at", at, "--json").json()["heart"]["live"]["live_version"] == version


@pytest.mark.usefixtures("_released")
def test_before_the_first_release_nothing_was_live(clinrisk: Callable[..., Any]) -> None:
    assert "heart: no model was live then." in clinrisk("live", "heart", "--at", "2025-12-31").out


@pytest.mark.usefixtures("_released")
def test_live_names_a_rollback_and_a_pause(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    asked = {"person": "arn:aws:iam::1:user/kim", "reason": "Too few women.", "execution": "run-1"}
    rollback = asked | {"restores": 1}
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="LIVE", **LIVE | {"rollback": rollback})
    pause = asked | {"use_case": "heart", "since": "2026-03-02T08:00:00.000Z", "ended_by": ""}
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="PAUSE", **pause)
    shown = clinrisk("live", "heart").out
    assert "It restores live version 1, by arn:aws:iam::1:user/kim: Too few women." in shown
    assert "countersigned" not in shown  # nobody was asked about rollbacks before
    assert "its results are paused since 2026-03-02 08:00 UTC" in shown
    assert "clinrisk resume heart --reason TEXT" in shown


@pytest.mark.usefixtures("_released")
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("OPEN", "No approver has countersigned it yet."),
        ("COUNTERSIGNED", "Countersigned by Bo Lind (technical)."),
        ("REFUSED", "NOT countersigned: Bo Lind (technical) refused. Version 2 was right."),
    ],
)
def test_live_names_what_approvers_say_of_a_rollback(
    deployment: Any, clinrisk: Callable[..., Any], status: str, words: str
) -> None:
    rollback = {"person": "kim", "reason": "Too few women.", "execution": "run-1", "restores": 1}
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="LIVE", **LIVE | {"rollback": rollback})
    bo = {"approver_id": "b0", "name": "Bo Lind", "role": "technical", "reason": "Version 2 was right."}
    decider = bo | {"decided_at": "2026-03-03T08:00:00.000Z", "shown": "ab" * 32}
    change = {"change_id": "heart.rollback.00000002", "change": "ROLL_BACK", "restores": 1, "due_at": 1}
    given = asked(**change, status=status, **({} if status == "OPEN" else {"decider": decider}))
    deployment.item("ApprovalsTable", **given)
    assert words in " ".join(clinrisk("live", "heart").out.split())


@pytest.mark.usefixtures("_released")
def test_nothing_that_answers_for_an_approver_is_shown(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    secrets = {"task_token": CANARY, "nonce": CANARY, "mac": CANARY, "kept_later": {"inside": CANARY}}
    deployment.item("ApprovalsTable", **APPROVAL | secrets)
    for verb in ("approvals", "live"):
        for options in ([], ["--json"], ["heart"]):
            answer = clinrisk(verb, *options)
            assert answer.code == 0
            assert "Calibration holds." in answer.out or verb == "approvals"
            assert CANARY not in answer.out + answer.err


@pytest.mark.usefixtures("_released")
def test_approvals_show_who_decided_what_and_why(clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("approvals").out
    assert "APPROVED" in shown
    assert "Calibration holds." in shown


def test_open_approvals_show_until_when(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    deployment.item("ApprovalsTable", pk="USE_CASE#heart", sk="2026#a2", approval_id="a2")
    open_one = {"status": "PENDING", "expires_at": 1_772_359_200, "created_at": "2026-02-22T10:00:00.000Z"}
    deployment.item("ApprovalsTable", pk="APPROVAL#a2", sk="STATE", approval_id="a2", **open_one)
    assert "open until 2026-03-01 10:00 UTC" in clinrisk("approvals", "heart").out


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"live_version": 2}, "Live version 2."),
        (
            {"refusal": OUTDATED},
            f"Not released. {OUTDATED}",
        ),
        (
            {
                "status": "PENDING",
                "digests": {"champion_version": "1"},
                "run_id": "heart-0123456789",
            },
            OUTDATED,
        ),
        ({"status": "PENDING", "digests": {"champion_version": "2"}}, ""),
    ],
)
@pytest.mark.usefixtures("_released")
def test_approvals_show_what_came_of_them(
    deployment: Any, clinrisk: Callable[..., Any], facts: dict[str, Any], outcome: str
) -> None:
    deployment.item("ApprovalsTable", **APPROVAL | facts)
    [approval] = clinrisk("approvals", "heart", "--json").json()
    assert approval["outcome"] == outcome
    shown = " ".join(clinrisk("approvals", "heart").out.split())
    assert all(word in shown for word in outcome.split())


def test_a_candidate_that_learned_from_a_withdrawn_file_is_named(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    digests = {"champion_version": "0", "manifest": "ab" * 32}
    waiting = {"status": "PENDING", "run_id": "heart-0123456789", "digests": digests}
    deployment.item("ApprovalsTable", pk="USE_CASE#heart", sk="2026#a1", approval_id="a1")
    deployment.item("ApprovalsTable", **APPROVAL | waiting)
    source = {"key": "inbox/heart/training/march.csv", "upload_id": "3f"}
    deployment.write("LakeBucket", object_keys.manifest("heart", "heart-0123456789"), {"sources": [source]})
    [approval] = clinrisk("approvals", "heart", "--json").json()
    assert approval["outcome"] == withdrawn([source], set(), "heart")
    assert "march.csv" in approval["outcome"]


def test_nothing_asked_and_nothing_live_are_sentences(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "No candidate" in clinrisk("approvals").out
    assert "heart: no model is live yet." in clinrisk("live", "heart").out


def started(deployment: Any, machine: str = "Training") -> list[dict[str, Any]]:
    """Return the executions of a state machine: each its name and what it was given."""
    client = boto3.client("stepfunctions", REGION)
    arn = deployment.outputs[f"{machine}StateMachine"]
    listed = client.list_executions(stateMachineArn=arn)["executions"]
    described = [client.describe_execution(executionArn=one["executionArn"]) for one in listed]
    return [{"name": one["name"]} | json.loads(one["input"]) for one in described]


def test_train_starts_a_run_whose_name_every_job_may_bear(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk("train", "heart", "--reason", "It was stopped.", "--json").json()
    [run] = started(deployment)
    asked = {"use_case": "heart", "reason": "It was stopped.", "person": run["person"]}
    assert run == asked | {"name": answer["run_id"]}
    assert run["person"].startswith("arn:aws:sts:")
    assert re.fullmatch("heart-[0-9a-f]{10}", answer["run_id"])


def test_a_model_that_is_not_ours_is_never_trained_and_its_reference_is_asked_for(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    refused = clinrisk("train", "readmission", "--reason", "It got worse.")
    assert (refused.code, "nothing is trained here" in refused.err) == (1, True)
    assert "clinrisk reference readmission" in refused.err
    refused = clinrisk("reference", "heart", "--cohort", "Everybody")
    assert (refused.code, "is ours" in refused.err) == (1, True)
    refused = clinrisk("pause", "readmission", "--reason", "It got worse.")
    assert (refused.code, "Example Vendor" in refused.err) == (1, True)
    given = ("--cohort", "Discharges of January", "--upload", "a" * 20, "--upload", "b" * 20)
    answer = clinrisk("reference", "readmission", *given, "--json").json()
    assert started(deployment) == []
    [run] = started(deployment, "Release")
    assert run == {
        "name": answer["run_id"],
        "change": "ACCEPT_REFERENCE",
        "use_case": "readmission",
        "run_id": answer["run_id"],
        "cohort": "Discharges of January",
        "uploads": ["a" * 20, "b" * 20],
        "person": run["person"],
    }


def test_the_same_command_twice_is_one_run(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.executions.now", lambda: datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC))
    names = {clinrisk("train", "heart", "--reason", "Again.", "--json").json()["run_id"] for _ in range(2)}
    assert len(names) == len(started(deployment)) == 1


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {"status": "EXPIRED"},
        {"status": "OVERTAKEN"},
        {"status": "STOPPED"},
        {"status": "PENDING", "digests": {"champion_version": "1"}},
    ],
)
@pytest.mark.usefixtures("_released")
def test_evaluate_starts_with_the_models_of_the_run(
    deployment: Any, clinrisk: Callable[..., Any], facts: dict[str, Any] | None
) -> None:
    question_about(deployment, "heart-2222222222", facts)
    answer = clinrisk("evaluate", "heart-2222222222", "--reason", "Another is live.", "--json")
    assert answer.code == 0, answer.err
    [run] = started(deployment)
    assert run["name"].startswith("heart-2222222222-evaluate-")
    assert (run["use_case"], run["run_id"]) == ("heart", "heart-2222222222")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"status": "PENDING", "digests": {"champion_version": "2"}}, "is open"),
        ({"status": "REJECTED"}, "clinrisk train heart --reason TEXT"),
        ({"status": "APPROVED", "live_version": 2}, "was released"),
    ],
)
@pytest.mark.usefixtures("_released")
def test_evaluate_leaves_alone_what_is_decided_or_still_asked(
    deployment: Any, clinrisk: Callable[..., Any], facts: dict[str, Any], words: str
) -> None:
    question_about(deployment, "heart-2222222222", facts)
    answer = clinrisk("evaluate", "heart-2222222222", "--reason", "Again.")
    assert answer.code == 1
    assert words in answer.err
    assert started(deployment) == []


def test_evaluate_of_an_unknown_run_is_refused(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    answer = clinrisk("evaluate", "heart-9999999999", "--reason", "Again.")
    assert (answer.code, started(deployment)) == (1, [])
    assert "no training run" in answer.err


def question_about(deployment: Any, run: str, facts: dict[str, Any] | None) -> None:
    """Let a run have its plan and, with `facts`, a question."""
    deployment.write("LakeBucket", f"training/heart/{run}/plan/plan.json", {})
    if facts is not None:
        deployment.item("ApprovalsTable", pk="USE_CASE#heart", sk="2026-04#a2", approval_id="a2")
        item = {"pk": "APPROVAL#a2", "sk": "STATE", "approval_id": "a2", "run_id": run}
        deployment.item("ApprovalsTable", **item, **facts)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"deciders": [{"name": "Ann Lee", "role": "clinical"}]}, "Ann Lee (clinical)"),
        (
            {
                "deciders": [
                    {"name": "Ann Lee", "role": "clinical"},
                    {"name": "Bo Berg", "role": "technical"},
                ]
            },
            "Ann Lee (clinical) and Bo Berg (technical)",
        ),
        ({}, "the holder of the mailed link"),
        (
            {"status": "PENDING", "agreement": {"deciders": [{"name": "Ann Lee", "role": "clinical"}]}},
            "first yes: Ann Lee (clinical)",
        ),
    ],
)
@pytest.mark.usefixtures("_released")
def test_approvals_and_live_name_who_decided(
    deployment: Any, clinrisk: Callable[..., Any], facts: dict[str, Any], words: str
) -> None:
    deployment.item("ApprovalsTable", **APPROVAL | facts)
    for verb in ("approvals", "live"):
        assert words in " ".join(clinrisk(verb, "heart").out.split()) or verb == "approvals"
    assert words.split(maxsplit=1)[0] in clinrisk("approvals", "heart").out


def asked(**changes: Any) -> dict[str, Any]:
    """Return a question about the end of a pause, as its workflow stores it."""
    question = ChangeQuestion(
        change_id="heart.resume.0a0b",
        use_case="heart",
        change="RESUME",
        person="arn:aws:iam::1:user/kim",
        reason="The units are as before.",
        execution="run-1",
        asked_at="2026-03-02T08:00:00.000Z",
        expires_at=4_000_000_000,
        live_version=2,
        task_token=CANARY,
    )
    item = question.model_dump() | {"pk": "CHANGES#heart", "sk": question.change_id} | changes
    return item | {"sk": item["change_id"]}


def test_resume_asks_an_approver_and_says_so(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0a0b0c0d")
    execution = deployment.outputs["ReleaseStateMachine"].replace(":stateMachine:", ":execution:")
    # The workflow asks a moment later.
    monkeypatch.setattr(
        "time.sleep",
        lambda _: deployment.item("ApprovalsTable", **asked(execution=f"{execution}:resume-heart-0a0b0c0d")),
    )
    shown = clinrisk("resume", "heart", "--reason", "The units are as before.")
    assert "results stay paused until one agrees: nobody can answer yet" in " ".join(shown.out.split())
    assert CANARY not in shown.out
    monkeypatch.setattr(secrets, "token_hex", lambda _: "0a0b0c0e")
    deployment.item("ApprovalsTable", **asked(execution=f"{execution}:resume-heart-0a0b0c0e"))
    answer = clinrisk("resume", "heart", "--reason", "The units are as before.", "--json")
    assert (answer.json()["change_id"], answer.json()["approvers"]) == ("heart.resume.0a0b", [])
    assert CANARY not in answer.out


def test_resume_names_why_nobody_is_asked(
    deployment: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = boto3.client("stepfunctions", REGION)

    def stop(_: float) -> None:
        machine = deployment.outputs["ReleaseStateMachine"]
        [one] = states.list_executions(stateMachineArn=machine)["executions"]
        states.stop_execution(
            executionArn=one["executionArn"], error="ChangeRefused", cause="It is not paused."
        )

    monkeypatch.setattr("time.sleep", stop)
    answer = clinrisk("resume", "heart", "--reason", "The units are as before.")
    assert (answer.code, "It was not completed" in answer.err) == (1, True)


def test_status_lists_what_waits_for_an_approver(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    rollback = {"change_id": "heart.rollback.00000003", "change": "ROLL_BACK", "restores": 1, "due_at": 1}
    deployment.item("ApprovalsTable", **asked())
    deployment.item("ApprovalsTable", **asked(**rollback))
    deployment.item("ApprovalsTable", **asked(change_id="heart.resume.1", expires_at=1))
    deployment.item("ApprovalsTable", **asked(change_id="heart.resume.2", status="COUNTERSIGNED"))
    shown = " ".join(clinrisk("status").out.split())
    assert (
        "heart: the rollback to version 1, by arn:aws:iam::1:user/kim, waits for an approver, until" in shown
    )
    assert shown.count("heart: the end of the pause") == 1
    assert shown.count("clinrisk approvers resend heart") == 2
    assert CANARY not in shown
