"""Lambda on the twin behaves as on AWS: each test fails without the repair it names."""

import hashlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

PROJECT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.twin


def test_a_handler_sees_its_layers_and_the_runtime_and_nothing_else(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    modules = twin.invoke(probe_stack["Probe"], {"do": "surroundings"})["modules"]
    assert modules == {
        "sharedcode": True, "boto3": True, "clinrisk": False, "twin": False, "ministack": False, "typer":
        False,
    }  # fmt: skip


def test_nothing_of_the_users_environment_reaches_a_handler(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    names = set(twin.invoke(probe_stack["Probe"], {"do": "surroundings"})["environment"])
    assert {"MAC_KEY", "AWS_LAMBDA_FUNCTION_NAME", "AWS_SESSION_TOKEN"} <= names
    assert not {"TWIN_STATE_DIR", "VIRTUAL_ENV", "PYTHONPATH", "USER", "AUTH", "GATEWAY_PORT"} & names


def test_a_layer_is_unpacked_once_and_shared(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    where = Path(twin.invoke(probe_stack["Probe"], {"do": "surroundings"})["where"])
    layer = where.parents[2]
    assert layer.parent == PROJECT / ".build/layers/unpacked"
    assert list(where.parent.glob("__pycache__/__init__.*.pyc"))
    assert not list((twin.state_dir / "tmp").rglob("sharedcode"))


def test_a_raised_exception_keeps_its_class(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    failed = twin.invoke(probe_stack["Probe"], {"do": "fail"})
    assert (failed["errorType"], failed["errorMessage"]) == ("OutOfPatience", "as asked")


def test_a_handler_has_the_rights_of_its_role_only(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    s3, inbox = twin.client("s3"), probe_stack["Inbox"]
    s3.put_object(Bucket=inbox, Key="open/a", Body=b"seen")
    s3.put_object(Bucket=inbox, Key="closed/a", Body=b"unseen")
    answer = twin.client("lambda").invoke(
        FunctionName=probe_stack["Probe"],
        Payload=json.dumps({"do": "read", "bucket": inbox, "key": "open/a"}),
    )
    assert json.loads(answer["Payload"].read()) == "seen"
    denied = twin.invoke(probe_stack["Probe"], {"do": "read", "bucket": inbox, "key": "closed/a"})
    assert "AccessDenied" in denied["errorMessage"]


def test_embedded_metrics_reach_cloudwatch(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    twin.invoke(probe_stack["Probe"], {"do": "metrics"})
    listed = twin.client("cloudwatch").list_metrics(Namespace="probe")["Metrics"]
    assert [(m["MetricName"], m["Dimensions"]) for m in listed] == [
        ("Seen", [{"Name": "use_case", "Value": "heart"}])
    ]


def test_an_invocation_is_counted_once(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    cloudwatch, now = twin.client("cloudwatch"), datetime.now(UTC)

    def counted() -> int:
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": probe_stack["Probe"]}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=7200,
            Statistics=["Sum"],
        )
        return int(sum(point["Sum"] for point in found["Datapoints"]))

    before = counted()
    twin.invoke(probe_stack["Probe"], {"do": "echo"})
    assert counted() == before + 1


def test_an_alarm_evaluates_its_own_dimensions(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    twin.invoke(probe_stack["Probe"], {"do": "metrics"})
    cloudwatch = twin.client("cloudwatch")

    def in_alarm() -> bool:
        alarms = cloudwatch.describe_alarms()["MetricAlarms"]
        return any(alarm["StateValue"] == "ALARM" for alarm in alarms if alarm["MetricName"] == "Seen")

    assert twin.until(in_alarm)


def test_an_alarm_on_an_expression_is_evaluated(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    twin.invoke(probe_stack["Probe"], {"do": "metrics"})
    cloudwatch, name = twin.client("cloudwatch"), probe_stack["UnwatchedAlarm"]

    def in_alarm() -> bool:
        found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return bool(found[0]["StateValue"] == "ALARM")

    assert twin.until(in_alarm)


def test_logs_are_in_the_functions_own_group(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    twin.invoke(probe_stack["Probe"], {"do": "fail"})
    logs = twin.client("logs")
    events = logs.filter_log_events(logGroupName="/aws/lambda/probe-probe")["events"]
    assert any("OutOfPatience: as asked" in event["message"] for event in events)


def test_a_policy_that_names_the_role_lets_its_function_in(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    twin.client("s3").put_object(Bucket=probe_stack["Inbox"], Key="open/vault/a", Body=b"for the role")
    event = {"do": "read", "bucket": probe_stack["Inbox"], "key": "open/vault/a"}
    answer = twin.client("lambda").invoke(FunctionName=probe_stack["Probe"], Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == "for the role"


def test_the_log_has_the_memory_that_the_worker_used(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    answer = twin.client("lambda").invoke(
        FunctionName=probe_stack["Probe"], Payload=json.dumps({"do": "grow", "bytes": 200 * 1024**2})
    )
    assert json.loads(answer["Payload"].read()) == 200 * 1024**2
    events = twin.client("logs").filter_log_events(logGroupName="/aws/lambda/probe-probe")["events"]
    reported = [event["message"] for event in events if event["message"].startswith("REPORT")]
    peaks = [int(line.split("Max Memory Used: ")[1].split()[0]) for line in reported]
    assert 200 <= max(peaks) < 400


def test_a_burst_of_invocations_shares_as_many_workers_as_there_are_cores(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    burst = 4 * (os.cpu_count() or 1)
    with ThreadPoolExecutor(burst) as pool:
        answers = list(
            pool.map(lambda _: twin.invoke(probe_stack["Probe"], {"do": "identity"}), range(burst))
        )
    # Each worker has keys of its own. Where nothing ends for ten seconds, one more may start.
    assert len({answer["key"] for answer in answers}) <= burst // 2


def in_repaired_engine(tmp_path: Path, script: str) -> str:
    """Run statements in a process that has the repaired engine, and give what they print."""
    head = f"""
from pathlib import Path
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from twin.repairs.lambda_functions import worker_pool
from twin.repairs.repair_registry import REPAIRS, Site
REPAIRS.apply(Site("http://127.0.0.1:1", Path({str(tmp_path)!r})))
def config(name):
    arn = "arn:aws:lambda:us-east-1:000000000000:function:" + name
    return {{"FunctionName": name, "FunctionArn": arn}}
"""
    python = PROJECT / ".envs/twin/bin/python"
    command = [str(python), "-c", head + script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_idle_workers_end(tmp_path: Path) -> None:
    script = """
worker, _ = lambda_runtime.acquire_worker("f", config("f"), b"")
lambda_runtime.release_worker(worker)
print(lambda_svc.reap_idle_workers(60), lambda_svc.reap_idle_workers(0))
"""
    assert in_repaired_engine(tmp_path, script).split() == ["0", "1"]


def test_a_new_worker_takes_the_place_of_the_one_that_is_idle_for_longest(tmp_path: Path) -> None:
    script = """
names = [f"f{number}" for number in range(worker_pool.ALIVE + 3)]
busy = worker_pool.idle_or_new(config("busy"), b"")
for number, name in enumerate(names):
    worker = worker_pool.idle_or_new(config(name), b"")
    worker.last_used = number
    lambda_runtime.release_worker(worker)
pools = {key.split(":")[2]: pool for key, pool in lambda_runtime._workers.items() if pool}
print(worker_pool.ALIVE == len(pools), *(name in pools for name in ("busy", names[3], names[4], names[-1])))
"""
    assert in_repaired_engine(tmp_path, script).split() == ["True", "True", "False", "True", "True"]


def test_a_workers_keys_cannot_be_guessed(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    arn = twin.client("lambda").get_function(FunctionName=probe_stack["Probe"])["Configuration"]
    guessed = hashlib.sha256(f"{arn['FunctionArn']}:{arn['Role']}".encode()).hexdigest()[:16].upper()
    shown = twin.invoke(probe_stack["Probe"], {"do": "identity"})
    assert shown["arn"].split(":assumed-role/")[1].split("/")[0] == arn["Role"].rpartition("/")[2]
    assert shown["key"] != f"ASIA{guessed}"
