"""What is not the candidate that was judged, shown and approved is refused, and the difference is named."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.aws.tables import approvals
from clinrisk.errors import DecisionMissing, EvidenceChanged, FeatureMismatch
from clinrisk.services.release.proofs import signatures
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import RUN, TrainedCandidate, WaitingExecution, evaluation

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def promotion(asked: RequestedApproval, **changes: Any) -> dict[str, Any]:
    """Return the event of a promotion, but for what the test changes."""
    event: dict[str, Any] = asked.candidate.promote_event(asked.judgement, asked.package, asked.approval_id)
    return event | changes


@pytest.fixture
def asked(stack: Stack) -> RequestedApproval:
    approved = RequestedApproval(stack, WaitingExecution(stack).token)
    assert approved.answer()["statusCode"] == 200
    return approved


def test_a_decision_about_another_package_is_no_decision_about_this_one(
    stack: Stack, asked: RequestedApproval
) -> None:
    with pytest.raises(DecisionMissing, match=r"^The recorded decision is about another candidate\.$"):
        stack.call("promote_candidate", promotion(asked, package_version=7))


def test_a_candidate_of_other_files_is_not_released(stack: Stack, asked: RequestedApproval) -> None:
    others = promotion(asked)["digests"] | {"report": "0" * 64}
    with pytest.raises(
        EvidenceChanged, match=r"^The candidate is not the one that the approver was shown\.$"
    ):
        stack.call("promote_candidate", promotion(asked, digests=others))


def test_a_decision_made_on_other_evidence_releases_nothing(stack: Stack, asked: RequestedApproval) -> None:
    table = stack.tables.Table("clinrisk-approvals")
    decided = approvals.find(asked.approval_id)
    other = signatures.sign(replace(decided, evidence=decided.evidence | {"report": "0" * 64}))
    table.update_item(
        Key={"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"},
        UpdateExpression="SET evidence = :other, signature = :signature",
        ExpressionAttributeValues={":other": other.evidence, ":signature": other.signature},
    )
    with pytest.raises(
        EvidenceChanged, match=r"^The decision was made on other evidence than this candidate's\.$"
    ):
        stack.call("promote_candidate", promotion(asked))


def test_a_candidate_of_other_features_is_not_released(
    stack: Stack, asked: RequestedApproval, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = use_cases.get("heart")
    fewer = replace(heart, columns=heart.columns[:-1])
    monkeypatch.setattr(use_cases, "get", lambda _: fewer)
    with pytest.raises(
        EvidenceChanged, match=r"^The use case's features are no longer those of the candidate\.$"
    ):
        stack.call("promote_candidate", promotion(asked))


def test_another_threshold_than_the_approved_one_is_refused(stack: Stack, asked: RequestedApproval) -> None:
    event = promotion(asked)
    with pytest.raises(EvidenceChanged, match=r"^The threshold is not the one that was approved\.$"):
        stack.call("promote_candidate", event | {"threshold": event["threshold"] + 1e-6})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"run_id": "heart-9999999999"}, "The evaluation belongs to another run."),
        ({"use_case": "stroke"}, "The evaluation belongs to another run."),
        (
            {"feature_digest": "0" * 64},
            "The evaluation was made with other features than this use case has.",
        ),
    ],
)
def test_an_evaluation_of_another_run_or_of_other_features_is_not_judged(
    stack: Stack, changes: dict[str, str], reason: str
) -> None:
    candidate = TrainedCandidate(stack, run_id=RUN)
    candidate.change("evaluation", json.dumps(evaluation() | changes).encode())
    with pytest.raises(FeatureMismatch, match=f"^{re.escape(reason)}$"):
        stack.call("judge_candidate", candidate.judge_event())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_the_page_answers_no_other_method(stack: Stack, method: str) -> None:
    waiting = RequestedApproval(stack)
    assert waiting.open(method)["statusCode"] == 405
