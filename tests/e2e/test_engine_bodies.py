"""Large objects and large Maps on the twin: each test fails without the repair it names."""

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.e2e.test_engine_executions import output_of

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin
MEGABYTE = 1 << 20


def resident(pid: int) -> int:
    """Return a process's memory in megabytes."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - not a file on a disk
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MEGABYTE


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc to read memory from")  # noqa: PTH110
def test_a_large_object_costs_the_engine_no_memory(twin: "RunningTwin") -> None:
    """Without twin.repairs.buckets.large_objects it costs three times its size."""
    s3 = twin.client("s3")
    s3.create_bucket(Bucket="large")
    s3.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
    named = {"Bucket": "large", "Key": "a.csv"}
    before = resident(twin.pid)
    part = os.urandom(8 * MEGABYTE)
    upload = s3.create_multipart_upload(**named)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**named, UploadId=upload, PartNumber=n, Body=part)["ETag"]}
        for n in range(1, 26)
    ]
    done = s3.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": parts})
    assert resident(twin.pid) - before < 100
    digests = hashlib.md5(part, usedforsecurity=False).digest() * 25
    assert done["ETag"] == f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-25"'
    assert s3.head_object(**named)["ContentLength"] == 200 * MEGABYTE
    version = s3.get_object(
        **named, VersionId=done["VersionId"], Range=f"bytes={8 * MEGABYTE - 1}-{16 * MEGABYTE - 1}"
    )
    assert version["Body"].read() == part[-1:] + part
    assert s3.get_object(**named, Range="bytes=0-9")["Body"].read() == part[:10]


def test_an_upload_with_a_wrong_part_is_refused(twin: "RunningTwin") -> None:
    s3 = twin.client("s3")
    s3.create_bucket(Bucket="parts")
    named = {"Bucket": "parts", "Key": "a.csv"}
    upload = named | {"UploadId": s3.create_multipart_upload(**named)["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=bytes(5 * MEGABYTE))["ETag"]
    for number, claimed in ((1, '"0"'), (2, etag)):
        with pytest.raises(ClientError, match="InvalidPart"):
            s3.complete_multipart_upload(
                **upload, MultipartUpload={"Parts": [{"PartNumber": number, "ETag": claimed}]}
            )
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"] == first["ETag"]


def test_a_body_of_some_megabytes_is_read_as_it_was_put(twin: "RunningTwin") -> None:
    s3 = twin.client("s3")
    s3.create_bucket(Bucket="middle")
    body = os.urandom(3 * MEGABYTE)
    s3.put_object(Bucket="middle", Key="a", Body=body)
    s3.copy_object(Bucket="middle", Key="b", CopySource={"Bucket": "middle", "Key": "a"})
    for key in ("a", "b"):
        found = s3.get_object(Bucket="middle", Key=key)["Body"].read()
        assert hashlib.sha256(found).digest() == hashlib.sha256(body).digest()


def test_a_distributed_map_reads_its_items_and_selects_with_jsonata(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    """Without twin.repairs.step_functions.distributed_maps the key of the items is the expression itself."""
    twin.client("s3").put_object(
        Bucket=probe_stack["Inbox"], Key="open/items-7.json", Body=json.dumps([1, 2, 3])
    )
    assert output_of(twin, probe_stack, "distributed") == [20, 40, 60]
