"""The twin as a process: small when idle, alone on loopback, and gone without a trace."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

PROJECT = Path(__file__).resolve().parents[2]
TWIN = PROJECT / ".envs/twin/bin/twin"
TEMPLATE = PROJECT / "tests/e2e/engine/template.yaml"

pytestmark = pytest.mark.twin


def twin(state_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TWIN_STATE_DIR": str(state_dir)} | variables
    return subprocess.run(
        [str(TWIN), *arguments], env=environment, capture_output=True, text=True, check=False
    )


@contextmanager
def foreground(
    state_dir: Path, port: int, *, sigint_ignored: bool = False
) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"TWIN_STATE_DIR": str(state_dir)}
    command = [str(TWIN), "up", "--foreground", "--port", str(port)]
    if sigint_ignored:  # as a shell starts what it puts into the background
        command = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def endpoint(state_dir: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((state_dir / "endpoint.json").read_text())
    return facts


def processes_of(state_dir: Path) -> list[str]:
    """The command lines of every live process that works in or on this twin's directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(state_dir) in command + where:
            found.append(command)
    return found


def no_process_left(state_dir: Path) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not processes_of(state_dir):
            return True
        time.sleep(0.05)
    return False


def with_a_worker(state_dir: Path) -> None:
    """Deploy the probe stack, whose custom resource leaves a Lambda worker behind."""
    assert twin(state_dir, "deploy", str(TEMPLATE), "--stack", "probe").returncode == 0
    assert any("bootstrap.py" in command for command in processes_of(state_dir))


def test_it_starts_with_little_work_and_is_small_when_idle(tmp_path: Path) -> None:
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    try:
        process = Path(f"/proc/{endpoint(tmp_path)['pid']}")
        resident = next(
            line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS")
        )
        assert int(resident.split()[1]) / 1024 < 400
        # Processor time, as wall clock depends on what else this machine does: about 2 s.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        assert sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") < 10
    finally:
        assert "stopped" in twin(tmp_path, "down").stdout


def test_nothing_of_the_users_environment_reaches_the_engine(tmp_path: Path) -> None:
    theirs = {
        "AWS_PROFILE": "hospital",
        "AWS_SESSION_TOKEN": "real",
        "HTTPS_PROXY": "http://proxy",
        "DB_PASSWORD": "x",
    }
    assert twin(tmp_path, "up", "--port", str(free_port()), **theirs).returncode == 0
    try:
        given = Path(f"/proc/{endpoint(tmp_path)['pid']}/environ").read_bytes().decode()
        names = {entry.partition("=")[0] for entry in given.split("\0")}
        assert not names & theirs.keys()
        assert {"AUTH", "BIND_HOST", "IOT_MTLS_ENABLED"} <= names
    finally:
        twin(tmp_path, "down")


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    port = free_port()
    assert twin(tmp_path, "up", "--port", str(port)).returncode == 0
    try:
        listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        addresses = {
            fields[1] for fields in listening if fields[3] == "0A" and fields[1].endswith(f":{port:04X}")
        }
        assert addresses == {f"0100007F:{port:04X}"}
    finally:
        twin(tmp_path, "down")


def test_down_leaves_no_process(tmp_path: Path) -> None:
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    with_a_worker(tmp_path)
    assert "stopped" in twin(tmp_path, "down").stdout
    assert no_process_left(tmp_path), processes_of(tmp_path)
    assert not (tmp_path / "endpoint.json").exists()


@pytest.mark.parametrize("sigint_ignored", [False, True], ids=["at a prompt", "in the background"])
def test_ctrl_c_leaves_no_process(tmp_path: Path, *, sigint_ignored: bool) -> None:
    with foreground(tmp_path, free_port(), sigint_ignored=sigint_ignored) as process:
        with_a_worker(tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert no_process_left(tmp_path), processes_of(tmp_path)


def test_a_killed_foreground_leaves_no_process(tmp_path: Path) -> None:
    with foreground(tmp_path, free_port()) as process:
        with_a_worker(tmp_path)
        process.kill()
        process.wait()
        assert no_process_left(tmp_path), processes_of(tmp_path)


def test_a_killed_engine_leaves_no_process(tmp_path: Path) -> None:
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    with_a_worker(tmp_path)
    os.kill(endpoint(tmp_path)["pid"], signal.SIGKILL)
    assert no_process_left(tmp_path), processes_of(tmp_path)
    assert twin(tmp_path, "status").returncode == 1


def test_a_port_in_use_is_named_with_a_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = twin(tmp_path, "up", "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on this machine is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_twin_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    try:
        done = twin(tmp_path, "up", "--port", str(free_port()))
        assert (done.returncode, "already running" in done.stderr) == (1, True)
    finally:
        twin(tmp_path, "down")


def test_a_template_that_cannot_work_names_the_resource_and_the_reason(tmp_path: Path) -> None:
    template = tmp_path / "broken.yaml"
    template.write_text("""
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {Namespace: a, MetricName: b, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}
""")
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    try:
        done = twin(tmp_path, "deploy", str(template))
        assert done.returncode == 1
        assert "Alarm (AWS::CloudWatch::Alarm): Threshold is required" in done.stderr
    finally:
        twin(tmp_path, "down")


def test_down_lists_what_is_forgotten(tmp_path: Path) -> None:
    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    assert twin(tmp_path, "down").stdout == "The twin has stopped.\n"

    assert twin(tmp_path, "up", "--port", str(free_port())).returncode == 0
    facts = endpoint(tmp_path)
    keys = {"aws_access_key_id": facts["access_key"], "aws_secret_access_key": facts["secret_key"]}
    place = {"endpoint_url": facts["endpoint_url"], "region_name": facts["region"]}
    boto3.client("s3", **place, **keys).create_bucket(Bucket="lake")
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = boto3.client("iam", **place, **keys).create_role(RoleName="r", AssumeRolePolicyDocument=document)
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 90_000, "End": True}}}
    states = boto3.client("stepfunctions", **place, **keys)
    machine = states.create_state_machine(name="m", definition=json.dumps(wait), roleArn=role["Role"]["Arn"])
    for name in ("one", "two"):
        states.start_execution(stateMachineArn=machine["stateMachineArn"], name=name)
    said = twin(tmp_path, "down").stdout
    assert said == "The twin has stopped. It has forgotten 1 bucket and 2 running executions.\n"
    assert no_process_left(tmp_path), processes_of(tmp_path)


def test_what_is_kept_belongs_to_a_port_and_to_a_version_of_the_engine(tmp_path: Path) -> None:
    run, kept, port = tmp_path / "run", tmp_path / "kept", free_port()
    assert twin(run, "up", "--state", str(kept), "--port", str(port)).returncode == 0
    assert twin(run, "down").stdout == (
        f"The twin has stopped. It has kept nothing in {kept}. Go on with: twin up --state {kept}\n"
    )
    done = twin(run, "up", "--state", str(kept), "--port", str(port + 1))
    assert (done.returncode, f"belongs to port {port}" in done.stderr) == (1, True)
    (kept / "about.json").write_text(json.dumps({"port": port, "engine": "0.1"}))
    done = twin(run, "up", "--state", str(kept))
    assert (done.returncode, "belongs to version 0.1 of the engine" in done.stderr) == (1, True)


def test_a_directory_with_other_files_is_not_taken_to_keep_anything(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/thesis.txt").write_text("mine")
    done = twin(tmp_path / "run", "up", "--state", str(tmp_path / "kept"), "--port", str(free_port()))
    assert (done.returncode, "holds other files" in done.stderr) == (1, True)
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["thesis.txt"]


def test_a_twin_that_cannot_keep_what_it_holds_reports_it(tmp_path: Path) -> None:
    run, kept = tmp_path / "run", tmp_path / "kept"
    assert twin(run, "up", "--state", str(kept), "--port", str(free_port())).returncode == 0
    (kept / "twin.draft").mkdir()
    done = twin(run, "down")
    assert (done.returncode, "The twin has stopped and kept nothing" in done.stderr) == (1, True)
    assert "IsADirectoryError" in done.stderr
    assert no_process_left(run), processes_of(run)
