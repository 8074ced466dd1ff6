"""A stack on moto: the template's buckets, tables, topics and keys, and every function from its folder."""

from __future__ import annotations

import http.server
import importlib.util
import json
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.client import BaseClient
from moto import mock_aws
from moto.kms.utils import generate_private_key
from moto.moto_api._internal.models import moto_api_backend

from clinrisk.aws import clients, kms, telemetry
from clinrisk.aws.settings import settings
from tests.integration.strict_multipart import StrictMultipart

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.approver_phone import Phone

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
BUCKETS = ("inbox", "lake", "results", "audit")
TABLES = ("uploads", "approvals", "approvers", "deployments", "slots", "findings")
CLIENTS = (
    clients.s3,
    clients.dynamodb,
    clients.kms,
    clients.sns,
    clients.events,
    clients.stepfunctions,
    clients.sagemaker,
)
# What depends on one stack's names and keys; the logger holds on to the test's output, too.
PER_STACK = (settings, kms.pseudonym_key, telemetry.logger, clients.feature_store)
Handler = "Callable[[dict[str, Any]], dict[str, Any]]"


@dataclass(frozen=True)
class Context:
    """What Lambda hands to a handler beside the event."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:clinrisk"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"


class Stack:
    """The resources by name, and `call` to run one function on one event."""

    def __init__(self) -> None:
        self.s3 = boto3.client("s3", region_name=REGION)
        self.sns = boto3.client("sns", region_name=REGION)
        self.sqs = boto3.client("sqs", region_name=REGION)
        self.sfn = boto3.client("stepfunctions", region_name=REGION)
        self.sagemaker = boto3.client("sagemaker", region_name=REGION)
        self.kms = boto3.client("kms", region_name=REGION)
        self.tables: Any = boto3.resource("dynamodb", region_name=REGION)
        self.multipart = StrictMultipart()
        self.environment: dict[str, str] = {}
        self.phones: dict[str, Phone] = {}

    def create(self) -> None:
        """Create the resources that the functions reach through their environment."""
        self.phones = {}
        for name in BUCKETS:
            bucket = f"clinrisk-{name}"
            location: Any = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=location)
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            self.environment[f"{name.upper()}_BUCKET"] = bucket
        for name in TABLES:
            self.tables.create_table(
                TableName=f"clinrisk-{name}",
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            )
            self.environment[f"{name.upper()}_TABLE"] = f"clinrisk-{name}"
        key = self.kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        signs = self.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        seeds = self.kms.create_key()["KeyMetadata"]["KeyId"]
        queue = self.sqs.create_queue(QueueName="mailbox")["QueueUrl"]
        topic = self.sns.create_topic(Name="approvals")["TopicArn"]
        queue_arn = f"arn:aws:sqs:{REGION}:123456789012:mailbox"
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        bus = self.sqs.create_queue(QueueName="events")["QueueUrl"]
        events = boto3.client("events", region_name=REGION)
        events.put_rule(Name="findings", EventPattern=json.dumps({"source": ["clinrisk"]}))
        arn = f"arn:aws:sqs:{REGION}:123456789012:events"
        events.put_targets(Rule="findings", Targets=[{"Id": "queue", "Arn": arn}])
        self.environment |= {
            "EVENTS": bus,
            "APPROVALS_TOPIC": topic,
            "ALERTS_TOPIC": topic,
            "SIGNING_KEY": key,
            "DECISION_KEY": signs,
            "APPROVER_KEY": seeds,
            "NAME_PREFIX": "clinrisk",
            "JOB_PREFIX": "917d40e5",
            "POWERTOOLS_METRICS_NAMESPACE": "clinrisk",
            "APPROVAL_API_URL": "https://approvals.example.org",
            "APPROVAL_TIMEOUT_HOURS": "168",
            "INGESTS_AT_ONCE": "8",
            "FEATURES_DAYS": "0",
            "VAULT_DAYS": "0",
            "SCORES_DAYS": "0",
            "FHIR_RESULTS": "off",
            "TRANSFORM_JOBS_AT_ONCE": "2",
            "PROCESSING_JOBS_AT_ONCE": "2",
            "TRAINING_JOBS_AT_ONCE": "2",
            "MAILBOX": queue,
        }

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Run a function on an event, as Lambda would: JSON in, JSON out."""
        answer = handler_of(function)(json.loads(json.dumps(event)), Context(function))
        return json.loads(json.dumps(answer))

    def put(self, bucket: str, key: str, data: bytes, **metadata: str) -> str:
        """Store an object; gives its version."""
        answer = self.s3.put_object(Bucket=f"clinrisk-{bucket}", Key=key, Body=data, Metadata=metadata)
        return answer["VersionId"]

    def read(self, uri: str) -> bytes:
        """Read an object by its address."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def read_json(self, uri: str) -> Any:
        """Read a JSON document by its address."""
        return json.loads(self.read(uri))

    def keys(self, bucket: str) -> list[str]:
        """List a bucket's keys."""
        found = self.s3.list_objects_v2(Bucket=f"clinrisk-{bucket}").get("Contents", [])
        return [item["Key"] for item in found]

    def ledger(self, event: str = "") -> list[Any]:
        """Read the entries of the ledger in order, all or those of one kind of event."""
        keys = [key for key in self.keys("audit") if key.startswith("ledger/")]
        entries = [self.read_json(f"s3://clinrisk-audit/{key}") for key in keys]
        return [entry for entry in entries if event in {"", entry["event"]}]

    def published(self) -> list[Any]:
        """Take the events that were published since the last look."""
        queue = self.environment["EVENTS"]
        found = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def mails(self) -> list[dict[str, str]]:
        """Take the mails that were sent since the last look."""
        queue = self.environment["MAILBOX"]
        found = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            # A message that is only read comes back after half a minute.
            self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


def handler_of(function: str) -> Any:
    """Load a function's handler from its folder, as Lambda would: by path, under no package."""
    (path,) = (ROOT / "functions").glob(f"*/{function}/app.py")
    spec = importlib.util.spec_from_file_location(f"functions_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


@pytest.fixture(scope="package")
def amazon() -> Iterator[Stack]:
    """AWS as moto plays it, with every client made once: making them is what takes time."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.setenv(name, "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("POWERTOOLS_SERVICE_NAME", "clinrisk")
        environment.delenv("AWS_ENDPOINT_URL", raising=False)
        # moto draws an RSA key for an HMAC key too, in a tenth of a second; nothing here signs with it.
        environment.setattr("moto.kms.models.generate_private_key", cache(generate_private_key))
        forget(*CLIENTS)
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
            made = Stack()
            for client in (clients.s3(), made.s3):
                made.multipart.install(client)
            yield made
        forget(*CLIENTS)


@pytest.fixture
def stack(amazon: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """An empty stack, gone after the test."""
    moto_api_backend.reset()
    amazon.create()
    for name, value in amazon.environment.items():
        monkeypatch.setenv(name, value)
    forget(*PER_STACK)
    yield amazon
    forget(*PER_STACK)


@pytest.fixture
def one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls from several threads take turns: moto's tables may not change while it copies them."""
    lock, call = threading.Lock(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def in_turn(client: BaseClient, *arguments: Any) -> Any:
        with lock:
            return call(client, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", in_turn)


def forget(*cached: Any) -> None:
    """Forget what a process keeps between invocations."""
    for each in cached:
        each.cache_clear()


class CloudFormation(http.server.BaseHTTPRequestHandler):
    """The address to which a custom resource answers."""

    answers: list[dict[str, Any]]

    def do_PUT(self) -> None:
        """Keep the answer."""
        length = int(self.headers["Content-Length"])
        self.answers.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the address for answers, and the answers."""
    CloudFormation.answers = []
    server = http.server.HTTPServer(("127.0.0.1", 0), CloudFormation)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer", CloudFormation.answers
    server.shutdown()
    thread.join()
    server.server_close()
