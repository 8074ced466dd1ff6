"""Whatever breaks after whichever AWS call: the same event again ends in the same bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import heart_csv, stroke_batch
from tests.integration.ingest_workflow import (
    Killed,
    Faults,
    IngestWorkflow,
    answers_with,
    drop,
    forget,
    stored_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conftest import Stack

# A training file with a bad row, and a batch: between them, every call that the ingest makes.
FILES = {
    "inbox/heart/training/march.csv": heart_csv(30) + b"63,1,9,145,233,1,2,150,0,2.3,3,0,6,0\n",
    "inbox/stroke/inference/ward 7.csv": stroke_batch(20),
}
ENOUGH = 400


@pytest.fixture
def workflow(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> IngestWorkflow:
    faults = Faults()
    faults.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return IngestWorkflow(stack, faults, monkeypatch)


@pytest.fixture(params=FILES)
def clean(
    request: pytest.FixtureRequest, workflow: IngestWorkflow
) -> tuple[dict[str, Any], FakeFeatureStore, dict[str, Any], int]:
    """Give an event, the Feature Store, what a run without faults leaves, and how many calls it makes."""
    store = FakeFeatureStore().install()
    event = drop(workflow.stack, request.param, FILES[request.param])
    assert workflow.run(event).status == "SUCCEEDED"
    calls = workflow.faults.calls
    assert 10 < calls < ENOUGH
    return event, store, stored_state(workflow.stack, store), calls


def _sweep(
    workflow: IngestWorkflow,
    store: FakeFeatureStore,
    calls: int,
    befall: Callable[[int], None],
    every: int = 1,
) -> Iterator[int]:
    """Give each call's number with its faults laid down and nothing left of the run before."""
    for number in range(1, calls + 1, every):
        forget(workflow.stack, store)
        workflow.dead_letters.clear()
        workflow.faults.none()
        befall(number)
        yield number


def test_a_worker_that_dies_after_any_call_is_replaced_by_the_workflow(
    workflow: IngestWorkflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def die(now: int) -> None:
            if now == number:
                raise Killed

        workflow.faults.after = die

    for number in _sweep(workflow, store, calls, befall):
        assert workflow.run(event).status == "SUCCEEDED", number
        assert stored_state(workflow.stack, store) == expected, number


def test_an_execution_that_dies_after_any_call_is_taken_over_by_the_next_delivery(
    workflow: IngestWorkflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def die(now: int) -> None:
            if now >= number:
                raise Killed

        workflow.faults.after = die

    for number in _sweep(workflow, store, calls, befall):
        workflow.run(event, f"dies-{number}")
        workflow.faults.none()
        assert workflow.run(event, f"again-{number}").status == "SUCCEEDED", number
        assert stored_state(workflow.stack, store) == expected, number


def test_a_throttle_of_any_call_passes(workflow: IngestWorkflow, clean: Any) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def throttle(now: int, operation: str) -> None:
            if now == number:
                answers_with("ThrottlingException")(operation)

        workflow.faults.instead = throttle

    for number in _sweep(workflow, store, calls, befall, every=3):
        assert workflow.run(event).status == "SUCCEEDED", number
        assert stored_state(workflow.stack, store) == expected, number


def test_a_refusal_of_any_call_ends_failed_with_the_event_kept_and_a_redrive_mends_it(
    workflow: IngestWorkflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def refuse(now: int, operation: str) -> None:
            if now >= number:
                answers_with("AccessDeniedException")(operation)

        workflow.faults.instead = refuse

    for number in _sweep(workflow, store, calls, befall, every=3):
        ended = workflow.run(event, f"refused-{number}")
        if ended.status == "SUCCEEDED":  # only the look at what was written already was refused
            continue
        assert ended.error == "UploadFailed", number
        assert workflow.dead_letters == [event], number
        workflow.faults.none()
        assert workflow.run(workflow.dead_letters.pop(), f"redriven-{number}").status == "SUCCEEDED", number
        assert stored_state(workflow.stack, store) == expected, number
    assert not [text for text in workflow.mails + workflow.causes if "canary-of-the-service" in text]
