from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from clinrisk import use_cases

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


@pytest.fixture
def _released(deployment: Any) -> None:
    deployment.item("ApprovalsTable", pk="USE_CASE#heart", sk="2026-03-01T10:00:00.000Z#a1", approval_id="a1")
    deployment.item("ApprovalsTable", **APPROVAL)
    live = {
        "live_version": 2,
        "run_id": "heart-0123456789",
        "threshold": Decimal("0.31"),
        "approval_id": "a1",
        "promoted_at": "2026-03-01T11:01:00.000Z",
        "digests": {"model": "ab" * 32},
    }
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="LIVE", **live)
    deployment.item("DeploymentsTable", pk="USE_CASE#heart", sk="VERSION#00000002", **live)
    deployment.item(
        "DeploymentsTable", pk="USE_CASE#heart", sk="VERSION#00000001", **live | {"live_version": 1}
    )


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
def test_live_history_is_newest_first(clinrisk: Callable[..., Any]) -> None:
    heart = clinrisk("live", "heart", "--history", "--json").json()["heart"]
    assert heart["live"]["threshold"] == 0.31
    assert [one["live_version"] for one in heart["history"]] == [2, 1]
    shown = clinrisk("live", "heart", "--history").out
    assert shown.index("every live version") < shown.rindex("2 ") < shown.rindex("1 ")


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
            {"refusal": "The evidence compares with live version 1, version 2 is live: evaluate again."},
            "Not released. The evidence compares with live version 1, version 2 is live: evaluate again.",
        ),
        (
            {"status": "PENDING", "digests": {"champion_version": "1"}},
            "The evidence compares with live version 1, version 2 is live: evaluate again.",
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


def test_nothing_asked_and_nothing_live_are_sentences(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "No candidate" in clinrisk("approvals").out
    assert "heart: no model is live yet." in clinrisk("live", "heart").out
