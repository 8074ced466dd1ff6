"""A twin of its own for the end-to-end tests: another process, another directory, a free port."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

PROJECT = Path(__file__).resolve().parents[2]
TWIN = PROJECT / ".envs/twin/bin/twin"
CLINRISK = PROJECT / ".envs/cli/bin/clinrisk"
PATIENCE = 900.0
"""Seconds after which something hangs: no test decides by how fast this machine is."""


@dataclass(frozen=True)
class RunningTwin:
    """A twin that a test may talk to; clients are made for its address and keys only."""

    state_dir: Path
    endpoint_url: str
    region: str
    access_key: str
    secret_key: str
    pid: int

    def client(self, service: str) -> Any:
        make: Callable[..., Any] = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def command(self, *arguments: str) -> str:
        """Run `twin ...` against this twin's directory and give what it printed."""
        done = self._twin(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refusal(self, *arguments: str) -> str:
        """Run `twin ...`, which must fail, and give what it said."""
        done = self._twin(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        return done.stderr

    def _twin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = twin_environment(self.state_dir)
        return subprocess.run(
            [str(TWIN), *arguments], env=environment, capture_output=True, text=True, check=False
        )

    @staticmethod
    def until(give: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Return the first truthy answer; fail when none comes."""
        deadline = time.monotonic() + max(seconds, PATIENCE)
        while time.monotonic() < deadline:
            if answer := give():
                return answer
            time.sleep(0.05)
        raise AssertionError("nothing came")

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function and give its answer, an error's payload included."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        payload: dict[str, Any] = json.loads(answer["Payload"].read())
        return payload

    def run(self, machine: str, given: dict[str, Any], name: str | None = None) -> dict[str, Any]:
        """Run an execution to its end and give its description."""
        states = self.client("stepfunctions")
        named = {"name": name} if name else {}
        arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given), **named)[
            "executionArn"
        ]

        def ended() -> Any:
            described = states.describe_execution(executionArn=arn)
            return described if described["status"] != "RUNNING" else None

        described: dict[str, Any] = self.until(ended)
        return described

    def clinrisk(self, *arguments: str | Path) -> Any:
        """Return what `clinrisk ... --json` answers, whatever its exit code says."""
        offline = arguments[0] in {"cohort", "check", "convert", "use-cases"}
        command = [str(CLINRISK), *map(str, arguments), "--json", *([] if offline else ["--twin"])]
        done = subprocess.run(
            command, env=twin_environment(self.state_dir), capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return json.loads(done.stdout or done.stderr)

    def objects(self, bucket: str, prefix: str = "") -> list[str]:
        """List the keys of a bucket under a prefix."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def receipt(self, bucket: str, key: str) -> dict[str, Any]:
        """Wait for the receipt of a file in the inbox, and return it."""
        [found, *_] = self.until(lambda: self.objects(bucket, f"receipts/{key}."))
        receipt: dict[str, Any] = json.loads(
            self.client("s3").get_object(Bucket=bucket, Key=found)["Body"].read()
        )
        return receipt

    def mail(self, address: str) -> list[dict[str, Any]]:
        mails: list[dict[str, Any]] = json.loads(self.command("mail", address, "--json"))
        return mails


def twin_environment(state_dir: Path) -> dict[str, str]:
    return os.environ | {"TWIN_STATE_DIR": str(state_dir)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(state_dir: Path, *options: str) -> Iterator[RunningTwin]:
    """Return a twin of one's own; whatever happened in it, its log must hold no traceback at the end."""
    process = subprocess.Popen(
        [str(TWIN), "up", "--foreground", *(options or ("--port", str(free_port())))],
        env=twin_environment(state_dir),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert "answers at" in process.stdout.readline()
        facts = json.loads((state_dir / "endpoint.json").read_text())
        facts.pop("ca_bundle")
        yield RunningTwin(state_dir, **facts)
    finally:
        process.terminate()
        process.wait(timeout=15)
        process.stdout.close()
    assert "Traceback" not in (log := (state_dir / "engine.log").read_text()), log[-3000:]


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with started(tmp_path_factory.mktemp("twin")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(twin: RunningTwin) -> dict[str, str]:
    """The outputs of the project's own stack."""
    command = ["deploy", str(PROJECT / "template.yaml"), "--stack", "clinrisk", "--json"]
    outputs: dict[str, str] = json.loads(twin.command(*command))
    return outputs


@pytest.fixture(scope="session")
def probe_stack(twin: RunningTwin) -> dict[str, str]:
    """The outputs of the engine tests' own small stack."""
    template = Path(__file__).parent / "engine/template.yaml"
    outputs: dict[str, str] = json.loads(twin.command("deploy", str(template), "--stack", "probe", "--json"))
    return outputs
