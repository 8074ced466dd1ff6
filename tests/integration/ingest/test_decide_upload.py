"""Decide Upload: let through, withdrawn, recalled; kept in the ledger; refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import uploads
from clinrisk.errors import ServiceRefused
from clinrisk.messages.ingest import Disposition
from tests.integration.events import events_of, read_event
from tests.integration.inbox_files import Ingest, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.scored_batches import LIKE_TRAINING, OTHER_HOSPITAL, OUTCOMES, ScoredBatches, settle
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

DISPOSITIONS = {"let_through": "PARTIAL", "withdraw": "WITHDRAWN"}


def decide(stack: Stack, case: str, execution: str = "run-9", **changes: Any) -> Any:
    event = read_event(f"decide_upload.{case}") | {"execution": execution}
    return stack.call("decide_upload", event | changes)


def hold(stack: Stack) -> None:
    """Let the door hold the other hospital's batch."""
    ScoredBatches(stack)
    stack.call("judge_batch", read_event("judge_batch.other_hospital") | {"execution": "run-1"})


def ledger(stack: Stack) -> list[Any]:
    """Return what people decided, as the ledger has it."""
    kept = [entry["body"] for entry in stack.ledger("upload decided")]
    return [body for body in kept if body["decision"] != "HELD"]


@pytest.mark.parametrize("name", events_of("decide_upload"))
def test_a_decision_ends_as_its_event_promises(stack: Stack, name: str) -> None:
    hold(stack)
    case = name.partition(".")[2]
    found = decide(stack, case)
    assert (found["disposition"], found["refused"]) == (DISPOSITIONS[case], "")
    [entry] = ledger(stack)
    event = read_event(name)
    assert {part: entry[part] for part in ("person", "reason", "decision", "upload_id")} == {
        part: event[part] for part in ("person", "reason", "decision", "upload_id")
    }


def test_what_is_let_through_counts_again_and_goes_on_with_who_did_it(stack: Stack) -> None:
    hold(stack)
    found = decide(stack, "let_through")
    assert found["upload"]["upload_id"] == OTHER_HOSPITAL
    assert found["let_through"]
    assert OTHER_HOSPITAL in {upload.upload_id for upload in uploads.used("heart", "inference")}


def test_a_repeated_call_finishes_its_own_decision_and_no_other(stack: Stack) -> None:
    hold(stack)
    first = decide(stack, "let_through")
    assert decide(stack, "let_through") == first
    assert len(ledger(stack)) == 1
    assert "not HELD" in decide(stack, "let_through", execution="run-10")["refused"]


@pytest.mark.parametrize("case", DISPOSITIONS)
def test_a_decision_that_broke_before_the_ledger_had_it_is_finished_by_the_same_one_again(
    stack: Stack, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(stack)
    with monkeypatch.context() as broken:
        broken.setattr("clinrisk.aws.ledger.write_upload_decision", refuse)
        with pytest.raises(ServiceRefused):
            decide(stack, case)
    assert ledger(stack) == []
    found = decide(stack, case, execution="run-11", person="bert")
    assert (found["disposition"], found["refused"]) == (DISPOSITIONS[case], "")
    [entry] = ledger(stack)
    assert (entry["person"], entry["execution"]) == (read_event(f"decide_upload.{case}")["person"], "run-9")


def refuse(*_: object) -> None:
    raise ServiceRefused("AWS answered PutObject with AccessDenied.")


@pytest.mark.parametrize(
    ("case", "changes", "why"),
    [
        ("let_through", {"upload_id": LIKE_TRAINING}, "ACCEPTED, not HELD"),
        ("let_through", {"upload_id": "9" * 20}, "no settled upload"),
        ("withdraw", {"upload_id": "9" * 20}, "no settled upload"),
    ],
)
def test_what_cannot_be_decided_is_refused_in_words_and_changes_nothing(
    stack: Stack, case: str, changes: dict[str, str], why: str
) -> None:
    hold(stack)
    assert why in decide(stack, case, **changes)["refused"]
    assert ledger(stack) == []


def test_of_two_decisions_at_the_same_moment_the_second_is_refused(stack: Stack) -> None:
    hold(stack)
    faster = {"execution": "run-10", "upload_id": OTHER_HOSPITAL}
    just_before("TransactWriteItems", lambda: decide(stack, "withdraw", **faster))
    assert "by somebody else in the meantime" in decide(stack, "let_through")["refused"]
    [entry] = ledger(stack)
    assert entry["decision"] == "WITHDRAW"


def test_withdrawn_is_withdrawn_once(stack: Stack) -> None:
    hold(stack)
    decide(stack, "withdraw")
    assert "withdrawn before" in decide(stack, "withdraw", execution="run-10")["refused"]


@pytest.mark.parametrize("purpose", ["training", "outcomes", "feedback", "inference"])
def test_none_of_the_rows_of_a_withdrawn_upload_counts(stack: Stack, purpose: str) -> None:
    settle(OUTCOMES, "2026-04-01T00:00:00.000Z", 9, purpose)
    decide(stack, "withdraw", upload_id=OUTCOMES)
    assert uploads.used("heart", purpose) == []


def test_published_results_are_recalled_by_a_notice_next_to_them(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    published = stack.call("publish_results", publish_event(stack, upload))
    found = decide(stack, "withdraw", upload_id=upload["upload_id"])
    notice = stack.read(published["results"]["uri"].removesuffix(".csv") + ".RECALLED.txt").decode()
    assert "do not use its risks" in notice
    assert found["message"].startswith(f"Do not use {published['results']['uri']} any longer")


def test_the_same_file_may_be_dropped_again_after_it_was_withdrawn(stack: Stack) -> None:
    data = stroke_batch(20)
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/a.csv", data).run()
    decide(stack, "withdraw", upload_id=upload["upload_id"])
    again, settled = Ingest.of(stack, "inbox/stroke/inference/b.csv", data, execution="run-2").run()
    assert (settled["disposition"], again["upload_id"] == upload["upload_id"]) == ("ACCEPTED", False)


def test_a_repeated_commit_of_a_withdrawn_upload_starts_nothing(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/a.csv", stroke_batch(20)).run()
    decide(stack, "withdraw", upload_id=upload["upload_id"])
    assert stack.call("commit_upload", {"upload": upload})["disposition"] == Disposition.WITHDRAWN
