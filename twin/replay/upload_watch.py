"""One upload on a twin, watched from the drop to its receipt: how it was settled, how fast, how heavy."""

import hashlib
import io
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from pyarrow import parquet

from twin.deployment.deploy import client
from twin.state import Endpoint

POLL_SECONDS = 0.03
START_SECONDS = 60.0
"""Until then, an event has started its workflow, or it never will."""
BYTES_PER_SECOND = 1_000_000
"""What the patience grows by for a large file."""
ONE_REQUEST_BYTES = 64 * 2**20
_FUNCTION = re.compile(r"arn:aws:lambda:[^\"]*?:function:([A-Za-z0-9_-]+)")
_PEAK = re.compile(r"Max Memory Used: (\d+) MB")


@dataclass(frozen=True)
class SettledUpload:
    """What became of one upload; `remark` says what a receipt does not."""

    disposition: str
    rows_accepted: int = 0
    rows_quarantined: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0
    remark: str = ""
    key: str = ""
    upload_id: str = ""


class UploadWatch:
    """Drops files into the inbox of a stack and waits for each one's end."""

    def __init__(self, endpoint: Endpoint, outputs: Mapping[str, str], patience: float) -> None:
        self._s3, self._states = client(endpoint, "s3"), client(endpoint, "stepfunctions")
        self._tables, self._logs = client(endpoint, "dynamodb"), client(endpoint, "logs")
        self._outputs, self._patience = outputs, patience
        self._inputs: dict[str, tuple[str, str]] = {}
        self._lambda = client(endpoint, "lambda")
        machine = self._states.describe_state_machine(stateMachineArn=outputs["IngestStateMachine"])
        self._functions = list(dict.fromkeys(_FUNCTION.findall(machine["definition"])))
        found = [self._lambda.get_function_configuration(FunctionName=name) for name in self._functions]
        self._groups = [one["LoggingConfig"]["LogGroup"] for one in found]

    def wake(self) -> None:
        """Start a worker of every function of the workflow, so that no upload pays for it.

        An empty event is refused by each of them before it does anything.
        """
        for name in self._functions:
            self._lambda.invoke(FunctionName=name, Payload=b"{}")

    def drop(self, key: str, file: Path, metadata: Mapping[str, str]) -> SettledUpload:
        """Put one file under one key and wait until it is settled; every end is an answer, none an error."""
        began = time.time()
        try:
            version = self._put(key, file, metadata)
        except (ClientError, BotoCoreError, Boto3Error) as error:
            return SettledUpload(
                "FAILED", reasons={"not_stored": 1}, remark=f"S3 did not take it: {_named(error)}."
            )
        dropped = time.time()
        patience = self._patience + file.stat().st_size / BYTES_PER_SECOND
        remark = self._wait(key, version, patience)
        ended = time.time()
        upload_id = upload_id_of(self._outputs["InboxBucket"], key, version)
        receipt, settled_at = self._receipt(upload_id)
        if receipt is None:
            remark = remark or "Its workflow ended without a receipt."
            return SettledUpload(
                "FAILED",
                reasons={"never_settled": 1},
                seconds=ended - dropped,
                peak_mb=self._peak(began),
                remark=remark,
            )
        return SettledUpload(
            receipt["disposition"],
            receipt["rows_accepted"],
            receipt["rows_quarantined"],
            receipt["missing"],
            receipt["reasons"],
            max(0.0, settled_at - dropped),
            self._peak(began),
            remark,
            key,
            upload_id,
        )

    def save_rows(self, settled: SettledUpload, target: Path) -> None:
        """Write the rows of an upload that was used, in file order, as one Parquet file."""
        if settled.disposition not in {"ACCEPTED", "PARTIAL"}:
            return
        _, use_case, purpose, _ = settled.key.split("/")
        lake = self._outputs["LakeBucket"]
        answers = purpose in {"outcomes", "feedback"}
        folder = f"{purpose}/{use_case}" if answers else f"features/{use_case}/{purpose}"
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=lake, Prefix=f"{folder}/{settled.upload_id}/"
        )
        tables = [
            parquet.read_table(io.BytesIO(self._s3.get_object(Bucket=lake, Key=item["Key"])["Body"].read()))
            for page in pages
            for item in page.get("Contents", [])
        ]
        parquet.write_table(pa.concat_tables(tables).replace_schema_metadata({"key": settled.key}), target)

    def _put(self, key: str, file: Path, metadata: Mapping[str, str]) -> str:
        """Store the file and give its version."""
        bucket = self._outputs["InboxBucket"]
        if file.stat().st_size <= ONE_REQUEST_BYTES:
            with file.open("rb") as body:
                answer = self._s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata))
            return str(answer["VersionId"])
        self._s3.upload_file(str(file), bucket, key, ExtraArgs={"Metadata": dict(metadata)})
        return str(self._s3.head_object(Bucket=bucket, Key=key)["VersionId"])

    def _wait(self, key: str, version: str, patience: float) -> str:
        """Wait for the end of the upload's workflow; gives what went wrong with the waiting itself."""
        began = time.monotonic()
        arn = None
        while True:
            waited = time.monotonic() - began
            arn = arn or self._execution(key, version)
            if arn is None and waited > START_SECONDS:
                return f"No workflow took it within {START_SECONDS:.0f} seconds."
            if arn and self._states.describe_execution(executionArn=arn)["status"] != "RUNNING":
                return ""
            if waited > patience:
                return f"Its workflow had not ended after {patience:.0f} seconds."
            time.sleep(POLL_SECONDS)

    def _execution(self, key: str, version: str) -> str | None:
        """Find the execution that works on this version of this key."""
        machine = self._outputs["IngestStateMachine"]
        for listed in self._states.list_executions(stateMachineArn=machine, maxResults=20)["executions"]:
            arn = listed["executionArn"]
            if arn not in self._inputs:
                found = json.loads(self._states.describe_execution(executionArn=arn)["input"])
                item = found["detail"]["object"]
                self._inputs[arn] = item["key"], item.get("version-id", "")
            if self._inputs[arn] == (key, version):
                return str(arn)
        return None

    def _receipt(self, upload_id: str) -> tuple[dict[str, Any] | None, float]:
        """Return the receipt and when it was settled; None when the upload is not settled."""
        found = self._tables.get_item(
            TableName=self._outputs["UploadsTable"],
            Key={"pk": {"S": f"UPLOAD#{upload_id}"}, "sk": {"S": "STATE"}},
            ConsistentRead=True,
        )
        address = found.get("Item", {}).get("receipt", {}).get("M", {}).get("uri", {}).get("S")
        if address is None:
            return None, 0.0
        bucket, _, key = address.removeprefix("s3://").partition("/")
        try:
            found = self._s3.get_object(Bucket=bucket, Key=key)
        except self._s3.exceptions.NoSuchKey:
            # It is written right after the settlement: a workflow that still runs may not have come so far.
            return None, 0.0
        receipt: dict[str, Any] = json.loads(found["Body"].read())
        return receipt, datetime.fromisoformat(receipt["settled_at"]).timestamp()

    def _peak(self, since: float) -> int:
        """Return the most memory, in MB, that one of those functions had in use since a moment."""
        peaks = [0]
        for group in self._groups:
            pages = self._logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=int(since * 1000), filterPattern="REPORT"
            )
            for page in pages:
                peaks += [int(peak) for event in page["events"] for peak in _PEAK.findall(event["message"])]
        return max(peaks)


def upload_id_of(bucket: str, key: str, version: str) -> str:
    """Name an upload as the stack does; a test holds the two together."""
    return hashlib.sha256(f"{bucket}/{key}@{version}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _named(error: Exception) -> str:
    """Name what S3 or its client said, without repeating the request."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__
