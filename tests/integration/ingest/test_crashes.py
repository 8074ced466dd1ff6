"""Whatever breaks at whichever AWS call of an ingest: the same event again ends in the same bytes.

One run without a fault is recorded: each invocation of a function, and what AWS holds after each of its
calls. A worker that dies after a call leaves exactly that, so the tests put these states back one by one and
go on from there. A call that only read leaves what the one before it had left: that state is put back once.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import kms
from clinrisk.errors import ServiceRefused, TransientError
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import heart_csv, stroke_batch
from tests.integration.ingest_workflow import Faults, IngestWorkflow, Killed, answers_with, drop
from tests.integration.stored_state import StoredState, distinct

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

pytestmark = pytest.mark.slow

# A training file with a bad row, and a batch: between them, every call that the ingest makes.
FILES = {
    "inbox/heart/training/march.csv": heart_csv(30) + b"63,1,9,145,233,1,2,150,0,2.3,3,0,6,0\n",
    "inbox/stroke/inference/ward 7.csv": stroke_batch(20),
}
STEPS = (
    "claim_upload",
    "plan_chunks",
    "build_features",
    "reconcile_chunks",
    "write_features",
    "commit_upload",
)


@dataclass
class Invocation:
    """One invocation of the run without a fault."""

    function: str
    payload: dict[str, Any]
    states: list[StoredState]
    """Before its first call, and after each of its calls."""
    result: Any = None

    @property
    def calls(self) -> int:
        """How many AWS calls it made."""
        return len(self.states) - 1


@dataclass
class Observed(IngestWorkflow):
    """The workflow, with something done at the start of every invocation."""

    at_start: Callable[[str, dict[str, Any], int], None] = lambda *_: None
    attempts: Counter[str] = field(default_factory=Counter)
    results: list[Any] = field(default_factory=list)

    def call(self, function: str, payload: dict[str, Any]) -> Any:
        self.attempts[function] += 1
        kms.pseudonym_key.cache_clear()  # a worker that has just started knows no key
        self.at_start(function, payload, self.attempts[function])
        result = super().call(function, payload)
        self.results.append(result)
        return result


@dataclass
class Recording:
    """A workflow, the event of a file, and what a run of it does where nothing breaks."""

    workflow: Observed
    store: FakeFeatureStore
    event: dict[str, Any]
    invocations: list[Invocation] = field(default_factory=list)

    def record(self) -> Recording:
        """Run once, and copy what AWS holds after every call."""
        self.workflow.at_start = self._follow
        assert self.workflow.run(self.event).status == "SUCCEEDED"
        for invocation, result in zip(self.invocations, self.workflow.results, strict=True):
            invocation.result = result
        return self

    def _follow(self, function: str, payload: dict[str, Any], _attempt: int) -> None:
        states = [StoredState.of(self.store)]
        self.invocations.append(Invocation(function, payload, states))
        self.workflow.faults.after = lambda _: states.append(StoredState.of(self.store))

    def begin(self, state: StoredState) -> None:
        """Put a state back, with no fault and no attempt before it."""
        state.restore(self.store)
        self.workflow.faults.none()
        self.workflow.at_start = lambda *_: None
        self.workflow.attempts.clear()
        self.workflow.dead_letters.clear()

    def run_again(self, invocation: Invocation) -> None:
        """Invoke the function again: it must answer and leave what it did where nothing broke."""
        self.workflow.faults.none()
        assert self.workflow.call(invocation.function, invocation.payload) == invocation.result
        assert self.now == invocation.states[-1].facts

    def fail(self, invocation: Invocation, instead: Callable[[int, str], None]) -> Exception | None:
        """Invoke a function with a fault, return its error, and see that it can be invoked again."""
        faults, error = self.workflow.faults, None
        self.begin(invocation.states[0])
        faults.instead, faults.armed = instead, True
        try:
            assert self.workflow.call(invocation.function, invocation.payload) == invocation.result
        except (TransientError, ServiceRefused) as raised:
            error = raised
        finally:
            faults.armed = False
        # What a call that failed left is what a worker that died before it leaves: gone on from elsewhere.
        if self.now not in [state.facts for state in invocation.states]:
            self.run_again(invocation)
        return error

    @property
    def now(self) -> dict[str, Any]:
        """What AWS holds."""
        return StoredState.of(self.store).facts

    @property
    def end(self) -> dict[str, Any]:
        """What AWS holds at the end of a run where nothing breaks."""
        return self.invocations[-1].states[-1].facts


@pytest.fixture(params=FILES)
def recording(request: pytest.FixtureRequest, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Recording:
    faults = Faults()
    faults.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    store = FakeFeatureStore().install()
    event = drop(stack, request.param, FILES[request.param])
    found = Recording(Observed(stack, faults, monkeypatch), store, event).record()
    assert tuple(each.function for each in found.invocations) == STEPS
    assert all(each.calls >= 3 for each in found.invocations)
    return found


def test_a_function_that_dies_after_any_call_ends_the_same_when_it_is_invoked_again(
    recording: Recording,
) -> None:
    for invocation in recording.invocations:
        for state in distinct(invocation.states):
            recording.begin(state)
            recording.run_again(invocation)


def test_an_execution_that_dies_after_any_call_is_taken_over_by_the_next_delivery(
    recording: Recording,
) -> None:
    for state in distinct([state for each in recording.invocations for state in each.states]):
        recording.begin(state)
        assert recording.workflow.run(recording.event, "again").status == "SUCCEEDED"
        assert recording.now == recording.end


def test_a_function_that_died_and_then_was_throttled_is_invoked_again_by_the_workflow(
    recording: Recording,
) -> None:
    faults = recording.workflow.faults
    for broken in recording.invocations:
        recording.begin(recording.invocations[0].states[0])

        def break_it(function: str, _: Any, attempt: int, broken: Invocation = broken) -> None:
            faults.none()
            if function == broken.function and attempt == 1:
                faults.after = _killed_at(broken.calls)
            elif function == broken.function and attempt == 2:
                faults.instead = _answered_from(1, "ThrottlingException")

        recording.workflow.at_start = break_it
        assert recording.workflow.run(recording.event).status == "SUCCEEDED", broken.function
        assert recording.workflow.attempts[broken.function] == 3
        assert recording.now == recording.end


def test_a_throttle_of_any_call_is_an_error_that_passes(recording: Recording) -> None:
    for invocation in recording.invocations:
        for number in range(1, invocation.calls + 1):
            error = recording.fail(invocation, _answered_at(number, "ThrottlingException"))
            assert isinstance(error, TransientError), (invocation.function, number)


def test_a_refusal_of_any_call_is_an_error_in_our_own_words(recording: Recording) -> None:
    for invocation in recording.invocations:
        for number in range(1, invocation.calls + 1):
            error = recording.fail(invocation, _answered_from(number, "AccessDeniedException"))
            assert isinstance(error, ServiceRefused), (invocation.function, number)
            assert "canary-of-the-service" not in str(error)


@pytest.mark.parametrize("parked", [True, False])
def test_a_refused_function_ends_failed_with_the_event_kept_and_a_redrive_mends_it(
    recording: Recording,
    parked: bool,  # noqa: FBT001 - whether Park Upload is refused as well
) -> None:
    workflow = recording.workflow
    for broken in recording.invocations:
        recording.begin(recording.invocations[0].states[0])

        def break_it(function: str, _: Any, _attempt: int, broken: Invocation = broken) -> None:
            refused = {broken.function} if parked else {broken.function, "park_upload"}
            workflow.faults.none()
            if function in refused:
                workflow.faults.instead = _answered_from(1, "AccessDeniedException")

        workflow.at_start = break_it
        assert workflow.run(recording.event, "refused").error == "UploadFailed", broken.function
        assert workflow.dead_letters == [recording.event]
        if not parked:
            # Nothing was written since: a delivery takes over from here, as after a death.
            assert recording.now == broken.states[0].facts
            continue
        workflow.at_start = lambda *_: None
        workflow.faults.none()
        assert workflow.run(workflow.dead_letters.pop(), "redriven").status == "SUCCEEDED", broken.function
        assert recording.now == recording.end
    assert not [text for text in workflow.mails + workflow.causes if "canary-of-the-service" in text]


def _killed_at(number: int) -> Callable[[int], None]:
    def die(now: int) -> None:
        if now == number:
            raise Killed

    return die


def _answered_at(number: int, code: str) -> Callable[[int, str], None]:
    def answer(now: int, operation: str) -> None:
        if now == number:
            answers_with(code)(operation)

    return answer


def _answered_from(number: int, code: str) -> Callable[[int, str], None]:
    def answer(now: int, operation: str) -> None:
        if now >= number:
            answers_with(code)(operation)

    return answer
