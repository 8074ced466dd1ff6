"""`clinrisk doctor` on a stack of every kind of part it looks at, healthy and with one thing wrong."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest
from botocore.stub import Stubber

from cli.doctor.probes import DeployedParts, schedules
from cli.stack import Stack
from clinrisk import use_cases
from clinrisk.aws import clients
from tests.unit.cli.alarms.test_alarms import alarm
from tests.unit.cli.conftest import REGION, template
from tests.unit.cli.test_approvers import ANN, MAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARAMETERS = {
    "JobInstanceType": "ml.m5.large",
    "TrainingJobsAtOnce": "4",
    "ProcessingJobsAtOnce": "2",
    "TransformJobsAtOnce": "2",
}
JOBS = {"training": 4, "processing": 2, "transform": 2}
PARTS = {
    *("last deploy", "keys", "functions", "schedules and rules", "mail", "quotas", "undelivered events"),
    "alarms",
}
ROLE = "arn:aws:iam::123456789012:role/r"


class Hospital:
    """A stack on moto that is as it should be."""

    def __init__(self) -> None:
        document = json.loads(template())
        document["Parameters"] = {name: {"Type": "String"} for name in PARAMETERS}
        for name in ("AlarmsTopic", "AlertsTopic"):
            document["Resources"][name] = {"Type": "AWS::SNS::Topic"}
            document["Outputs"][name] = {"Value": {"Ref": name}}
        document["Resources"] |= {
            "DataKey": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {}}},
            "InboxRule": {
                "Type": "AWS::Events::Rule",
                "Properties": {"EventPattern": {"source": ["aws.s3"]}},
            },
        }
        cloudformation = boto3.client("cloudformation", REGION)
        cloudformation.create_stack(
            StackName="clinrisk",
            TemplateBody=json.dumps(document),
            Parameters=[{"ParameterKey": name, "ParameterValue": v} for name, v in PARAMETERS.items()],
        )
        listed = cloudformation.describe_stacks(StackName="clinrisk")["Stacks"][0]["Outputs"]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in listed}
        pages = cloudformation.list_stack_resources(StackName="clinrisk")["StackResourceSummaries"]
        self.named = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in pages}
        self.sns = boto3.client("sns", REGION)
        self.subscribed = {
            name: self.sns.subscribe(TopicArn=self.outputs[name], Protocol="email", Endpoint=MAIL)[
                "SubscriptionArn"
            ]
            for name in ("AlarmsTopic", "AlertsTopic", "ApprovalsTopic")
        }
        able = ANN | {"subscription": self.subscribed["ApprovalsTopic"], "use_cases": use_cases.names()}
        # As many as any policy asks for, each with a role of their own.
        for role in ("clinical", "technical"):
            boto3.resource("dynamodb", REGION).Table(self.outputs["ApproversTable"]).put_item(
                Item=able | {"sk": role, "approver_id": role, "role": role}
            )
        self.quotas: Any = boto3.client("service-quotas", REGION)
        self.answers = Stubber(self.quotas)
        self.answers.activate()

    def answer_quotas(self, jobs: dict[str, int]) -> None:
        """Let Service Quotas answer with so many jobs of each kind: moto does not."""
        listed = [
            {"QuotaName": f"ml.m5.large for {kind} job usage", "QuotaCode": f"L-{kind}", "Value": float(n)}
            for kind, n in jobs.items()
        ]
        self.answers.add_response("list_service_quotas", {"Quotas": listed}, {"ServiceCode": "sagemaker"})


@pytest.fixture
def hospital(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hospital]:
    with moto.mock_aws():
        found = Hospital()
        monkeypatch.setattr(clients, "quotas", cache(lambda: found.quotas))
        yield found


def wrong(clinrisk: Callable[..., Any], hospital: Hospital, **jobs: int) -> list[tuple[str, str, str]]:
    """Return part, fault and remedy of each line that is not OK."""
    hospital.answer_quotas(JOBS | jobs)
    answer = clinrisk("doctor", "--json")
    lines = answer.json()
    assert {one["part"] for one in lines} == PARTS
    assert answer.code == any(one["verdict"] == "WRONG" for one in lines)
    return [(one["part"], one["what"], one["remedy"]) for one in lines if one["verdict"] != "OK"]


def test_a_stack_that_is_as_it_should_be(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    assert wrong(clinrisk, hospital) == []
    hospital.answer_quotas(JOBS)
    answer = clinrisk("doctor")
    assert (answer.code, "Everything is as it should be." in answer.out) == (0, True)


def test_a_key_that_is_off_or_will_be_deleted(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    kms, key = boto3.client("kms", REGION), hospital.named["DataKey"]
    kms.disable_key(KeyId=key)
    assert wrong(clinrisk, hospital) == [
        ("keys", "DataKey is Disabled.", f"aws kms enable-key --key-id {key}")
    ]
    kms.schedule_key_deletion(KeyId=key)
    [(_, what, remedy)] = wrong(clinrisk, hospital)
    assert what == "DataKey will be deleted, and all it encrypts will be lost."
    assert remedy.startswith(f"aws kms cancel-key-deletion --key-id {key}")


def test_a_rule_that_is_off(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    rule = hospital.named["InboxRule"]
    boto3.client("events", REGION).disable_rule(Name=rule)
    assert wrong(clinrisk, hospital) == [
        ("schedules and rules", "The rule InboxRule is off.", f"aws events enable-rule --name {rule}")
    ]


class OneSchedule(DeployedParts):
    """A stack with a schedule, which moto's CloudFormation does not know."""

    def of_type(self, kind: str) -> list[tuple[str, str]]:
        return [("DailyRun", "daily")] if kind == "AWS::Scheduler::Schedule" else []


@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
def test_a_schedule_that_is_off(hospital: Hospital, state: Any) -> None:
    boto3.client("scheduler", REGION).create_schedule(
        Name="daily",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:sqs:eu-west-1:123456789012:q", "RoleArn": ROLE},
        State=state,
    )
    found = [one.what for one in schedules(OneSchedule(Stack("clinrisk", hospital.outputs)))]
    assert found == (["The schedule DailyRun is off."] if state == "DISABLED" else [])


@pytest.mark.parametrize("topic", ["AlarmsTopic", "AlertsTopic"])
def test_a_topic_that_nobody_reads(hospital: Hospital, clinrisk: Callable[..., Any], topic: str) -> None:
    hospital.sns.unsubscribe(SubscriptionArn=hospital.subscribed[topic])
    [(part, what, remedy)] = wrong(clinrisk, hospital)
    assert (part, topic in what, hospital.outputs[topic] in remedy) == ("mail", True, True)


def test_a_use_case_that_nobody_can_decide_about(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    hospital.sns.unsubscribe(SubscriptionArn=hospital.subscribed["ApprovalsTopic"])
    found = wrong(clinrisk, hospital)
    assert [what.partition(":")[0] for _, what, _ in found] == list(use_cases.names())
    assert {remedy for *_, remedy in found} == {"clinrisk approvers list"}


@pytest.mark.parametrize(("quota", "complains"), [(0, True), (3, True), (4, False), (5, False)])
def test_a_quota_below_what_runs_at_a_time(
    hospital: Hospital, clinrisk: Callable[..., Any], quota: int, *, complains: bool
) -> None:
    found = wrong(clinrisk, hospital, training=quota)
    assert bool(found) is complains
    for part, what, remedy in found:
        name = "ml.m5.large for training job usage"
        assert (part, what) == ("quotas", f"The quota '{name}' is {quota}; the stack runs 4 at a time.")
        assert remedy.endswith("--desired-value 4 --quota-code L-training")


def test_events_that_were_not_delivered(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    sqs = boto3.client("sqs", REGION)
    sqs.send_message(QueueUrl=hospital.outputs["DeadLetterQueue"], MessageBody="{}")
    assert wrong(clinrisk, hospital) == [
        ("undelivered events", "1 events could not be delivered.", "clinrisk redrive --all")
    ]


def test_an_alarm_that_is_on(hospital: Hospital, clinrisk: Callable[..., Any]) -> None:
    alarm("clinrisk-StuckAlarm-0A1B", "ALARM")
    alarm("clinrisk-LedgerAlarm-0A1B", "OK")
    assert wrong(clinrisk, hospital) == [
        ("alarms", "StuckAlarm is on: A part stands still.", "clinrisk stuck names it.")
    ]


def test_what_aws_refuses_to_say_is_unknown_and_the_rest_is_looked_at(
    hospital: Hospital, clinrisk: Callable[..., Any]
) -> None:
    hospital.answers.add_client_error("list_service_quotas", "AccessDeniedException")
    answer = clinrisk("doctor", "--json")
    lines = {one["part"]: one for one in answer.json()}
    assert answer.code == 0
    unknown = lines.pop("quotas")
    assert unknown["verdict"] == "UNKNOWN"
    assert unknown["what"] == "AWS refused ListServiceQuotas: your identity may not do that."
    assert {one["verdict"] for one in lines.values()} == {"OK"}
    hospital.answers.add_client_error("list_service_quotas", "AccessDeniedException")
    assert "Everything is as it should be" not in clinrisk("doctor").out
