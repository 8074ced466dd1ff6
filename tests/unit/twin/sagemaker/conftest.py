"""A local SageMaker over moto's S3 and logs: the core without the engine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from twin.quotas import DEFAULTS
from twin.sagemaker.local_service import LocalSageMaker
from twin.sagemaker.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
Body = dict[str, Any]


@pytest.fixture
def events() -> list[tuple[str, Body]]:
    return []


@pytest.fixture
def quotas() -> dict[str, int]:
    """How many jobs of a kind may run at once; a test may change it at any time."""
    return dict.fromkeys(DEFAULTS, 100)


@pytest.fixture
def platform(tmp_path: Path, events: list[tuple[str, Body]], quotas: dict[str, int]) -> Iterator[Platform]:
    # The image's pins are in the jobs environment; the development one carries the same libraries.
    python = Path(os.environ.get("TWIN_JOBS_PYTHON", sys.executable))

    def publish(kind: str, detail: Body, resources: list[str]) -> None:
        assert resources
        events.append((kind, detail))

    with mock_aws():
        twin = tmp_path / "twin"
        made = Platform(None, twin, python, account="123456789012", publish=publish, quota=quotas.__getitem__)
        made.client("s3").create_bucket(Bucket="lake")
        yield made


@pytest.fixture
def sagemaker(platform: Platform) -> Iterator[LocalSageMaker]:
    service = LocalSageMaker(platform)
    yield service
    service.shutdown()


class Lake:
    """The one bucket of these tests."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3

    def put(self, key: str, body: str | bytes) -> str:
        self.s3.put_object(Bucket="lake", Key=key, Body=body)
        return f"s3://lake/{key}"

    def get(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket="lake", Key=key)["Body"].read()
        return body

    def keys(self, prefix: str = "") -> list[str]:
        found = self.s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])
        return [item["Key"] for item in found]


@pytest.fixture
def lake(platform: Platform) -> Lake:
    return Lake(platform.client("s3"))


@pytest.fixture
def log_lines(platform: Platform) -> Callable[[str], dict[str, list[str]]]:
    """The lines of every stream of a log group."""

    def read(group: str) -> dict[str, list[str]]:
        logs = platform.client("logs")
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return {
            stream["logStreamName"]: [
                event["message"]
                for event in logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                )["events"]
            ]
            for stream in streams
        }

    return read


def _channel(name: str, uri: str) -> Body:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def _training_request(name: str, *arguments: str, seconds: int = 60, **changes: Any) -> Body:
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "HyperParameters": {"use_case": "heart"},
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/main.py"],
            "ContainerArguments": list(arguments) or ["train"],
        },
        "InputDataConfig": [_channel("code", "s3://lake/code/")],
        "OutputDataConfig": {"S3OutputPath": "s3://lake/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "EnableNetworkIsolation": True,
    } | changes


def _processing_request(name: str, *arguments: str, seconds: int = 60, **changes: Any) -> Body:
    code = {
        "S3Uri": "s3://lake/code/",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
    }
    made = {
        "S3Uri": "s3://lake/set",
        "LocalPath": "/opt/ml/processing/output/set",
        "S3UploadMode": "EndOfJob",
    }
    return {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/main.py"],
            "ContainerArguments": list(arguments) or ["process"],
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": code | {"S3InputMode": "File"}}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "set", "S3Output": made}]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "NetworkConfig": {"EnableNetworkIsolation": True},
    } | changes


@pytest.fixture
def training_request() -> Callable[..., Body]:
    """`training_request(name, *arguments, seconds=, **changes)` of a job whose code lies at code/main.py."""
    return _training_request


@pytest.fixture
def processing_request() -> Callable[..., Body]:
    """The same for a processing job."""
    return _processing_request


@pytest.fixture
def channel() -> Callable[[str, str], Body]:
    return _channel
