"""A Feature Store that answers inside the client: real request checks, records kept, faults on demand."""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from clinrisk import use_cases
from clinrisk.aws import clients, feature_store

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest


class _Body:
    """A response's body as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Any:
        yield self.data


@dataclass
class FakeFeatureStore:
    """What was written, and how many of the next records are to be refused."""

    records: list[dict[str, str]] = field(default_factory=list)
    unprocessed: int = 0
    errors: int = 0
    landing: bool = True
    """Whether records reach the offline store at once; else when `land` is called."""
    targets: set[tuple[str, ...]] = field(default_factory=set)
    """The stores that were named with records."""

    def install(self) -> FakeFeatureStore:
        """Answer the calls of this process's Feature Store client, for the groups of every use case."""
        client = clients.feature_store(feature_store.THREADS)
        client.meta.events.register("before-send.sagemaker-featurestore-runtime", self._answer)
        for use_case in use_cases.names():
            create_group(use_case)
        return self

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = json.loads(
            str(request.body, "utf-8") if isinstance(request.body, bytes) else str(request.body)
        )
        entries = body.get("Entries", [body])
        left = entries[: self.unprocessed]
        refused = entries[len(left) : len(left) + self.errors]
        self.unprocessed, self.errors = self.unprocessed - len(left), self.errors - len(refused)
        taken: dict[str, list[dict[str, str]]] = {}
        for entry in entries[len(left) + len(refused) :]:
            row = {cell["FeatureName"]: cell["ValueAsString"] for cell in entry["Record"]}
            self.records.append(row)
            if "TargetStores" in entry:
                self.targets.add(tuple(entry["TargetStores"]))
            if "OfflineStore" in entry.get("TargetStores", ["OfflineStore"]):
                taken.setdefault(entry["FeatureGroupName"], []).append(row)
        for group, rows in taken.items() if self.landing else ():
            _land(group, rows)
        failed = [
            {"Entry": entry, "ErrorCode": "InternalFailure", "ErrorMessage": "again"} for entry in refused
        ]
        answer = json.dumps({"Errors": failed, "UnprocessedEntries": left}).encode()
        headers = HTTPHeaders()
        headers["content-type"] = "application/json"
        return AWSResponse(request.url, 200, headers, _Body(answer))

    def land(self, use_case: str, records: int | None = None) -> None:
        """Write the records (or the first of them) to the offline store, as the service does later."""
        _land(feature_store.group_name("clinrisk", use_cases.get(use_case)), self.records[:records])


def _land(group: str, rows: list[dict[str, str]]) -> None:
    """Write records under the hour of their event time."""
    found = clients.sagemaker().describe_feature_group(FeatureGroupName=group)
    uri = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    moment = rows[0]["event_time"]
    hour = f"year={moment[:4]}/month={moment[5:7]}/day={moment[8:10]}/hour={moment[11:13]}"
    stream = io.BytesIO()
    pl.DataFrame(rows).write_parquet(stream)
    key = f"{prefix}/{hour}/{uuid.uuid4().hex}.parquet"
    clients.s3().put_object(Bucket=bucket, Key=key, Body=stream.getvalue())


def create_group(use_case: str) -> None:
    """Create a use case's feature group."""
    names = ("record_id", "event_time", "upload_id", "row")
    clients.sagemaker().create_feature_group(
        FeatureGroupName=feature_store.group_name("clinrisk", use_cases.get(use_case)),
        RecordIdentifierFeatureName="record_id",
        EventTimeFeatureName="event_time",
        FeatureDefinitions=[{"FeatureName": name, "FeatureType": "String"} for name in names],
        RoleArn="arn:aws:iam::123456789012:role/feature-store",
        OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://clinrisk-lake/offline-store"}},
    )
