"""What a stack is made of works on the twin as on AWS: each test fails without the repair it names."""

import hashlib
import hmac
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, body, method=method)  # noqa: S310 # an address of the twin
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 # the same
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_api_answers_at_the_address_in_the_outputs(probe_stack: dict[str, str]) -> None:
    assert probe_stack["ApiUrl"].startswith("http://127.0.0.1:")
    assert probe_stack["ApiUrl"] == probe_stack["ApiEndpoint"]
    shown = fetch(probe_stack["ApiUrl"] + "/approvals/a1?mac=x")
    assert shown == (200, "GET /approvals/a1 {'approval_id': 'a1'}")
    assert fetch(probe_stack["ApiUrl"] + "/approvals/a1", "POST", b"a=b")[0] == 200
    assert fetch(probe_stack["ApiUrl"] + "/elsewhere")[0] == 404


def test_requests_and_mails_are_counted(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    fetch(probe_stack["ApiUrl"] + "/approvals/a1")
    twin.client("sns").publish(TopicArn=probe_stack["Topic"], Message="counted")
    listed = twin.client("cloudwatch").list_metrics()["Metrics"]
    names = {(metric["Namespace"], metric["MetricName"]) for metric in listed}
    assert {
        ("AWS/ApiGateway", "Count"),
        ("AWS/ApiGateway", "5xx"),
        ("AWS/SNS", "NumberOfNotificationsFailed"),
    } <= names


def test_an_unsigned_request_reaches_no_bucket_and_no_back_door(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    twin.client("s3").put_object(Bucket=probe_stack["Inbox"], Key="open/secret", Body=b"x")
    assert fetch(f"{twin.endpoint_url}/{probe_stack['Inbox']}/open/secret")[0] == 403
    assert fetch(f"{twin.endpoint_url}/{probe_stack['Inbox']}", "POST", b"x")[0] == 403
    assert fetch(f"{twin.endpoint_url}/")[0] == 403
    assert fetch(f"{twin.endpoint_url}/_ministack/reset", "POST", b"")[0] == 404
    assert fetch(f"{twin.endpoint_url}/_ministack/config", "POST", b"{}")[0] == 404


def test_a_policy_that_asks_for_tls_lets_loopback_in(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    policy = json.loads(twin.client("s3").get_bucket_policy(Bucket=probe_stack["Inbox"])["Policy"])
    asked = {statement["Sid"]: statement["Condition"] for statement in policy["Statement"]}
    assert asked["TlsOnly"] == {"Bool": {"aws:SecureTransport": "false"}}
    event = {"do": "read", "bucket": probe_stack["Inbox"], "key": "open/tls"}
    twin.client("s3").put_object(Bucket=probe_stack["Inbox"], Key="open/tls", Body=b"read")
    answer = twin.client("lambda").invoke(FunctionName=probe_stack["Probe"], Payload=json.dumps(event))
    assert json.loads(answer["Payload"].read()) == "read"


def test_a_custom_resource_gives_its_attributes(probe_stack: dict[str, str]) -> None:
    assert probe_stack["Made"] == "made/by/lambda"


def test_a_bucket_event_carries_version_and_sequencer(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    states = twin.client("stepfunctions")
    version = twin.client("s3").put_object(Bucket=probe_stack["Inbox"], Key="dropped+a.csv", Body=b"abc")[
        "VersionId"
    ]

    def dropped() -> Any:
        for execution in states.list_executions(stateMachineArn=probe_stack["Flow"])["executions"]:
            given = json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"])
            if given.get("detail", {}).get("object", {}).get("key") == "dropped+a.csv":
                return given["detail"]["object"]
        return None

    arrived = twin.until(dropped)
    assert arrived["version-id"] == version
    assert arrived["size"] == 3
    assert int(arrived["sequencer"], 16) > 0


def test_mail_reaches_those_whose_filter_matches(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    sns = twin.client("sns")
    for audience in ("operator", "data_manager"):
        attributes = {"audience": {"DataType": "String", "StringValue": audience}}
        sns.publish(
            TopicArn=probe_stack["Topic"],
            Subject=f"To {audience}",
            Message="hello",
            MessageAttributes=attributes,
        )
    subjects = [mail["subject"] for mail in twin.mail("reader@example.org")]
    assert subjects.count("To data_manager") == 1
    assert "To operator" not in subjects


def test_a_signing_key_is_the_same_in_every_twin(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    kms = twin.client("kms")
    mac = kms.generate_mac(KeyId=probe_stack["MacKey"], MacAlgorithm="HMAC_SHA_256", Message=b"patient")[
        "Mac"
    ]
    material = hashlib.sha512(b"twin/probe/MacKey").digest()[:32]
    assert mac == hmac.new(material, b"patient", "sha256").digest()


def test_the_private_network_deploys_as_an_update(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    template = "tests/e2e/engine/template.yaml"
    others = twin.client("ec2").describe_flow_logs()["FlowLogs"]  # of other stacks on this twin
    outputs = twin.command("deploy", template, "--stack", "isolated", "-p", "Network=isolated", "--json")
    assert json.loads(outputs)["Account"] == "111111111111"
    (log,) = [one for one in twin.client("ec2").describe_flow_logs()["FlowLogs"] if one not in others]
    assert (log["FlowLogStatus"], log["TrafficType"]) == ("ACTIVE", "ALL")
    changed = twin.command("deploy", template, "--stack", "isolated", "-p", "Network=none", "--json")
    assert json.loads(changed)["Probe"] == json.loads(outputs)["Probe"]
    assert json.loads(changed)["Inbox"] == json.loads(outputs)["Inbox"]
    assert twin.client("ec2").describe_flow_logs()["FlowLogs"] == others


def test_a_function_that_aws_would_find_too_large_is_refused(twin: "RunningTwin", tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    with (code / "zeros").open("wb") as zeros:
        zeros.truncate(263 * 1024**2)
    template = tmp_path / "template.yaml"
    template.write_text("""
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Large:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code/, Handler: app.handler, Runtime: python3.12}
""")
    assert "Unzipped size must be smaller than 262144000 bytes" in twin.refusal(
        "deploy", str(template), "--stack", "too-large"
    )
