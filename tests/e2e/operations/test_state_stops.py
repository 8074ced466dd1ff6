"""Executions stopped in a state, then started again by documented commands: the bytes of an undisturbed run.

`STATE_STOPS=all` stops in every state that an undisturbed file goes through, and stops every job once; as a
part of the tests it is two states. Every batch has the same patients under ids of its own, so that results
differ in ids, upload and time alone.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.core import object_keys
from tests.e2e.recovery import StopInState, StopJob, entered, hospital_with_model, inference, recovered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(7200)]
EVERYTHING = os.environ.get("STATE_STOPS") == "all"
SHORT = (("Ingest", "Commit Upload"), ("Scoring", "Present Results"))
JOBS = (("Transform", ""), ("Processing", ""))
AT_ONCE, TRIES = 4, 5
ROWS, SEED = 60, 77


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with hospital_with_model(tmp_path_factory.mktemp("stops")) as found:
        yield found


class Batch:
    """One batch in the inbox: the same patients as every other one, under ids of its own."""

    def __init__(self, hospital: Hospital, number: int) -> None:
        self.hospital, self.prefix, self.stem = hospital, f"p{number:04d}", f"ward-{number:04d}"
        self.key = f"inbox/heart/inference/{self.stem}.csv"
        self.upload_id = ""

    def drop(self) -> None:
        bucket = self.hospital.outputs["InboxBucket"]
        body = inference(ROWS, SEED, self.prefix)
        s3 = self.hospital.twin.client("s3")
        version = s3.put_object(Bucket=bucket, Key=self.key, Body=body)["VersionId"]
        self.upload_id = object_keys.upload_id(bucket, self.key, version)

    def is_in(self, text: str) -> bool:
        """Return whether an execution's input or a job's name is about this batch."""
        return self.key in text or (self.upload_id != "" and self.upload_id in text)

    def announced(self) -> bool:
        """Return whether a mail says that its results are there."""
        return any(
            f"{self.stem}.csv was scored" in one["subject"] for one in self.hospital.mails("data-manager")
        )

    def results(self) -> str:
        """Return the published file, but for what tells batches and times apart."""
        key = object_keys.results("heart", self.stem, self.upload_id)
        s3, bucket = self.hospital.twin.client("s3"), self.hospital.outputs["ResultsBucket"]
        text: str = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        header, first = (line.split(",") for line in text.splitlines()[:2])
        scored_at = first[header.index("scored_at")]
        assert len(text.splitlines()) == ROWS + 1
        for own, common in ((self.prefix, "p"), (self.upload_id, "upload"), (scored_at, "time")):
            assert own in text
            text = text.replace(own, common)
        return text


def undisturbed(hospital: Hospital) -> tuple[str, dict[str, list[str]]]:
    """Return the results of a batch that nobody disturbs, and the states that it went through, by machine."""
    batch = Batch(hospital, 0)
    batch.drop()
    hospital.results(batch.stem)
    assert recovered(hospital) == 0
    states = states_of(hospital)
    passed = {}
    for machine in ("Ingest", "Scoring"):
        arns = [one["executionArn"] for one in hospital.executions(machine)]
        [mine] = [arn for arn in arns if batch.is_in(states.describe_execution(executionArn=arn)["input"])]
        passed[machine] = entered(states, mine)
    return batch.results(), passed


def test_a_batch_that_was_stopped_in_a_state_has_the_results_of_one_that_was_not(
    hospital: Hospital, record_property: Any
) -> None:
    expected, passed = undisturbed(hospital)
    wanted = [(machine, state) for machine, states in passed.items() for state in states]
    assert set(SHORT) <= set(wanted)
    stops, numbers, hit = [*wanted, *JOBS] if EVERYTHING else [], iter(range(1, 10_000)), set()
    for first in range(0, len(stops), AT_ONCE):
        hit |= disturbed(hospital, stops[first : first + AT_ONCE], numbers, expected)
    # A state that takes no time may be over before anybody can stop it; these take some, and are tried again.
    for _ in range(TRIES):
        if missed := [one for one in (*SHORT, *(JOBS if EVERYTHING else ())) if one not in hit]:
            hit |= disturbed(hospital, missed, numbers, expected)
    assert set(SHORT) <= hit
    too_fast = [" ".join(one) for one in stops if one not in hit]
    account = {"stopped": len(hit), "too fast to be stopped": too_fast}
    record_property("account", account)
    print(account)  # noqa: T201 - the account of `make soak`


def disturbed(
    hospital: Hospital, stops: list[tuple[str, str]], numbers: Iterator[int], expected: str
) -> set[tuple[str, str]]:
    """Stop a batch of its own in each state, recover, compare; return where a stop came in time."""
    batches = [Batch(hospital, next(numbers)) for _ in stops]
    with ExitStack() as watching:
        accidents = [
            watching.enter_context((StopInState if state else StopJob)(hospital, kind, batch.is_in, state))
            for batch, (kind, state) in zip(batches, stops, strict=True)
        ]
        for batch in batches:
            batch.drop()
    recovered(hospital)
    assert [batch.results() for batch in batches] == [expected] * len(batches)
    for batch in batches:
        hospital.wait(batch.announced)
    return {(one.kind, one.state) for one in accidents if one.happened}


@pytest.mark.skipif(not EVERYTHING, reason="takes a training: make soak STOPS=all")
def test_a_question_whose_release_ended_without_an_event_is_closed_and_asked_again(
    hospital: Hospital,
) -> None:
    rule = {"Name": hospital.role("FailedExecutionsRule")}
    events, states = hospital.twin.client("events"), states_of(hospital)
    events.disable_rule(**rule)
    train(hospital, "a question")
    [asking, *_] = hospital.wait(lambda: waiting_releases(hospital))
    states.stop_execution(executionArn=asking["executionArn"])
    [found] = hospital.twin.clinrisk("stuck", "--patience", "0")
    assert (found["kind"], found["subject"]) == ("question_without_workflow", asking["name"])
    hospital.twin.clinrisk("redrive", "--all", "--patience", "0")
    assert question_of(hospital, asking["name"]) == "STOPPED"
    events.enable_rule(**rule)
    mailed = [one for one in hospital.mails("operator") if asking["name"] in one["subject"]]
    assert len(mailed) == 1
    hospital.twin.clinrisk("evaluate", asking["name"], "--reason", "Its release was stopped.")
    hospital.wait(lambda: question_of(hospital, asking["name"]) == "PENDING")
    assert recovered(hospital) == 0


def waiting_releases(hospital: Hospital) -> list[dict[str, Any]]:
    """Return the releases that have asked and wait."""
    asked = [
        one["run_id"] for one in hospital.twin.clinrisk("approvals", "heart") if one["status"] == "PENDING"
    ]
    running = [one for one in hospital.executions("Release") if one["status"] == "RUNNING"]
    return [one for one in running if one["name"] in asked]


def question_of(hospital: Hospital, run_id: str) -> str:
    """Return what became of the newest question about a run."""
    listed = hospital.twin.clinrisk("approvals", "heart")
    return str(next(one["status"] for one in listed if one["run_id"] == run_id))


@pytest.mark.skipif(not EVERYTHING, reason="takes many trainings: make soak STOPS=all")
def test_a_training_that_was_stopped_in_a_state_has_the_models_of_one_that_was_not(
    hospital: Hospital,
) -> None:
    train(hospital, "undisturbed")
    recovered(hospital)
    [first, *_] = hospital.executions("Training")
    expected = models_of(hospital, first["name"])
    assert len(expected) == 2
    # The last states first: after twenty looks at the same hold-out, candidates are blocked before them.
    stops = [("Training", state) for state in entered(states_of(hospital), first["executionArn"])][::-1]
    for kind, state in [*stops, ("Training", ""), ("Processing", "")]:
        reason = f"stopped in {state or f'its {kind} job'}"
        before = {one["name"] for one in hospital.executions("Training")}

        def mine(text: str, reason: str = reason, before: set[str] = before) -> bool:
            run = re.match("(heart-[0-9a-f]{10})-", text)
            return reason in text or (run is not None and run[1] not in before)

        with (StopInState if state else StopJob)(hospital, kind, mine, state) as accident:
            train(hospital, reason)
        recovered(hospital)
        [newest, *_] = hospital.executions("Training")
        assert (state, models_of(hospital, newest["name"])) == (state, expected)
        print(f"{kind} {state}: {'stopped' if accident.happened else 'too fast'}")  # noqa: T201 - the account


def train(hospital: Hospital, reason: str) -> None:
    hospital.twin.clinrisk("train", "heart", "--reason", reason)


def states_of(hospital: Hospital) -> Any:
    return hospital.twin.client("stepfunctions")


def models_of(hospital: Hospital, run_id: str) -> dict[str, bytes]:
    """Return the files in the archives that a run's training jobs left."""
    s3, bucket, found = hospital.twin.client("s3"), hospital.outputs["LakeBucket"], {}
    for kind in ("xgboost", "logistic"):
        for key in hospital.keys(object_keys.trained_models("heart", run_id, kind)):
            if key.endswith("/output/model.tar.gz"):
                archive = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                    found[kind] = b"".join(
                        member.name.encode() + opened.read()
                        for member in files.getmembers()
                        if (opened := files.extractfile(member))
                    )
    return found
