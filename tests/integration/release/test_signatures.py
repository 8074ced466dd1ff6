"""A decision is signed when it is taken; whatever was altered or invented since releases nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from clinrisk.aws import clients, kms
from clinrisk.aws.tables import approvals, deployments
from clinrisk.errors import ClinriskError, DecisionForged, DecisionMissing, EvidenceChanged
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def asked(stack: Stack) -> RequestedApproval:
    return RequestedApproval(stack, WaitingExecution(stack).token)


def alter(asked: RequestedApproval, **changes: Any) -> None:
    """Write into the row of a question, as somebody with rights on the table could."""
    table = asked.stack.tables.Table("clinrisk-approvals")
    key = {"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"}
    table.put_item(Item=table.get_item(Key=key)["Item"] | changes)


def test_the_ledger_has_the_decision_with_a_signature_of_all_of_it(
    stack: Stack, asked: RequestedApproval
) -> None:
    asked.answer()
    [decided] = stack.ledger("decided")
    entry = decided["body"]
    signature = entry.pop("signature")
    content = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert kms.verify(content, signature)
    assert not kms.verify(content.replace(b"Well", b"Badly"), signature)
    assert isinstance(load_der_public_key(kms.public_key()), EllipticCurvePublicKey)
    assert {"digests", "evidence", "accepted", "reason", "decided_at", "package_version"} <= set(entry)


def test_a_row_that_was_edited_to_approved_releases_nothing(asked: RequestedApproval) -> None:
    decision = {"decision": "APPROVED", "reason": "Fine.", "decided_at": "2026-03-01T09:30:00.000Z"}
    alter(asked, status="APPROVED", **decision)
    with pytest.raises(DecisionForged, match="the approval page did not take it, or it was altered since"):
        asked.promote()
    assert deployments.current("heart") is None


def test_a_package_that_is_approved_in_the_console_releases_nothing(
    stack: Stack, asked: RequestedApproval
) -> None:
    stack.sagemaker.update_model_package(
        ModelPackageArn=asked.package[0], ModelApprovalStatus="Approved", ApprovalDescription="By hand."
    )
    with pytest.raises(DecisionMissing):
        asked.promote()
    assert deployments.current("heart") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "Another one."},
        {"decided_at": "2026-03-01T09:30:00.001Z"},
        {"accepted": []},
        {"signature": ""},
        {"signature": "not base64"},
        {"signature": "c2lnbmVk"},
        {"evidence": {}},
    ],
    ids=lambda changes: f"{next(iter(changes))}={next(iter(changes.values()))}",
)
def test_a_decision_of_which_one_part_was_altered_releases_nothing(
    asked: RequestedApproval, changes: dict[str, Any]
) -> None:
    asked.answer()
    alter(asked, **changes)
    with pytest.raises(DecisionForged):
        asked.promote()
    assert deployments.current("heart") is None


def test_a_signature_of_another_decision_does_not_hold(stack: Stack, asked: RequestedApproval) -> None:
    other = RequestedApproval(stack, WaitingExecution(stack, "other").token, "heart-9999999999")
    for one in (asked, other):
        one.answer()
    alter(asked, signature=approvals.find(other.approval_id).signature)
    with pytest.raises(DecisionForged):
        asked.promote()


def test_a_no_that_was_turned_into_a_yes_releases_nothing(asked: RequestedApproval) -> None:
    asked.answer("reject")
    alter(asked, status="APPROVED", decision="APPROVED")
    with pytest.raises((DecisionForged, DecisionMissing)):
        asked.promote()


def test_a_key_that_is_not_to_be_had_decides_nothing_and_the_page_states_so(
    asked: RequestedApproval, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"decision": "approve", "version": "1", "reason": "Well calibrated."} | asked.carry()
    form["code"] = asked.phone.code()
    monkeypatch.setattr(clients.kms(), "sign", refuse)
    answer = asked.open("POST", form=form)
    assert (answer["statusCode"], "Nothing was changed" in answer["body"]) == (409, True)
    assert approvals.find(asked.approval_id).status == "PENDING"


def refuse(**_: Any) -> None:
    raise ClientError({"Error": {"Code": "DisabledException", "Message": "It is disabled."}}, "Sign")


def test_the_reference_that_batches_are_judged_by_is_one_of_the_digests(asked: RequestedApproval) -> None:
    asked.answer()
    asked.candidate.change("reference", b'{"altered": true}')
    with pytest.raises(EvidenceChanged, match="The reference has changed"):
        asked.promote()
    assert issubclass(EvidenceChanged, ClinriskError)
