"""Lambda on the twin behaves as on AWS: each test fails without the repair it names."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

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
    assert where.is_relative_to(twin.state_dir / "layers")
    assert len(list((twin.state_dir / "layers").glob("*/python/sharedcode"))) == 1


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


def test_an_alarm_looks_at_its_own_dimensions_and_writes(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
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
