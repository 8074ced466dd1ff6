"""Whatever breaks after whichever AWS call: the same event again ends in the same bytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.feature_store import FeatureStore
from tests.integration.uploading import heart_csv, stroke_batch
from tests.integration.workflow import Killed, Trouble, Workflow, answers_with, drop, forget, left_behind

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
def workflow(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    trouble = Trouble()
    trouble.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return Workflow(stack, trouble, monkeypatch)


@pytest.fixture(params=FILES)
def clean(
    request: pytest.FixtureRequest, workflow: Workflow
) -> tuple[dict[str, Any], FeatureStore, dict[str, Any], int]:
    """Give an event, the Feature Store, what a run without trouble leaves, and how many calls it makes."""
    store = FeatureStore().install()
    event = drop(workflow.stack, request.param, FILES[request.param])
    assert workflow.run(event).status == "SUCCEEDED"
    calls = workflow.trouble.calls
    assert 10 < calls < ENOUGH
    return event, store, left_behind(workflow.stack, store), calls


def _sweep(
    workflow: Workflow, store: FeatureStore, calls: int, befall: Callable[[int], None], every: int = 1
) -> Iterator[int]:
    """Give each call's number with its trouble laid down and nothing left of the run before."""
    for number in range(1, calls + 1, every):
        forget(workflow.stack, store)
        workflow.dead_letters.clear()
        workflow.trouble.none()
        befall(number)
        yield number


def test_a_worker_that_dies_after_any_call_is_replaced_by_the_workflow(
    workflow: Workflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def die(now: int) -> None:
            if now == number:
                raise Killed

        workflow.trouble.after = die

    for number in _sweep(workflow, store, calls, befall):
        assert workflow.run(event).status == "SUCCEEDED", number
        assert left_behind(workflow.stack, store) == expected, number


def test_an_execution_that_dies_after_any_call_is_taken_over_by_the_next_delivery(
    workflow: Workflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def die(now: int) -> None:
            if now >= number:
                raise Killed

        workflow.trouble.after = die

    for number in _sweep(workflow, store, calls, befall):
        workflow.run(event, f"dies-{number}")
        workflow.trouble.none()
        assert workflow.run(event, f"again-{number}").status == "SUCCEEDED", number
        assert left_behind(workflow.stack, store) == expected, number


def test_a_throttle_of_any_call_passes(workflow: Workflow, clean: Any) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def throttle(now: int, operation: str) -> None:
            if now == number:
                answers_with("ThrottlingException")(operation)

        workflow.trouble.instead = throttle

    for number in _sweep(workflow, store, calls, befall, every=3):
        assert workflow.run(event).status == "SUCCEEDED", number
        assert left_behind(workflow.stack, store) == expected, number


def test_a_refusal_of_any_call_ends_failed_with_the_event_kept_and_a_redrive_mends_it(
    workflow: Workflow, clean: Any
) -> None:
    event, store, expected, calls = clean

    def befall(number: int) -> None:
        def refuse(now: int, operation: str) -> None:
            if now >= number:
                answers_with("AccessDeniedException")(operation)

        workflow.trouble.instead = refuse

    for number in _sweep(workflow, store, calls, befall, every=3):
        ended = workflow.run(event, f"refused-{number}")
        if ended.status == "SUCCEEDED":  # only the look at what was written already was refused
            continue
        assert ended.error == "UploadFailed", number
        assert workflow.dead_letters == [event], number
        workflow.trouble.none()
        assert workflow.run(workflow.dead_letters.pop(), f"redriven-{number}").status == "SUCCEEDED", number
        assert left_behind(workflow.stack, store) == expected, number
    assert not [told for told in workflow.mails + workflow.causes if "canary-of-the-service" in told]
