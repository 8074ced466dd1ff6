"""A Feature Store that answers inside the client: real request checks, records kept, faults on demand."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from clinrisk.aws import clients, feature_store

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

    from tests.integration.conftest import Stack


class _Body:
    """A response's body as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Any:
        yield self.data


@dataclass
class FeatureStore:
    """What was written, and how many of the next records are to be refused."""

    records: list[dict[str, str]] = field(default_factory=list)
    unprocessed: int = 0
    errors: int = 0

    def install(self) -> FeatureStore:
        """Answer the calls of this process's Feature Store client."""
        client = clients.feature_store(feature_store.THREADS)
        client.meta.events.register("before-send.sagemaker-featurestore-runtime", self._answer)
        return self

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = json.loads(
            str(request.body, "utf-8") if isinstance(request.body, bytes) else str(request.body)
        )
        entries = body.get("Entries", [body])
        left = entries[: self.unprocessed]
        refused = entries[len(left) : len(left) + self.errors]
        self.unprocessed, self.errors = self.unprocessed - len(left), self.errors - len(refused)
        for entry in entries[len(left) + len(refused) :]:
            self.records.append({cell["FeatureName"]: cell["ValueAsString"] for cell in entry["Record"]})
        told = [
            {"Entry": entry, "ErrorCode": "InternalFailure", "ErrorMessage": "again"} for entry in refused
        ]
        answer = json.dumps({"Errors": told, "UnprocessedEntries": left}).encode()
        headers = HTTPHeaders()
        headers["content-type"] = "application/json"
        return AWSResponse(request.url, 200, headers, _Body(answer))

    def land(self, stack: Stack, use_case: str, records: int | None = None) -> None:
        """Write the records (or the first of them) to the offline store, as the service does later."""
        group = feature_store.group_name("clinrisk", use_case)
        found = stack.sagemaker.describe_feature_group(FeatureGroupName=group)
        uri = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
        stream = io.BytesIO()
        pl.DataFrame(self.records[:records]).write_parquet(stream)
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        stack.s3.put_object(Bucket=bucket, Key=f"{key}/year=2026/part.parquet", Body=stream.getvalue())


def create_group(stack: Stack, use_case: str) -> None:
    """Create a use case's feature group."""
    names = ("record_id", "event_time", "upload_id")
    stack.sagemaker.create_feature_group(
        FeatureGroupName=feature_store.group_name("clinrisk", use_case),
        RecordIdentifierFeatureName="record_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in names],
        RoleArn="arn:aws:iam::123456789012:role/feature-store",
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://clinrisk-lake/offline-store"}},
    )
