"""Accidents on the twin, and the way back from them by documented commands alone."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import shutil
import threading
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pyotp import TOTP

from cli.local_files import synthetic_cohort
from tests.e2e.conftest import PROJECT, free_port, started
from tests.e2e.hospital import Hospital

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MACHINES = ("Ingest", "Scoring", "Training")
PAUSE = 0.005
"""Seconds between two looks of whoever waits for a moment."""


@contextmanager
def hospital_with_model(folder: Path) -> Iterator[Hospital]:
    """Return a stack with a live model of heart: a copy of the one that the first test to ask for it made."""
    run = folder.parents["PYTEST_XDIST_WORKER" in os.environ]
    made = run / "with-model"
    with (run / "with-model.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "known.json").exists():
            _release_model(made)
    known = json.loads((made / "known.json").read_text())
    shutil.copytree(made / "kept", folder / "kept")
    _move(folder / "kept")
    with started(folder / "twin", "--state", str(folder / "kept")) as twin:
        phones = {address: TOTP(secret) for address, secret in known["phones"].items()}
        yield Hospital(twin, known["outputs"], phones=phones, used=known["used"])


def _release_model(folder: Path) -> None:
    with started(folder / "twin", "--state", str(folder / "kept"), "--port", str(free_port())) as twin:
        outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
        hospital = Hospital(twin, outputs)
        hospital.add_approver()
        hospital.drop("training", "first", 400, seed=1)
        hospital.approve(hospital.question(1)[1])
        hospital.ended("Release", 1)
        hospital.wait(lambda: twin.clinrisk("live", "heart")["heart"]["live"])
    phones = {address: phone.secret for address, phone in hospital.phones.items()}
    known = {"outputs": outputs, "phones": phones, "used": hospital.used}
    (folder / "known.json").write_text(json.dumps(known))


def _move(kept: Path) -> None:
    """Let a kept state belong to another port, whose number is as long: a twin of it runs beside others."""
    about = json.loads((kept / "about.json").read_text())
    old, new = str(about["port"]), str(free_port())
    while len(new) != len(old):
        new = str(free_port())
    (kept / "about.json").write_text(json.dumps(about | {"port": int(new)}))
    tables = kept / "twin.pickle"
    tables.write_bytes(tables.read_bytes().replace(f":{old}".encode(), f":{new}".encode()))


def inference(rows: int, seed: int, prefix: str) -> bytes:
    """Return a batch without outcomes, whose patients have ids that begin with `prefix`."""
    drawn = synthetic_cohort.draw("heart", rows=rows, seed=seed).decode()
    patients = list(csv.DictReader(io.StringIO(drawn)))
    text = io.StringIO()
    columns = ["id", *(name for name in patients[0] if name not in {"num", "id"})]
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row | {"id": f"{prefix}-{n}"} for n, row in enumerate(patients))
    return text.getvalue().encode()


def drained(hospital: Hospital) -> None:
    """Wait until nothing runs any more but questions to a person."""

    states = hospital.twin.client("stepfunctions")
    machines = [hospital.outputs[f"{machine}StateMachine"] for machine in MACHINES]

    def nothing() -> bool:
        return not any(
            states.list_executions(stateMachineArn=one, statusFilter="RUNNING", maxResults=1)["executions"]
            for one in machines
        )

    hospital.wait(nothing)


def recovered(hospital: Hospital) -> int:
    """Start again what stands still, with the documented command, until nothing does; return how often."""
    for turn in range(20):
        drained(hospital)
        stuck = hospital.twin.clinrisk("stuck", "--patience", "0")
        if not stuck:
            return turn
        hospital.twin.clinrisk("redrive", "--all", "--patience", "0")
    raise AssertionError(f"still standing: {stuck}")


@dataclass
class Accident(ABC):
    """Something that happens to an execution or a job as soon as it can, in a thread of its own."""

    hospital: Hospital
    kind: str
    """Whose: a state machine of ours, or a kind of SageMaker's jobs."""
    about: Callable[[str], bool]
    """Whether an execution is meant, by its input; a job, by its name."""
    state: str = ""
    happened: bool = False
    """False where what was meant had ended before."""

    def __enter__(self) -> Accident:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until it has happened, or cannot happen any more."""
        self._thread.join()

    @abstractmethod
    def _watch(self) -> None:
        """Wait until what is meant is there, and let it happen."""


class StopInState(Accident):
    """Stops the first execution that is meant, as soon as it enters a state."""

    def _watch(self) -> None:
        states = self.hospital.twin.client("stepfunctions")
        arn = self._found(states)
        while states.describe_execution(executionArn=arn)["status"] == "RUNNING":
            if self.state in entered(states, arn):
                try:
                    states.stop_execution(executionArn=arn)
                except ClientError:
                    break  # it has just ended
                self.happened = True
            time.sleep(PAUSE)

    def _found(self, states: Any) -> str:
        machine, others = self.hospital.outputs[f"{self.kind}StateMachine"], set()
        while True:
            for one in states.list_executions(stateMachineArn=machine)["executions"]:
                arn: str = one["executionArn"]
                if arn not in others and self.about(states.describe_execution(executionArn=arn)["input"]):
                    return arn
                others.add(arn)
            time.sleep(PAUSE)


class StopJob(Accident):
    """Stops the first job of a kind that is meant, while it runs."""

    def _watch(self) -> None:
        sagemaker = self.hospital.twin.client("sagemaker")
        name = f"{self.kind}JobName"
        listed = getattr(sagemaker, f"list_{self.kind.lower()}_jobs")
        status = ""
        while status in {"", "InProgress"}:
            for one in listed(SortBy="CreationTime", SortOrder="Descending")[f"{self.kind}JobSummaries"]:
                if self.about(one[name]):
                    status = one[f"{self.kind}JobStatus"]
                    if status == "InProgress":
                        getattr(sagemaker, f"stop_{self.kind.lower()}_job")(**{name: one[name]})
                        self.happened = True
            time.sleep(PAUSE)


def entered(states: Any, arn: str) -> list[str]:
    """Return the states that an execution has entered, in order, each once."""
    pages = states.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=False, PaginationConfig={"PageSize": 1000}
    )
    events = [event for page in pages for event in page["events"]]
    names = [
        event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event
    ]
    return list(dict.fromkeys(names))
