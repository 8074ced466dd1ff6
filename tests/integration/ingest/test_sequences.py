"""Events as S3 may send them: twice, late, out of order, for versions that are gone."""

from __future__ import annotations

import random
import time
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.messages.scoring import JoinRequest
from clinrisk.services.scoring import join_outcomes
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import STROKE_HEADER, csv, heart_csv, stroke_rows
from tests.integration.ingest_workflow import Faults, IngestWorkflow, drop
from tests.integration.stored_state import StoredState

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

KEY = "inbox/stroke/training/march.csv"
OLD, NEW = "0055AED6DCD90281E5", "0055AED6DCD90281E6"


@pytest.fixture
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


@pytest.fixture
def workflow(stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch) -> IngestWorkflow:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return IngestWorkflow(stack, Faults(), monkeypatch)


def stroke_csv(seed: int = 1, count: int = 20) -> bytes:
    return csv(STROKE_HEADER, stroke_rows(count, seed))


def receipts(stack: Stack) -> dict[str, Any]:
    """Return every receipt by its own key."""
    return {key: stack.read_json(f"s3://clinrisk-results/{key}") for key in stack.keys("results")}


def dispositions(stack: Stack) -> list[str]:
    return sorted(receipt["disposition"] for receipt in receipts(stack).values())


@pytest.mark.slow
def test_every_further_delivery_changes_nothing_and_mails_nobody(
    stack: Stack, store: FakeFeatureStore, workflow: IngestWorkflow
) -> None:
    events = {
        "ACCEPTED": drop(stack, KEY, stroke_csv()),
        "DUPLICATE": drop(stack, "inbox/stroke/training/copy.csv", stroke_csv()),
        "REJECTED": drop(stack, "inbox/stroke/training/empty.csv", b""),
        "IGNORED": drop(stack, "inbox/stroke/training/", b""),
        "PARTIAL": drop(stack, "inbox/stroke/training/part.csv", stroke_csv(7) + b"1,2\n"),
    }
    for name, event in events.items():
        workflow.run(event, f"first-{name}")
    before, mails, started = StoredState.of(store).facts, len(workflow.mails), len(workflow.started)
    assert dispositions(stack) == sorted(events)
    again = [(name, number) for name in events for number in range(3)]
    random.Random(3).shuffle(again)  # noqa: S311 # an order, not a secret
    for name, number in again:
        assert workflow.run(events[name], f"again-{name}-{number}").status == "SUCCEEDED"
    assert StoredState.of(store).facts == before
    assert (len(workflow.mails), len(workflow.started)) == (mails, started)


def test_two_versions_of_a_key_are_settled_each_on_its_own_whatever_comes_first(
    stack: Stack, workflow: IngestWorkflow
) -> None:
    older, newer = drop(stack, KEY, stroke_csv(1), OLD), drop(stack, KEY, stroke_csv(2), NEW)
    workflow.run(newer, "newer")
    workflow.run(older, "older")
    assert dispositions(stack) == ["ACCEPTED", "ACCEPTED"]
    arrived = uploads.by_arrival(uploads.used("stroke", "training"))
    assert [one.sequencer for one in arrived] == [OLD, NEW]


def test_a_shorter_sequencer_is_compared_as_s3_documents(stack: Stack, workflow: IngestWorkflow) -> None:
    long, short = drop(stack, KEY, stroke_csv(1), "0A1"), drop(stack, KEY, stroke_csv(2), "0A")
    for name, event in (("long", long), ("short", short)):
        workflow.run(event, name)
    # S3 stamps to the second: within one, the sequencer alone decides.
    same_second = [one.model_copy(update={"received_at": OLD}) for one in uploads.used("stroke", "training")]
    assert [one.sequencer for one in uploads.by_arrival(same_second)] == ["0A", "0A1"]


def test_outcomes_of_an_older_version_do_not_overwrite_those_of_a_newer_one(
    stack: Stack, workflow: IngestWorkflow
) -> None:
    key = "inbox/stroke/outcomes/march.csv"
    older = drop(stack, key, b"id,label,date\n7,0,2024-01-31\n", OLD)
    newer = drop(stack, key, b"id,label,date\n7,1,2024-02-28\n", NEW)
    workflow.run(newer, "newer")
    workflow.run(older, "older")
    join_outcomes.join(JoinRequest(use_case="stroke"), date(2026, 3, 1))
    overview = stack.read_json("s3://clinrisk-results/outcome-overviews/stroke.json")
    arrived = [uploads.settlement_of(one["upload_id"]) for one in overview["uploads"]]
    assert [one.sequencer for one in arrived if one] == [OLD, NEW]


def test_a_file_of_feedback_is_ingested_like_every_other(stack: Stack, workflow: IngestWorkflow) -> None:
    header, good = "id,response,reason,role,date", "7,accepted,,nurse,2024-02-28"
    text = f"{header}\n{good}\n8,overridden,Mrs Miller,nurse,2024-02-28\n9,accepted,,nurse,2024-02-28\n"
    workflow.run(drop(stack, "inbox/stroke/feedback/march.csv", text.encode(), "0A"), "first")
    workflow.run(drop(stack, "inbox/stroke/feedback/again.csv", text.encode(), "0B"), "second")
    first, second = sorted(uploads.settled("stroke", "feedback"), key=lambda one: one.sequencer)
    assert (first.disposition, first.rows_accepted, first.rows_quarantined) == ("PARTIAL", 2, 1)
    assert second.disposition == "DUPLICATE"
    receipt = stack.read_json(first.receipt.uri)
    assert receipt["reasons"] == {"unknown_feedback_code:reason": 1}
    assert "No free text is taken" in " ".join(receipt["explanation"])
    assert "Miller" not in str(receipt)
    rows = pl.read_parquet(
        stack.read(f"s3://clinrisk-lake/{object_keys.feedback('stroke', first.upload_id, 0)}")
    )
    assert rows["response"].to_list() == ["accepted", "accepted"]
    assert "7" not in rows["patient"].to_list()


def test_the_same_bytes_as_a_new_version_are_a_duplicate_and_new_bytes_are_not(
    stack: Stack, workflow: IngestWorkflow
) -> None:
    for number, data in enumerate((stroke_csv(1), stroke_csv(1), stroke_csv(2))):
        workflow.run(drop(stack, KEY, data), f"version-{number}")
    assert dispositions(stack) == ["ACCEPTED", "ACCEPTED", "DUPLICATE"]


def test_the_same_bytes_for_another_purpose_are_no_duplicate(stack: Stack, workflow: IngestWorkflow) -> None:
    workflow.run(drop(stack, KEY, stroke_csv()), "training")
    workflow.run(drop(stack, "inbox/stroke/inference/march.csv", stroke_csv()), "inference")
    assert dispositions(stack) == ["ACCEPTED", "ACCEPTED"]


def test_a_file_behind_a_delete_marker_is_still_read(stack: Stack, workflow: IngestWorkflow) -> None:
    event = drop(stack, KEY, stroke_csv())
    stack.s3.delete_object(Bucket="clinrisk-inbox", Key=KEY)
    workflow.run(event)
    assert dispositions(stack) == ["ACCEPTED"]


def test_a_version_that_is_gone_is_failed_with_the_reason_on_the_receipt(
    stack: Stack, workflow: IngestWorkflow
) -> None:
    event = drop(stack, KEY, stroke_csv())
    version = event["detail"]["object"]["version-id"]
    stack.s3.delete_object(Bucket="clinrisk-inbox", Key=KEY, VersionId=version)
    assert workflow.run(event).error == "UploadFailed"
    [receipt] = receipts(stack).values()
    assert (receipt["disposition"], receipt["reasons"]) == ("FAILED", {"version_gone": 1})
    assert "deleted" in receipt["explanation"][0]
    assert workflow.dead_letters == [event]
    assert stack.keys("lake") == []


def test_a_version_that_goes_while_it_is_read_is_failed_with_nothing_used(
    stack: Stack, workflow: IngestWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = drop(stack, KEY, stroke_csv())
    version = event["detail"]["object"]["version-id"]
    faults = workflow.faults
    faults.install(monkeypatch)

    def delete(number: int) -> None:
        if number == 8:
            faults.armed = False
            stack.s3.delete_object(Bucket="clinrisk-inbox", Key=KEY, VersionId=version)
            faults.armed = True

    faults.after = delete
    assert workflow.run(event).error == "UploadFailed"
    assert dispositions(stack) == ["FAILED"]
    assert uploads.used("stroke", "training") == []


def test_a_rejected_file_may_be_sent_again_and_what_it_held_is_not_a_duplicate(
    stack: Stack, workflow: IngestWorkflow
) -> None:
    bad = b"\n".join(line + b",1" if n else line for n, line in enumerate(heart_csv(20).splitlines()))
    for number in range(2):
        workflow.run(drop(stack, "inbox/heart/training/bad.csv", bad), f"bad-{number}")
    assert dispositions(stack) == ["REJECTED", "REJECTED"]
