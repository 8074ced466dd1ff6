"""A burst with accidents on the twin, then only documented commands: every row is accounted for.

`make soak FILES=300 SEED=1` runs it at full size; as a part of the tests it is short. All that happens by
chance comes from the seed. Files: inference, a fifth as many training, bad ones, copies, overwrites.
Accidents: executions are stopped, jobs and workers killed, the quota of transform jobs is one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files import synthetic_cohort
from tests.e2e.recovery import MACHINES, hospital_with_model, inference, recovered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(7200)]
FILES = int(os.environ.get("SOAK_FILES", "8"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
ACCIDENTS = int(os.environ.get("SOAK_ACCIDENTS", str(max(4, FILES // 4))))
ROWS = 60


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model of heart, and room for one transform job."""
    with hospital_with_model(tmp_path_factory.mktemp("soak")) as found:
        found.twin.command("quota", "transform=1")
        yield found


class Burst:
    """What was dropped: inference files by name with their ids, and how many of the other kinds."""

    def __init__(self, hospital: Hospital) -> None:
        self.s3 = hospital.twin.client("s3")
        self.bucket = hospital.outputs["InboxBucket"]
        self.versions: dict[tuple[str, str], bytes] = {}

    def put(self, purpose: str, name: str, body: bytes) -> None:
        key = f"inbox/heart/{purpose}/{name}.csv"
        version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]
        self.versions[key, version] = body

    def drop_all(self, chance: random.Random) -> None:
        bodies = [batch(1000 * SEED + n) for n in range(FILES)]
        drops = [("inference", f"ward-{n}", body) for n, body in enumerate(bodies)]
        drops += [
            ("training", f"study-{n}", synthetic_cohort.draw("heart", rows=ROWS, seed=5000 + n))
            for n in range(FILES // 5)
        ]
        drops += [("inference", f"bad-{n}", b"what,is,this\n1,2,3\n") for n in range(FILES // 4)]
        drops += [("inference", f"copy-{n}", bodies[n]) for n in range(FILES // 8)]
        drops += [("inference", f"ward-{n}", batch(9000 + n)) for n in range(FILES // 16)]
        chance.shuffle(drops)
        for purpose, name, body in drops:
            self.put(purpose, name, body)


def batch(seed: int) -> bytes:
    """Return a batch with ids of its own and without outcomes."""
    return inference(ROWS, seed, f"p{seed}")


def cause_accidents(hospital: Hospital, chance: random.Random) -> None:
    """Stop executions, stop jobs and kill workers while the burst is worked on."""
    states, sagemaker = hospital.twin.client("stepfunctions"), hospital.twin.client("sagemaker")
    for _ in range(ACCIDENTS):
        time.sleep(chance.uniform(0.2, 2.0))  # when, is by chance: what is hit, is what runs then
        kind = chance.choice(("stop", "stop", "job", "worker"))
        if kind == "stop":
            arn = hospital.outputs[f"{chance.choice(MACHINES)}StateMachine"]
            running = states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
            if running:
                states.stop_execution(executionArn=chance.choice(running)["executionArn"])
        elif kind == "job":
            jobs = sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"]
            if jobs:
                sagemaker.stop_processing_job(ProcessingJobName=chance.choice(jobs)["ProcessingJobName"])
        else:
            engine = hospital.twin.pid
            workers = [int(pid) for pid in Path(f"/proc/{engine}/task/{engine}/children").read_text().split()]
            if workers:
                os.kill(chance.choice(workers), signal.SIGKILL)


def results(hospital: Hospital) -> dict[str, list[dict[str, str]]]:
    """Return the published rows by results file."""
    s3, bucket = hospital.twin.client("s3"), hospital.outputs["ResultsBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="results/heart/")
    keys = [one["Key"] for page in pages for one in page.get("Contents", []) if one["Key"].endswith(".csv")]
    return {
        key: list(csv.DictReader(io.StringIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())))
        for key in keys
    }


def test_every_row_of_a_burst_with_accidents_is_accounted_for(
    hospital: Hospital, record_property: Any
) -> None:
    chance, burst, began = random.Random(SEED), Burst(hospital), time.monotonic()  # noqa: S311 - the seed is the point
    burst.drop_all(chance)
    cause_accidents(hospital, chance)
    again = recovered(hospital)
    listed = hospital.twin.clinrisk("receipts", "--last", "1000")
    receipts = {(one["key"], one["version_id"]): one["disposition"] for one in listed}
    assert set(burst.versions) <= set(receipts)
    by_bytes: dict[bytes, set[str]] = {}
    for where, body in burst.versions.items():
        by_bytes.setdefault(body, set()).add(receipts[where])
    for body, dispositions in by_bytes.items():
        assert dispositions <= (
            {"REJECTED"} if body.startswith(b"what") else {"ACCEPTED", "PARTIAL", "DUPLICATE", "HELD"}
        )
    # Of hundreds of healthy batches the door holds some, for a person to look at.
    held = {
        one["upload_id"] for one in hospital.twin.clinrisk("batches", "heart", "--held", "--last", "1000")
    }
    assert len(held) <= 1 + FILES // 20
    waiting = {(one["key"], one["version_id"]) for one in listed if one.get("upload_id") in held}
    published = [row["id"] for rows in results(hospital).values() for row in rows]
    assert len(published) == len(set(published))
    expected = {
        f"{row['id']}"
        for (key, version), body in burst.versions.items()
        if receipts[key, version] in {"ACCEPTED", "PARTIAL"}
        and "/inference/" in key
        and (key, version) not in waiting
        for row in csv.DictReader(io.StringIO(body.decode()))
    }
    assert set(published) == expected
    trainings = [one for one in hospital.executions("Training") if one["status"] != "RUNNING"]
    account = {
        "seed": SEED, "dropped": len(burst.versions), "accidents": ACCIDENTS, "redrives": again,
        "rows published": len(published), "batches held": len(held), "training executions": len(trainings),
        "seconds": round(time.monotonic() - began),
    }  # fmt: skip
    record_property("account", account)
    print(json.dumps(account))  # noqa: T201 - the account of `make soak`
