import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import moto
import pytest

from cli.app import main
from clinrisk.aws import clients, settings

REGION = "eu-west-1"
BUCKETS = ("InboxBucket", "LakeBucket", "ResultsBucket", "AuditBucket")
TABLES = tuple(
    f"{name}Table" for name in ("Uploads", "Approvals", "Approvers", "Deployments", "Slots", "Findings")
)
MACHINES = tuple(
    f"{name}StateMachine" for name in ("Ingest", "Training", "Release", "Scoring", "Replay", "Monitoring")
)


def template() -> str:
    """Return a stack with the outputs that the command reads, and real resources behind them."""
    key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    resources: dict[str, Any] = {name: {"Type": "AWS::S3::Bucket"} for name in BUCKETS}
    resources |= {
        name: {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {"KeySchema": key, "AttributeDefinitions": types, "BillingMode": "PAY_PER_REQUEST"},
        }
        for name in TABLES
    }
    definition = {"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}
    resources |= {
        name: {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "DefinitionString": json.dumps(definition),
                "RoleArn": "arn:aws:iam::123456789012:role/r",
                "StateMachineName": name,
            },
        }
        for name in MACHINES
    }
    resources["DeadLetterQueue"] = {"Type": "AWS::SQS::Queue"}
    resources["ApprovalsTopic"] = {"Type": "AWS::SNS::Topic"}
    outputs: dict[str, Any] = {name: {"Value": {"Ref": name}} for name in resources}
    outputs |= {name: {"Value": name} for name in ("ClinicalDashboard", "OperationsDashboard")}
    # What the reconciler has from its environment.
    outputs |= {name: {"Value": "0"} for name in ("FeaturesDays", "VaultDays", "ScoresDays")}
    outputs["ReconcileWorkFunction"] = {"Value": "the-reconciler"}
    outputs["UpdateApproversFunction"] = {"Value": "the-registrar"}
    outputs["ErasePatientsFunction"] = {"Value": "the-eraser"}
    return json.dumps({"Resources": resources, "Outputs": outputs})


@dataclass(frozen=True)
class Answer:
    """What one command line did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Deployment:
    """A stack on moto, and what the pipeline would have written into it."""

    def __init__(self) -> None:
        cloudformation = boto3.client("cloudformation", REGION)
        cloudformation.create_stack(StackName="clinrisk", TemplateBody=template())
        listed = cloudformation.describe_stacks(StackName="clinrisk")["Stacks"][0]["Outputs"]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in listed}
        self.s3 = boto3.client("s3", REGION)
        self.s3.put_bucket_versioning(  # moto's CloudFormation leaves this out
            Bucket=self.outputs["InboxBucket"], VersioningConfiguration={"Status": "Enabled"}
        )

    def write(self, bucket: str, key: str, document: object) -> None:
        body = json.dumps(document) if not isinstance(document, str) else document
        self.s3.put_object(Bucket=self.outputs[bucket], Key=key, Body=body.encode())

    def item(self, table: str, **item: Any) -> None:
        boto3.resource("dynamodb", REGION).Table(self.outputs[table]).put_item(Item=item)


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "CLINRISK_STACK", "TWIN_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    yield
    clients.connect()
    settings.use(os.environ)


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with moto.mock_aws():
        yield Deployment()


@pytest.fixture
def clinrisk(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run the command as the shell would."""

    def run(*arguments: object) -> Answer:
        code = main([str(one) for one in arguments])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return run
