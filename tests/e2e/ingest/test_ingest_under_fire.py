"""Races, canaries and a redrive on the twin: what only a whole stack can show."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from cli.stack import Stack, open_stack
from clinrisk.aws import clients, settings
from tests.corpus.cases import STROKE, good, lines, stroke_rows, text
from tests.e2e.conftest import PROJECT, RunningTwin
from twin.replay.upload_watch import upload_id_of
from twin.state import Endpoint

DELIVERIES = 20
CANARY = "Qzx7canary"

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]


@dataclass
class Live:
    """A deployed stack on a twin of its own."""

    twin: RunningTwin
    outputs: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        facts = Endpoint(**json.loads((self.twin.state_dir / "endpoint.json").read_text()))
        return facts.environment()

    def client(self, service: str) -> Any:
        return self.twin.client(service)

    def put(self, key: str, data: bytes) -> str:
        bucket = self.outputs["InboxBucket"]
        return str(self.client("s3").put_object(Bucket=bucket, Key=key, Body=data)["VersionId"])

    def executions(self, machine: str = "IngestStateMachine") -> list[dict[str, Any]]:
        states = self.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.outputs[machine], maxResults=1000)["executions"]
        return [states.describe_execution(executionArn=one["executionArn"]) for one in listed]

    def of(self, version: str) -> list[dict[str, Any]]:
        return [one for one in self.executions() if version in one["input"]]

    def ended(self, version: str, count: int = 1) -> list[dict[str, Any]]:
        while True:  # the test's own timeout ends a wait in vain
            found = self.of(version)
            if len(found) >= count and all(one["status"] != "RUNNING" for one in found):
                return found
            time.sleep(0.2)

    def objects(self, bucket: str) -> dict[str, tuple[str, Any]]:
        """Return each object's digest and moment of writing."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.outputs[bucket])
        return {
            item["Key"]: (item["ETag"], item["LastModified"])
            for page in pages
            for item in page.get("Contents", [])
        }

    def dispositions(self, key: str) -> list[str]:
        """Read the disposition in every version that the receipt of a file has had."""
        s3, bucket = self.client("s3"), self.outputs["ResultsBucket"]
        listed = s3.list_object_versions(Bucket=bucket, Prefix=f"receipts/{key}.")["Versions"]
        read = [s3.get_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"]) for one in listed]
        return [json.loads(one["Body"].read())["disposition"] for one in read]

    def items(self) -> list[str]:
        found = self.client("dynamodb").scan(TableName=self.outputs["UploadsTable"])["Items"]
        return sorted(json.dumps(item, sort_keys=True) for item in found)

    def clinrisk(self, *words: str) -> Any:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [str(PROJECT / ".envs/cli/bin/clinrisk"), *words, "--json"],
            env=kept | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def live(twin: RunningTwin) -> Live:
    template = str(PROJECT / "template.yaml")
    return Live(twin, json.loads(twin.command("deploy", template, "--stack", "clinrisk", "--json")))


def _snapshot(live: Live) -> tuple[Any, ...]:
    return live.objects("LakeBucket"), live.objects("ResultsBucket"), live.items()


def test_twenty_deliveries_that_race_settle_an_upload_once(live: Live) -> None:
    version = live.put(
        "inbox/stroke/inference/race.csv", text(lines(stroke_rows("race"), STROKE[:-1]), STROKE[:-1])
    )
    [first] = live.twin.until(lambda: live.of(version))
    machine = live.outputs["IngestStateMachine"]

    def deliver(number: int) -> None:
        live.client("stepfunctions").start_execution(
            stateMachineArn=machine, name=f"race-{number}", input=first["input"]
        )

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(deliver, range(DELIVERIES - 1)))
    ended = live.ended(version, DELIVERIES)
    assert {one["status"] for one in ended} == {"SUCCEEDED"}
    [receipt] = live.clinrisk("receipts", "stroke/inference/race.csv")
    assert (receipt["disposition"], receipt["rows_accepted"]) == ("ACCEPTED", 40)
    before = _snapshot(live)
    deliver(DELIVERIES)
    live.ended(version, DELIVERIES + 1)
    assert _snapshot(live) == before


def test_the_same_bytes_under_many_keys_at_once_are_used_once_and_no_receipt_changes(live: Live) -> None:
    data = good("same bytes", 60)
    keys = [f"inbox/stroke/training/same-{number}.csv" for number in range(6)]
    with ThreadPoolExecutor(len(keys)) as threads:
        versions = list(threads.map(lambda key: live.put(key, data), keys))
    for version in versions:
        live.ended(version)
    # The bucket is versioned: what a receipt ever was can still be read.
    dispositions = {key: live.dispositions(key) for key in keys}
    assert sorted(dispositions.values()) == [["ACCEPTED"]] + [["DUPLICATE"]] * 5
    used = {key for key, found in dispositions.items() if found == ["ACCEPTED"]}
    lost = [
        upload_id_of(live.outputs["InboxBucket"], key, version)
        for key, version in zip(keys, versions, strict=True)
        if key not in used
    ]
    # The losers wrote nothing: no part of a chunk, no features, no record.
    assert not [key for key in live.objects("LakeBucket") if any(one in key for one in lost)]


def test_a_file_that_cannot_be_processed_is_failed_kept_and_redriven(live: Live) -> None:
    """The lake is closed to the functions: every try is refused until the policy is mended."""
    s3, lake = live.client("s3"), live.outputs["LakeBucket"]
    policy = json.loads(s3.get_bucket_policy(Bucket=lake)["Policy"])
    closed = {"Sid": "Closed", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    closed |= {"Resource": f"arn:aws:s3:::{lake}/*"}
    shut = policy | {"Statement": [*policy["Statement"], closed]}
    s3.put_bucket_policy(Bucket=lake, Policy=json.dumps(shut))
    key = "inbox/stroke/training/poison.csv"
    version = live.put(key, good("poison"))
    [ended] = live.ended(version)
    assert (ended["status"], ended["error"]) == ("FAILED", "UploadFailed")
    [receipt] = live.clinrisk("receipts", key)
    assert receipt["disposition"] == "FAILED"
    reason = "AWS answered PutObject with AccessDenied."
    assert f"What failed: {reason}" in receipt["explanation"]
    # Batches that no live model could score stand still as well.
    assert (key, reason) in [(one["name"], one["reason"]) for one in live.clinrisk("redrive")]
    s3.put_bucket_policy(Bucket=lake, Policy=json.dumps(policy))
    assert [one["name"] for one in live.clinrisk("redrive", key)] == [key]
    live.ended(version, 2)
    [receipt] = live.clinrisk("receipts", key)
    assert (receipt["disposition"], receipt["rows_accepted"]) == ("ACCEPTED", 40)
    assert key not in [one["name"] for one in live.clinrisk("redrive")]


def test_no_cell_leaves_the_lake(live: Live) -> None:
    rows = [row | {"id": f"{CANARY}{n}"} for n, row in enumerate(stroke_rows("canary", 500))]
    for number, name in enumerate(STROKE):
        rows[number] |= {name: f"={CANARY}"}
        rows[number + 20] |= {name: CANARY * 9}
        rows[number + 40] |= {name: f'"{CANARY},{CANARY}"'}
    bad = [f"{CANARY},{CANARY}", f'"{CANARY}', f"{CANARY}\u00e9" + ",1" * 30]
    header = ",".join(STROKE)
    files = {
        "training/canary.csv": text([*lines(rows), *bad]),
        "training/canary-all-bad.csv": text([*bad, *bad]),
        "training/canary-header.csv": text(lines(rows), header.replace("age,", f"{CANARY},{CANARY} B,", 1)),
        "training/canary-no-header.csv": text(lines(rows)[60:], lines(rows)[0]),
        "training/canary-latin.csv": text(lines(rows)) + f"{CANARY}\u00e9".encode("latin-1"),
        "inference/canary.csv": text(lines(rows, STROKE[:-1]), STROKE[:-1]),
        "outcomes/canary.csv": text([f"{CANARY}{n},1,2024-01-01" for n in range(9)] + bad, "id,label,date"),
    }
    for name, data in files.items():
        live.ended(live.put(f"inbox/stroke/{name}", data))
    receipts = [
        one["disposition"] for one in live.clinrisk("receipts", "--last", "50") if "canary" in one["key"]
    ]
    assert sorted(receipts) == ["PARTIAL"] * 3 + ["REJECTED"] * 4
    visible = dict(_visible(live))
    assert {name for name, words in visible.items() if CANARY in words} == set()
    assert {"receipts", "logs", "mail", "histories", "tables", "metrics", "engine"} <= set(visible)
    assert all(visible.values())


def _visible(live: Live) -> Iterator[tuple[str, str]]:
    """Return everything that the stack says to people or machines outside of lake, vault and inbox."""
    s3, results = live.client("s3"), live.outputs["ResultsBucket"]
    keys = live.objects("ResultsBucket")
    yield "receipts", "".join(s3.get_object(Bucket=results, Key=key)["Body"].read().decode() for key in keys)
    yield "lake keys", " ".join(live.objects("LakeBucket"))
    logs = live.client("logs")
    groups = [group["logGroupName"] for page in logs.get_paginator("describe_log_groups").paginate()
              for group in page["logGroups"]]  # fmt: skip
    yield (
        "logs",
        "".join(
            event["message"]
            for group in groups
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
            for event in page["events"]
        ),
    )
    yield "mail", "".join(path.read_text() for path in (live.twin.state_dir / "mail").rglob("*.json"))
    states = live.client("stepfunctions")
    yield (
        "histories",
        json.dumps(
            [
                [
                    one,
                    states.get_execution_history(executionArn=one["executionArn"], maxResults=1000)["events"],
                ]
                for name in ("Ingest", "Training", "Release", "Scoring")
                for one in live.executions(f"{name}StateMachine")
            ],
            default=str,
        ),
    )
    yield "tables", " ".join(live.items())
    yield "metrics", json.dumps(live.client("cloudwatch").list_metrics()["Metrics"])
    yield "engine", (live.twin.state_dir / "engine.log").read_text(errors="replace") + " "


@pytest.fixture
def as_on_aws(live: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of whoever uses this stack as one on AWS; the process is as it was afterwards."""
    for name, value in live.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield
    clients.connect()
    settings.use(os.environ)


def test_the_command_finds_this_stack_as_it_finds_any_other(live: Live, as_on_aws: None) -> None:
    stack: Stack = open_stack(None, on_twin=False)
    assert stack.output("DeadLetterQueue") == live.outputs["DeadLetterQueue"]
