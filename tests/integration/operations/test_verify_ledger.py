"""Verify Ledger: the ledger, its signatures and what is live, every day; a metric counts a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import ledger
from clinrisk.aws.tables import change_questions, pauses
from clinrisk.aws.telemetry import Metric
from clinrisk.core.release.change_entries import ResumeEntry
from clinrisk.services.release.approvers import countersignatures
from tests.integration.asked_change import asked_to_resume
from tests.integration.emitted_metrics import emitted, metrics_in
from tests.integration.events import events_of, read_event
from tests.integration.released_models import roll_back, two_releases

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

EVENT = read_event("verify_ledger.schedule")


@pytest.mark.parametrize("name", events_of("verify_ledger"))
def test_a_ledger_that_holds_is_counted_with_the_digest_of_its_newest_entry(stack: Stack, name: str) -> None:
    two_releases(stack)
    roll_back(stack)
    entries = ledger.entries()
    found = stack.call("verify_ledger", read_event(name))
    assert found == {"entries": len(entries), "head": entries[-1].sha256, "difference": ""}


def test_a_stack_without_any_event_holds(stack: Stack) -> None:
    assert stack.call("verify_ledger", EVENT) == {"entries": 0, "head": "0" * 64, "difference": ""}


def edit_a_byte(stack: Stack) -> None:
    key = "ledger/000000000002.json"
    stack.put("audit", key, stack.read(f"s3://clinrisk-audit/{key}").replace(b"heart", b"stone", 1))


def edit_the_pointer(stack: Stack) -> None:
    table = stack.tables.Table(stack.environment["DEPLOYMENTS_TABLE"])
    change: dict[str, Any] = {":version": 9}
    table.update_item(
        Key={"pk": "USE_CASE#heart", "sk": "LIVE"},
        UpdateExpression="SET package_version = :version",
        ExpressionAttributeValues=change,
    )


def lift_a_pause(stack: Stack) -> None:
    stack.call("set_pause", read_event("set_pause.heart"))
    table = stack.tables.Table(stack.environment["DEPLOYMENTS_TABLE"])
    table.delete_item(Key={"pk": "USE_CASE#heart", "sk": "PAUSE"})


def end_a_pause_unasked(stack: Stack) -> None:
    stack.call("set_pause", read_event("set_pause.heart"))
    pause = pauses.current("heart")
    assert pause is not None
    facts = pause.model_dump(include={"use_case", "person", "reason", "execution"})
    forged: dict[str, Any] = {
        "paused_since": pause.since,
        "resumed_at": pause.since,
        "change_id": "heart.resume.1",
    }
    ledger.append(ResumeEntry(**facts, **forged))
    pauses.end(pause, "run-2")


def forge_a_countersignature(stack: Stack) -> None:
    asked = asked_to_resume(stack)
    asked.answer("refuse")
    answered = change_questions.find(asked.change_id)
    other = answered.model_copy(update={"change_id": "heart.resume.2"})
    ledger.append(countersignatures.entry_of(other))


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (end_a_pause_unasked, "no approver has countersigned this end of a pause"),
        (forge_a_countersignature, "the signature of the answer about heart.resume.2 does not hold"),
        (edit_a_byte, "ledger/000000000002.json has 2 versions"),
        (edit_the_pointer, "the live pointer states other facts than the ledger"),
        (lift_a_pause, "in the ledger, not paused in the table"),
    ],
)
def test_a_difference_is_named_and_counted(
    stack: Stack, capsys: pytest.CaptureFixture[str], happens: Any, why: str
) -> None:
    two_releases(stack)
    happens(stack)
    capsys.readouterr()
    assert why in stack.call("verify_ledger", EVENT)["difference"]
    assert metrics_in(capsys.readouterr().out) == [emitted(Metric.LEDGER_DIFFERENCES, 1)]


def test_a_ledger_that_holds_emits_a_zero(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    stack.call("verify_ledger", EVENT)
    assert metrics_in(capsys.readouterr().out) == [emitted(Metric.LEDGER_DIFFERENCES, 0)]
