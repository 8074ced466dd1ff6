"""Measure a burst on the twin: how long it takes beside its jobs, how much memory, and what small files wait.

    .envs/dev/bin/python -m bench.burst files 300     # 490 files at once, two jobs of a kind
    .envs/dev/bin/python -m bench.burst large 5000000 # thirty small batches beside a large one

Needs the environments of `make demo` and an otherwise idle machine.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.operations import test_soak as soak
from tests.e2e.recovery import drained, hospital_with_model, inference, recovered

if TYPE_CHECKING:
    from tests.e2e.hospital import Hospital

SMALL, SMALL_ROWS = 30, 60


class Memory(threading.Thread):
    """The largest proportional memory of the twin and all its workers, looked at every two seconds."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.last, self.most = pid, 0, 0, 0

    def run(self) -> None:
        while True:
            family = self._family(self.pid)
            self.last = sum(_proportional(pid) for pid in family)
            self.peak, self.most = max(self.peak, self.last), max(self.most, len(family))
            time.sleep(2)

    def _family(self, pid: int) -> list[int]:
        found = [pid]
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                children = [int(one) for one in task.read_text().split()]
            except OSError:
                continue
            found += [one for child in children for one in self._family(child)]
        return found


def _proportional(pid: int) -> int:
    """Return what a process adds to the memory in use, in bytes; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def job_seconds(hospital: Hospital) -> dict[str, list[float]]:
    """Return how long each job of each kind has run."""
    sagemaker, found = hospital.twin.client("sagemaker"), {}
    for kind, ended in (
        ("training", "TrainingEndTime"),
        ("processing", "ProcessingEndTime"),
        ("transform", "TransformEndTime"),
    ):
        title = kind.title()
        pages = sagemaker.get_paginator(f"list_{kind}_jobs").paginate()
        jobs = [one for page in pages for one in page[f"{title}JobSummaries"]]
        found[kind] = [(one[ended] - one["CreationTime"]).total_seconds() for one in jobs if ended in one]
    return found


def files(hospital: Hospital, inference_files: int) -> None:
    """Print what a burst of files costs, without accidents."""
    soak.FILES = inference_files
    before = {kind: len(jobs) for kind, jobs in job_seconds(hospital).items()}
    memory = Memory(hospital.twin.pid)
    memory.start()
    burst, began = soak.Burst(hospital), time.monotonic()
    burst.drop_all(random.Random(1))  # noqa: S311 - the seed is the point
    dropped = time.monotonic() - began
    time.sleep(10)
    drained(hospital)
    took = time.monotonic() - began
    stuck = hospital.twin.clinrisk("stuck", "--patience", "0")
    published = [row["id"] for rows in soak.results(hospital).values() for row in rows]
    jobs = {kind: seconds[: len(seconds) - before[kind]] for kind, seconds in job_seconds(hospital).items()}
    alone = sum(map(sum, jobs.values()))
    print(f"files                       {len(burst.versions)}, dropped in {dropped:.0f} s")
    print(f"jobs                        { ({kind: len(found) for kind, found in jobs.items()}) }")
    print(f"rows published              {len(published)}, of them once {len(set(published))}")
    print(f"stuck                       {len(stuck)}")
    print(f"drained in                  {took:.0f} s; its jobs need {alone:.0f} s: {took / alone:.2f} of it")
    print(
        f"memory                      at most {memory.peak / 1e9:.2f} GB in {memory.most} processes",
        flush=True,
    )
    time.sleep(60)
    print(f"memory a minute later       {memory.last / 1e9:.2f} GB", flush=True)


def published(hospital: Hospital, stem: str) -> bool:
    s3, bucket = hospital.twin.client("s3"), hospital.outputs["ResultsBucket"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"results/heart/{stem}/").get("Contents", [])
    return any(one["Key"].endswith(".csv") for one in listed)


def wait_for_results(hospital: Hospital, stems: list[str]) -> None:
    for stem in stems:
        while not published(hospital, stem):
            time.sleep(0.5)


def small(hospital: Hospital, name: str) -> float:
    """Drop thirty small batches and return the seconds until the last has its results."""
    s3, began = hospital.twin.client("s3"), time.monotonic()
    stems = [f"{name}-{n}" for n in range(SMALL)]
    bodies = [inference(SMALL_ROWS, 7000 + n, f"{name}{n}") for n in range(SMALL)]
    for stem, body in zip(stems, bodies, strict=True):
        s3.put_object(
            Bucket=hospital.outputs["InboxBucket"], Key=f"inbox/heart/inference/{stem}.csv", Body=body
        )
    wait_for_results(hospital, stems)
    return time.monotonic() - began


def large(hospital: Hospital, rows: int) -> None:
    """Print how long thirty small batches take alone and beside a large file."""
    drawn = inference(50_000, 3, "x").decode().splitlines()
    header, rest = drawn[0], [line.partition(",")[2] for line in drawn[1:]]
    body = "\n".join([header, *(f"m{n},{rest[n % len(rest)]}" for n in range(rows))]).encode() + b"\n"
    memory = Memory(hospital.twin.pid)
    memory.start()
    alone = small(hospital, "alone")
    print(f"thirty small ones alone     {alone:.0f} s", flush=True)
    s3, inbox = hospital.twin.client("s3"), hospital.outputs["InboxBucket"]
    began = time.monotonic()
    s3.upload_fileobj(io.BytesIO(body), inbox, "inbox/heart/inference/large.csv")
    uploaded = time.monotonic()
    took = small(hospital, "with-it")
    print(f"large file uploaded in      {uploaded - began:.0f} s ({len(body) / 1e6:.0f} MB)")
    print(f"dropped with the large one  {took:.0f} s, {took / alone:.1f} times", flush=True)
    running = hospital.twin.client("sagemaker").list_transform_jobs
    while not (running(StatusEquals="InProgress")["TransformJobSummaries"] or published(hospital, "large")):
        time.sleep(1)
    if not published(hospital, "large"):
        print(f"its job began after         {time.monotonic() - uploaded:.0f} s", flush=True)
        took = small(hospital, "during")
        print(f"dropped while it is scored  {took:.0f} s, {took / alone:.1f} times", flush=True)
    wait_for_results(hospital, ["large"])
    print(f"large file published after  {time.monotonic() - uploaded:.0f} s")
    drained(hospital)
    print(
        f"memory                      at most {memory.peak / 1e9:.2f} GB in {memory.most} processes",
        flush=True,
    )


def main(what: str = "files", size: str = "300") -> None:
    with tempfile.TemporaryDirectory() as folder, hospital_with_model(Path(folder) / "bench") as hospital:
        {"files": files, "large": large}[what](hospital, int(size))
        print(f"redrives that were needed   {recovered(hospital)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
