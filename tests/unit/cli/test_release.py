from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

APPROVAL = {
    "pk": "APPROVAL#a1",
    "sk": "STATE",
    "approval_id": "a1",
    "use_case": "heart",
    "status": "APPROVED",
    "task_token": "a-token-that-answers-for-the-approver",
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
    assert "stroke: nothing is live yet." in shown


@pytest.mark.usefixtures("_released")
def test_live_history_is_newest_first(clinrisk: Callable[..., Any]) -> None:
    told = clinrisk("live", "heart", "--history", "--json").json()["heart"]
    assert told["live"]["threshold"] == 0.31
    assert [one["live_version"] for one in told["history"]] == [2, 1]


@pytest.mark.usefixtures("_released")
def test_a_task_token_is_never_shown(clinrisk: Callable[..., Any]) -> None:
    for arguments in (["approvals"], ["approvals", "--json"], ["live", "--json"]):
        answer = clinrisk(*arguments)
        assert answer.code == 0
        assert APPROVAL["task_token"] not in answer.out + answer.err


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
    ("facts", "said"),
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
    deployment: Any, clinrisk: Callable[..., Any], facts: dict[str, Any], said: str
) -> None:
    deployment.item("ApprovalsTable", **APPROVAL | facts)
    [told] = clinrisk("approvals", "heart", "--json").json()
    assert told["outcome"] == said
    shown = " ".join(clinrisk("approvals", "heart").out.split())
    assert "what came of it" in shown
    assert all(word in shown for word in said.split())


def test_nothing_asked_and_nothing_live_are_sentences(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    assert "No candidate has asked" in clinrisk("approvals").out
    assert "heart: nothing is live yet." in clinrisk("live", "heart").out
