"""Every format that stored items and waiting messages ever had is read: one example of each.

An item without a number was written before formats had one. A later format is refused in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import dynamodb
from clinrisk.aws.tables import approvals, approvers, change_questions, deployments, pauses
from clinrisk.errors import FormatUnknown
from clinrisk.messages.live_changes import SetPauseRequest
from clinrisk.messages.release import ApprovalRequest, ReleaseRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

KIM = "arn:aws:iam::123456789012:user/kim"
FIRST_DIGESTS = {
    "model": "a" * 64,
    "manifest": "b" * 64,
    "evaluation": "d" * 64,
    "report": "c" * 64,
    "model_card": "1" * 64,
    "model_card_chai": "2" * 64,
    "model_card_hti1": "3" * 64,
    "code": "e" * 64,
    "features": "f" * 64,
    "image": "xgboost:3.2-0",
    "threshold": "0.31",
    "champion_version": "0",
}
DIGESTS = FIRST_DIGESTS | {"reference": "4" * 64}
CANDIDATE: dict[str, Any] = {
    "use_case": "heart",
    "run_id": "heart-0123456789",
    "package_arn": "arn:aws:sagemaker:eu-central-1:123456789012:model-package/clinrisk-heart/7",
    "package_version": 7,
    "digests": FIRST_DIGESTS,
    "evaluation_uri": "s3://lake/evaluation.json",
}
DECIDER = {
    "approver_id": "0f1e2d3c4b5a",
    "name": "Ann Lee",
    "role": "clinical",
    "decided_at": "2026-03-01T11:00:00.000Z",
    "reason": "Well calibrated.",
    "shown": "5" * 64,
}

# Approvals: the question before decisions were signed, before approvers were people, before it stated who
# asked, and since items have a number.
ASKED = CANDIDATE | {
    "approval_id": "a1",
    "summary": "AUC .90",
    "unmet": [],
    "report_uri": "s3://results/report.html",
    "created_at": "2026-03-01T10:00:00.000Z",
    "expires_at": 4_000_000_000,
    "status": "PENDING",
    "delivered": False,
    "task_token": "token",
}
SIGNED = ASKED | {
    "digests": DIGESTS,
    "execution": "arn:aws:states:eu-central-1:123456789012:execution:release:heart-0123456789",
    "status": "APPROVED",
    "decision": "APPROVED",
    "reason": "Well calibrated.",
    "decided_at": "2026-03-01T11:00:00.000Z",
    "evidence": {"evaluation": "d" * 64},
    "accepted": [],
    "signature": "c2lnbmVk",
}
NAMED = SIGNED | {"deciders": [DECIDER], "quorum": 1, "policy": "6" * 64}
APPROVALS = {
    "unsigned": ASKED,
    "signed": SIGNED,
    "by people": NAMED,
    "first of two": ASKED | {"agreement": {"decision": "APPROVED", "deciders": [DECIDER], "accepted": []}},
    "with who asked": NAMED | {"asked_by": KIM, "reminded": True},
    "numbered": NAMED | {"asked_by": "", "format": 1},
}

APPROVER = {
    "approver_id": "0f1e2d3c4b5a",
    "name": "Ann Lee",
    "mail": "ann.lee@example.org",
    "role": "clinical",
    "use_cases": ["heart"],
    "state": "ENROLLED",
    "added_at": "2026-03-01T10:00:00.000Z",
    "subscription": "arn:aws:sns:eu-central-1:123456789012:approvals:1",
    "invitation": 1,
    "invited_until": 1_772_700_000,
    "attempts": 5,
    "wrong_codes": 5,
    "used_step": 59_000_000,
    "seed": "c2VlZA==",
}
APPROVERS = {
    "as people": APPROVER,
    "with identity and lock": APPROVER | {"identity": KIM, "locked_until": 1_772_700_000},
    "numbered": APPROVER | {"identity": "", "locked_until": 0, "format": 1},
}

LIVE = CANDIDATE | {
    "model_name": "heart-0123456789-model-0",
    "threshold": 0.31,
    "model_uri": "s3://lake/model.tar.gz",
    "reference_uri": "s3://lake/reference.json",
    "live_version": 1,
    "feature_digest": "f" * 64,
    "approval_id": "a1",
    "promoted_at": "2026-03-01T11:01:00.000Z",
    "previous_version": 0,
}
DECISION = {
    "decision": "APPROVED",
    "decided_at": "2026-03-01T11:00:00.000Z",
    "reason": "Well calibrated.",
    "evidence": {"evaluation": "d" * 64},
    "accepted": [],
    "signature": "c2lnbmVk",
    "format": 3,
}
MODELS = {
    "unsigned": LIVE,
    "signed": LIVE | {"digests": DIGESTS, "schema_version": 1, "decision": DECISION},
    "by people": LIVE
    | {"decision": DECISION | {"format": 4, "deciders": [DECIDER], "quorum": 1, "policy": "6" * 64}},
    "rolled back": LIVE
    | {"rollback": {"restores": 1, "person": KIM, "reason": "Too few women.", "execution": "run-1"}},
}

PAUSE = {
    "use_case": "heart",
    "person": KIM,
    "reason": "The laboratory has changed its units.",
    "since": "2026-03-01T10:00:00.000Z",
    "execution": "pause-1",
    "ended_by": "",
}
CHANGE: dict[str, Any] = {
    "change_id": "heart.resume.0a0b0c0d0e0f",
    "use_case": "heart",
    "change": "RESUME",
    "person": KIM,
    "reason": "The units are as before.",
    "execution": "resume-1",
    "asked_at": "2026-03-01T12:00:00.000Z",
    "expires_at": 4_000_000_000,
    "live_version": 1,
    "pause": PAUSE,
    "task_token": "token",
    "status": "OPEN",
    "format": 1,
}


def store(stack: Stack, table: str, key: tuple[str, str], item: dict[str, Any]) -> None:
    dynamodb.write(stack.environment[f"{table}_TABLE"], dynamodb.key_of(key) | item)


@pytest.mark.parametrize("name", APPROVALS)
def test_a_question_of_every_format_is_read(stack: Stack, name: str) -> None:
    store(stack, "APPROVALS", ("APPROVAL#a1", "STATE"), APPROVALS[name])
    found = approvals.find("a1")
    assert (found.run_id, found.package_version, found.status) == (
        "heart-0123456789",
        7,
        APPROVALS[name]["status"],
    )
    assert found.asked_by == APPROVALS[name].get("asked_by", "")


@pytest.mark.parametrize("name", APPROVERS)
def test_an_approver_of_every_format_is_read(stack: Stack, name: str) -> None:
    store(stack, "APPROVERS", ("APPROVERS", "0f1e2d3c4b5a"), APPROVERS[name])
    found = approvers.find("0f1e2d3c4b5a")
    assert (found.name, found.use_cases, found.identity) == (
        "Ann Lee",
        ("heart",),
        APPROVERS[name].get("identity", ""),
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_live_model_of_every_format_is_read(stack: Stack, name: str) -> None:
    store(stack, "DEPLOYMENTS", ("USE_CASE#heart", "LIVE"), MODELS[name])
    found = deployments.live("heart")
    assert (found.live_version, found.rollback is not None) == (1, name == "rolled back")


def test_a_pause_and_a_change_that_waits_are_read(stack: Stack) -> None:
    store(stack, "DEPLOYMENTS", ("USE_CASE#heart", "PAUSE"), PAUSE)
    store(stack, "APPROVALS", ("CHANGES#heart", CHANGE["change_id"]), CHANGE)
    found = pauses.current("heart")
    assert change_questions.find(CHANGE["change_id"]).pause == found


WAITING: dict[str, tuple[Any, dict[str, Any]]] = {
    "release, before it stated who asked": (
        ReleaseRequest,
        {name: LIVE[name] for name in (*CANDIDATE, "model_name", "threshold", "model_uri", "reference_uri")}
        | {"summary": "AUC .90", "unmet": [], "report_uri": "s3://results/report.html"},
    ),
    "approval, before it stated who asked": (
        ApprovalRequest,
        CANDIDATE
        | {
            "execution": "run-1",
            "task_token": "token",
            "summary": "AUC .90",
            "report_uri": "s3://results/report.html",
            "unmet": [],
        },
    ),
    "pause, before its end took an approver": (
        SetPauseRequest,
        {
            "use_case": "heart",
            "change": "RESUME",
            "person": KIM,
            "reason": "As before.",
            "execution": "run-1",
        },
    ),
}


@pytest.mark.parametrize("name", WAITING)
def test_a_message_of_every_format_that_may_wait_is_read(name: str) -> None:
    kind, message = WAITING[name]
    assert kind.model_validate(message).use_case == "heart"


@pytest.mark.parametrize(
    ("table", "key", "item", "read"),
    [
        ("APPROVALS", ("APPROVAL#a1", "STATE"), APPROVALS["numbered"], lambda: approvals.find("a1")),
        (
            "APPROVERS",
            ("APPROVERS", "0f1e2d3c4b5a"),
            APPROVERS["numbered"],
            lambda: approvers.find("0f1e2d3c4b5a"),
        ),
        (
            "APPROVALS",
            ("CHANGES#heart", CHANGE["change_id"]),
            CHANGE,
            lambda: change_questions.find(CHANGE["change_id"]),
        ),
    ],
    ids=["approval", "approver", "change"],
)
def test_a_later_format_is_refused_in_words(
    stack: Stack, table: str, key: tuple[str, str], item: dict[str, Any], read: Callable[[], Any]
) -> None:
    store(stack, table, key, item | {"format": 2})
    with pytest.raises(FormatUnknown, match="written by a later version"):
        read()
