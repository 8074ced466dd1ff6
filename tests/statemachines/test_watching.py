"""Dashboards and alarms show only what is really published, and an alarm reaches somebody."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cli.app import app
from clinrisk import use_cases
from clinrisk.aws.telemetry import DIMENSIONS, Metric, emit
from clinrisk.core.monitoring import bias, drift
from clinrisk.core.monitoring.findings import Check
from tests.statemachines.definitions import PROJECT, resources, template

if TYPE_CHECKING:
    from collections.abc import Iterator

# What AWS publishes for this stack's resources: namespace -> metrics, and the dimension that names one.
FROM_AWS = {
    "AWS/States": (
        {
            *("ExecutionsFailed", "ExecutionsStarted", "ExecutionsTimedOut", "ExecutionsAborted"),
            *("ExecutionTime", "ExecutionThrottled"),
        },
        "StateMachineArn",
    ),
    "AWS/Lambda": ({"Errors", "Duration"}, "FunctionName"),
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible"}, "QueueName"),
    "AWS/ApiGateway": ({"Count", "4xx", "5xx"}, "ApiId"),
    "AWS/SNS": ({"NumberOfNotificationsFailed"}, "TopicName"),
}
# What AWS publishes of the account: functions share one limit.
OF_THE_ACCOUNT = {("AWS/Lambda", "Throttles")}
VALUES = {
    "use_case": set(use_cases.names()),
    "check": {check.value for check in Check},
    "pool": {"ingest", "transform", "processing", "training", "runs"},
    "disposition": {"ACCEPTED", "PARTIAL", "REJECTED", "IGNORED", "DUPLICATE", "FAILED"},
}

# The stack's name: what another stack of the account publishes does not mix with it.
OURS: Any = {"Ref": "AWS::StackName"}

Shown = tuple[str, Any, str, dict[str, Any]]


def on_dashboards() -> Iterator[Shown]:
    for name, dashboard in resources("AWS::CloudWatch::Dashboard").items():
        for widget in dashboard["DashboardBody"]["Fn::ToJsonString"]["widgets"]:
            for line in widget["properties"].get("metrics", []):
                namespace, metric, *rest = [part for part in line if not is_options(part)]
                yield name, namespace, str(metric), dict(zip(rest[::2], rest[1::2], strict=True))


def is_options(part: object) -> bool:
    return isinstance(part, dict) and "label" in part


def on_alarms() -> Iterator[Shown]:
    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        if "MetricName" in alarm:
            yield name, alarm["Namespace"], str(alarm["MetricName"]), named(alarm["Dimensions"])
        for query in alarm.get("Metrics", []):
            if "MetricStat" in query:
                metric = query["MetricStat"]["Metric"]
                yield name, metric["Namespace"], str(metric["MetricName"]), named(metric["Dimensions"])


def is_ours(shown: Shown) -> bool:
    return bool(shown[1] == OURS)


def named(dimensions: list[dict[str, Any]]) -> dict[str, Any]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions}


SHOWN = [*on_dashboards(), *on_alarms()]


@pytest.mark.parametrize("shown", [s for s in SHOWN if is_ours(s)], ids=lambda s: f"{s[0]} {s[2]}")
def test_a_metric_of_ours_is_shown_with_the_dimensions_it_is_published_with(shown: Shown) -> None:
    _, _, metric, dimensions = shown
    assert tuple(dimensions) == DIMENSIONS[Metric(metric)]
    for dimension, value in dimensions.items():
        assert value in VALUES[dimension]


@pytest.mark.parametrize("shown", [s for s in SHOWN if not is_ours(s)], ids=lambda s: f"{s[0]} {s[2]}")
def test_a_metric_of_aws_is_about_a_resource_of_this_stack(shown: Shown) -> None:
    _, namespace, metric, dimensions = shown
    if (namespace, metric) in OF_THE_ACCOUNT:
        assert not dimensions
        return
    metrics, dimension = FROM_AWS[namespace]
    assert metric in metrics
    [(name, value)] = dimensions.items()
    assert name == dimension
    logical = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    assert logical in template()["Resources"]


@pytest.mark.parametrize("metric", Metric)
def test_a_metric_is_published_with_exactly_the_dimensions_it_is_shown_with(
    metric: Metric, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The template's own variables decide what Powertools adds: a service name would become a dimension.
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == OURS
    for name, value in variables.items():
        monkeypatch.setenv(name, value if isinstance(value, str) else "clinrisk-ward")
    emit(metric, 1, **dict.fromkeys(DIMENSIONS[metric], "x"))
    [published] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert published["Namespace"] == "clinrisk-ward"
    assert sorted(published["Dimensions"][0]) == sorted(DIMENSIONS[metric])


def test_every_metric_of_ours_is_shown_somewhere() -> None:
    shown = {one[2] for one in SHOWN if is_ours(one)}
    # How files ended, by disposition, is in the receipts; the dashboard shows rows and failures.
    assert shown == {str(metric) for metric in Metric} - {Metric.UPLOADS_SETTLED}


def test_every_function_is_on_the_operations_dashboard() -> None:
    shown = {str(dimensions) for _, _, _, dimensions in SHOWN if "FunctionName" in dimensions}
    functions = resources("AWS::Serverless::Function")
    assert shown == {str({"FunctionName": {"Ref": name}}) for name in functions}


def test_every_alarm_states_its_remedy_and_a_section_of_the_runbook() -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^### (\w+Alarm)$", runbook, re.MULTILINE))
    named = set()
    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        described = re.fullmatch(r".+\. Do: (.+)\. Runbook: (\w+)\.", alarm["AlarmDescription"])
        assert described, name
        assert name.endswith(described[2])
        commands = re.findall(r"clinrisk ([a-z]+)", described[1])
        assert commands, name
        assert set(commands) <= {one.name for one in app.registered_commands + app.registered_groups}
        named.add(described[2])
    assert named == sections


def test_every_alarm_is_on_a_dashboard() -> None:
    shown = {
        alarm["Fn::GetAtt"][0]
        for dashboard in resources("AWS::CloudWatch::Dashboard").values()
        for widget in dashboard["DashboardBody"]["Fn::ToJsonString"]["widgets"]
        for alarm in widget["properties"].get("alarms", [])
    }
    assert shown == set(resources("AWS::CloudWatch::Alarm"))


def test_no_picture_of_a_dashboard_covers_another() -> None:
    for name, dashboard in resources("AWS::CloudWatch::Dashboard").items():
        covered = [
            (x, y)
            for widget in dashboard["DashboardBody"]["Fn::ToJsonString"]["widgets"]
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        ]
        assert len(covered) == len(set(covered)), name
        assert max(x for x, _ in covered) < 24, name


def test_the_limit_of_an_alarm_is_drawn_with_the_metric_that_it_limits() -> None:
    limits = {
        (name, line["value"])
        for dashboard in resources("AWS::CloudWatch::Dashboard").values()
        for widget in dashboard["DashboardBody"]["Fn::ToJsonString"]["widgets"]
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
        for name in {str(metric[1]) for metric in widget["properties"]["metrics"]}
    }
    alarms = resources("AWS::CloudWatch::Alarm")
    assert ("LongestWait", alarms["LongWaitAlarm"]["Threshold"]) in limits
    assert ("UploadsFailed", alarms["HeartUploadFailedAlarm"]["Threshold"]) in limits
    queue = alarms["UndeliveredEventsAlarm"]
    assert (queue["MetricName"], queue["Threshold"]) in limits
    assert {("WorstDrift", drift.LIMIT), ("WorstBiasGap", bias.LIMIT)} <= limits


def test_every_alarm_reaches_the_operator() -> None:
    for name, alarm in resources("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmsTopic"}], name
    subscription = resources("AWS::SNS::Subscription")["AlarmSubscription"]
    assert subscription["TopicArn"] == {"Ref": "AlarmsTopic"}
    # An alarm carries no attributes: a filter policy would drop every one of them.
    assert "FilterPolicy" not in subscription


def test_every_use_case_is_watched() -> None:
    alarms = set(resources("AWS::CloudWatch::Alarm"))
    for name in use_cases.names():
        start = name.capitalize()
        assert {f"{start}UploadFailedAlarm", f"{start}CheckAlarm", f"{start}UnwatchedAlarm"} <= alarms


def test_alerts_reach_those_whom_they_are_for() -> None:
    subscriptions = resources("AWS::SNS::Subscription")
    assert subscriptions["DataManagerSubscription"]["FilterPolicy"] == {"audience": ["data_manager"]}
    assert subscriptions["OperatorSubscription"]["FilterPolicy"] == {"audience": ["operator"]}


def test_only_decisions_escape_the_net_under_every_execution() -> None:
    pattern = resources("AWS::Events::Rule")["FailedExecutionsRule"]["EventPattern"]["detail"]
    machines = {machine["Ref"] for machine in pattern["stateMachineArn"]}
    assert machines == set(resources("AWS::Serverless::StateMachine"))
    [stopped, failed] = pattern["$or"]
    assert stopped == {"status": ["TIMED_OUT", "ABORTED"]}
    [excused] = failed["error"]
    assert excused["anything-but"] == [
        "UploadRejected",
        "CandidateBlocked",
        "CandidateRejected",
        "ApprovalExpired",
        "ChampionChanged",
        "ChangeRefused",
        "ReplayImpossible",
    ]
    [target] = resources("AWS::Events::Rule")["FailedExecutionsRule"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["AnnounceStopFunction", "Arn"]}
