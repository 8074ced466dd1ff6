"""Approval policies are read from one file, and each one's digest stands in a decision page."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from clinrisk import use_cases
from clinrisk.use_cases import approval_policy
from clinrisk.use_cases.approval_policy import ApprovalPolicy, policies_text, policy_of
from tests.unit.structure.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    policy_of.cache_clear()
    yield
    policy_of.cache_clear()


@pytest.mark.parametrize("name", sorted(tomllib.loads(policies_text())))
def test_a_policy_changes_only_with_a_page_that_records_its_digest(name: str) -> None:
    stated = ApprovalPolicy(**tomllib.loads(policies_text())[name])
    pages = "".join(page.read_text() for page in (ROOT / "docs/decisions").glob("*.md"))
    assert f"| {name} | {stated.quorum} | `{stated.digest}` |" in pages


def test_a_use_case_that_nothing_is_stated_about_takes_two_people() -> None:
    assert policy_of("a-new-one") == ApprovalPolicy(quorum=2)
    stated = tomllib.loads(policies_text()).keys() - {"default"}
    assert stated <= set(use_cases.names())
    assert {policy_of(name).quorum for name in stated} == {1}


@pytest.mark.parametrize("quorum", [0, 3, -1])
def test_a_quorum_that_nobody_could_reach_is_refused(quorum: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 2"):
        ApprovalPolicy(quorum=quorum)


def test_nobody_can_countersign_in_no_time() -> None:
    with pytest.raises(ValueError, match="an hour at least"):
        ApprovalPolicy(quorum=1, countersign_hours=0)


def test_nobody_is_mailed_whose_address_is_not_known() -> None:
    with pytest.raises(ValueError, match="No mail reaches 'the board'"):
        ApprovalPolicy(quorum=1, escalation="the board")


def test_a_policy_states_nothing_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approval_policy, "policies_text", lambda: "[default]\nquorum = 1\nday = 3")
    with pytest.raises(TypeError):
        policy_of("heart")


@pytest.mark.parametrize(
    ("quorum", "roles", "enough"),
    [
        (1, [], False),
        (1, ["clinical"], True),
        (1, ["technical"], True),
        (2, ["clinical"], False),
        (2, ["clinical", "clinical"], False),
        (2, ["clinical", "technical"], True),
        (2, ["technical", "technical", "clinical"], True),
    ],
)
def test_a_gate_is_open_when_as_many_roles_as_the_quorum_are_there(
    quorum: int,
    roles: list[str],
    enough: bool,  # noqa: FBT001 - expected
) -> None:
    assert (ApprovalPolicy(quorum).lacking([(role, "") for role in roles]) == "") is enough
