"""One client per service and process, made when it is first used.

Whose identity and which region they have is decided by boto3's default session.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient


class _Process:
    """What every client of this process is made with, in addition to its own configuration."""

    options: ClassVar[dict[str, Any]] = {}


def connect(**options: Any) -> None:
    """Make this process's clients anew, each with `options`: `endpoint_url` and `verify` for the twin.

    Call it after a change of boto3's default session, too. A function never does.
    """
    _Process.options = options
    for made in (
        s3,
        dynamodb,
        kms,
        sns,
        sqs,
        events,
        stepfunctions,
        sagemaker,
        functions,
        sts,
        cloudformation,
        cloudwatch,
        scheduler,
        quotas,
        feature_store,
    ):
        made.cache_clear()


def _options(connections: int = 10) -> dict[str, Any]:
    """Return what a client is made with: throttles are retried inside a call, before a state's own Retry."""
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
    )
    return {"config": config, **_Process.options}


@cache
def s3() -> S3Client:
    """Return the S3 client."""
    # As many as the most threads that read at a time.
    return boto3.client("s3", **_options(32))


@cache
def dynamodb() -> DynamoDBServiceResource:
    """Return the DynamoDB resource; its `meta.client` takes plain Python values as well."""
    return boto3.resource("dynamodb", **_options())


@cache
def kms() -> KMSClient:
    """Return the KMS client."""
    return boto3.client("kms", **_options())


@cache
def sns() -> SNSClient:
    """Return the SNS client."""
    return boto3.client("sns", **_options())


@cache
def sqs() -> Any:
    """Return the SQS client (untyped: only the command reads queues)."""
    return boto3.client("sqs", **_options())


@cache
def events() -> EventBridgeClient:
    """Return the EventBridge client."""
    return boto3.client("events", **_options())


@cache
def stepfunctions() -> SFNClient:
    """Return the Step Functions client."""
    return boto3.client("stepfunctions", **_options())


@cache
def sagemaker() -> SageMakerClient:
    """Return the SageMaker client."""
    return boto3.client("sagemaker", **_options())


@cache
def functions() -> Any:
    """Return the Lambda client (untyped: only the command invokes a function).

    It waits as long as a function may take, and asks once: a second call would do the work a second time.
    """
    patient = Config(read_timeout=310, retries={"total_max_attempts": 1})
    return boto3.client("lambda", **_options() | {"config": _options()["config"].merge(patient)})


@cache
def sts() -> Any:
    """Return the STS client (untyped: only the command asks who it is)."""
    return boto3.client("sts", **_options())


@cache
def cloudformation() -> CloudFormationClient:
    """Return the CloudFormation client."""
    return boto3.client("cloudformation", **_options())


@cache
def cloudwatch() -> Any:
    """Return the CloudWatch client (untyped: only the command reads alarms)."""
    return boto3.client("cloudwatch", **_options())


@cache
def scheduler() -> Any:
    """Return the EventBridge Scheduler client (untyped: only the command reads schedules)."""
    return boto3.client("scheduler", **_options())


@cache
def quotas() -> Any:
    """Return the Service Quotas client (untyped: only the command reads quotas)."""
    return boto3.client("service-quotas", **_options())


@cache
def feature_store(connections: int) -> Any:
    """Return the Feature Store runtime client with room for `connections` calls at a time.

    It is untyped: BatchWriteRecord is newer than the stubs and than some runtimes.
    """
    return boto3.client("sagemaker-featurestore-runtime", **_options(connections))
