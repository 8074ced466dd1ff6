"""One client per service and process, made when it is first used."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_stepfunctions import SFNClient


def _config(connections: int = 10) -> Config:
    """Retry throttles inside the call; a state's own Retry comes after that."""
    return Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=connections,
    )


@cache
def s3() -> S3Client:
    """Return the S3 client."""
    # As many as the most threads that read at a time.
    return boto3.client("s3", config=_config(32))


@cache
def dynamodb() -> DynamoDBServiceResource:
    """Return the DynamoDB resource; its `meta.client` takes plain Python values as well."""
    return boto3.resource("dynamodb", config=_config())


@cache
def kms() -> KMSClient:
    """Return the KMS client."""
    return boto3.client("kms", config=_config())


@cache
def sns() -> SNSClient:
    """Return the SNS client."""
    return boto3.client("sns", config=_config())


@cache
def stepfunctions() -> SFNClient:
    """Return the Step Functions client."""
    return boto3.client("stepfunctions", config=_config())


@cache
def sagemaker() -> SageMakerClient:
    """Return the SageMaker client."""
    return boto3.client("sagemaker", config=_config())


@cache
def feature_store(connections: int) -> Any:
    """Return the Feature Store runtime client with room for `connections` calls at a time.

    It is untyped: BatchWriteRecord is newer than the stubs and than some runtimes.
    """
    return boto3.client("sagemaker-featurestore-runtime", config=_config(connections))
