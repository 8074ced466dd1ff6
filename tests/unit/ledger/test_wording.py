"""Every event that the system writes has its words, and no word of it can move a cursor."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.core.ingest.upload_decisions import UploadDecisionEntry
from clinrisk.core.ledger.wording import in_words
from clinrisk.core.monitoring.alert_entry import AlertEntry
from clinrisk.core.monitoring.memory.finding_entry import FindingEntry
from clinrisk.core.release.approver_entries import (
    ApproverAddedEntry,
    ApproverEnrolledEntry,
    ApproverIdentifiedEntry,
    ApproverInvitedEntry,
    ApproverLockedEntry,
    ApproverRemovedEntry,
    PageOpenedEntry,
    WrongCodeEntry,
)
from clinrisk.core.release.change_entries import (
    ChangeQuestionEntry,
    CountersignatureEntry,
    PauseEntry,
    ResumeEntry,
)
from clinrisk.core.release.ledger_entries import (
    AgreementEntry,
    ClosedQuestionEntry,
    DecisionEntry,
    QuestionEntry,
    RefusalEntry,
    ReleaseEntry,
)
from clinrisk.core.scoring.replay_entry import ReplayEntry
from clinrisk.core.training.deployment_entry import DeploymentEntry

if TYPE_CHECKING:
    from clinrisk.core.ledger.events import LedgerEvent

KINDS: list[type[Any]] = [
    *(QuestionEntry, ClosedQuestionEntry, DecisionEntry, ReleaseEntry, RefusalEntry),
    *(AgreementEntry, UploadDecisionEntry, AlertEntry, FindingEntry, DeploymentEntry),
    *(ApproverAddedEntry, ApproverInvitedEntry, ApproverEnrolledEntry, ApproverRemovedEntry),
    *(WrongCodeEntry, ApproverLockedEntry, PageOpenedEntry, ApproverIdentifiedEntry),
    *(PauseEntry, ResumeEntry, ChangeQuestionEntry, CountersignatureEntry, ReplayEntry),
]

_NUMBERS: dict[type[Any], dict[str, Any]] = {ReleaseEntry: {"live_version": 3}, FindingEntry: {"number": 3}}


def body(kind: type[Any]) -> dict[str, Any]:
    """Return a body of this kind whose facts are the names of its fields."""
    person = {name: name for name in ("approver_id", "name", "role", "decided_at", "reason")}
    lists = {
        "checks": ["checks", "more"],
        "deciders": [person],
        "decider": person,
        "number": 7,
        "since": "began_at",
    }
    return {one.name: lists.get(one.name, one.name) for one in fields(kind)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_event_has_words_and_an_identity_and_a_moment_of_its_own(kind: type[Any]) -> None:
    facts = body(kind) | _NUMBERS.get(kind, {})
    event: LedgerEvent = kind(**facts)
    assert in_words(event.event_name, body(kind))
    assert event.identity
    assert event.moment.endswith("_at")
    assert event.first_stands <= event.body().keys()


def test_no_two_events_share_a_name() -> None:
    assert len({kind.event_name for kind in KINDS}) == len(KINDS)


def test_what_happened_has_who_and_why() -> None:
    assert (
        in_words("decided", body(DecisionEntry))
        == "decision by name (role), version package_version of run run_id: reason"
    )
    earlier = body(DecisionEntry) | {"deciders": []}
    assert in_words("decided", earlier).startswith("decision by the holder of the mailed link, version")
    assert in_words("alerted", body(AlertEntry)) == "response after run run: checks, more"


def test_an_event_of_a_later_version_has_no_words() -> None:
    assert in_words("put on a shelf", {}) == ""


def test_what_cannot_be_printed_is_a_question_mark() -> None:
    facts = body(RefusalEntry) | {"refusal": "No\x1b[2J\u202e."}
    assert in_words("not released", facts).endswith("No?[2J?.")
