"""A named version of an object can be read in part: fails without `twin.repairs.buckets.version_ranges`."""

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin


def test_a_version_gives_the_bytes_that_are_asked_for(twin: "RunningTwin") -> None:
    s3 = twin.client("s3")
    s3.create_bucket(Bucket="ranged")
    s3.put_bucket_versioning(Bucket="ranged", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="ranged", Key="a.csv", Body=b"header\nrow 1\nrow 2\n")["VersionId"]
    s3.put_object(Bucket="ranged", Key="a.csv", Body=b"newer")
    named = {"Bucket": "ranged", "Key": "a.csv", "VersionId": old}
    answer = s3.get_object(**named, Range="bytes=7-12")
    assert answer["Body"].read() == b"row 1\n"
    assert answer["ContentRange"] == "bytes 7-12/19"
    assert s3.get_object(**named, Range="bytes=13-")["Body"].read() == b"row 2\n"
    assert s3.get_object(**named)["Body"].read() == b"header\nrow 1\nrow 2\n"
    with pytest.raises(ClientError, match="InvalidRange"):
        s3.get_object(**named, Range="bytes=99-")
