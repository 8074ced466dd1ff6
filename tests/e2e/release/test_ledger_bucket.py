"""The ledger's bucket on a running twin: an administrator can add to it, and take nothing away or hide it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.administrator import administrator, answer

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin

LATER = "2099-01-01T00:00:00Z"
RETENTION = {"Mode": "COMPLIANCE", "RetainUntilDate": LATER}
SHORT = {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}, "ObjectLockEnabled": "Enabled"}
EXPIRY = {"Rules": [{"ID": "gone", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}


def test_what_is_in_the_ledgers_bucket_stays_as_it_is(twin: RunningTwin, stack: dict[str, str]) -> None:
    s3, bucket = administrator(twin), {"Bucket": stack["AuditBucket"]}
    stored = bucket | {"Key": "elsewhere/000000000001.json"}
    assert answer(s3.put_object, **stored, Body=b"{}") == "AccessDenied"
    version = {"VersionId": s3.put_object(**stored, Body=b"{}", IfNoneMatch="*")["VersionId"]}
    retained = s3.get_object_retention(**stored)["Retention"]
    assert retained["Mode"] == "GOVERNANCE"

    assert answer(s3.put_object, **stored, Body=b"[]", IfNoneMatch="*") == "PreconditionFailed"
    source = {"CopySource": {"Bucket": stack["AuditBucket"], "Key": stored["Key"]}}
    refused = [
        answer(s3.put_object, **stored, Body=b"[]"),
        answer(s3.copy_object, **bucket, Key="elsewhere/copy.json", **source),
        answer(s3.create_multipart_upload, **bucket, Key="elsewhere/parts.json"),
        answer(s3.delete_object, **stored),
        answer(s3.delete_object, **stored, **version),
        answer(s3.delete_object, **stored, **version, BypassGovernanceRetention=True),
        answer(s3.put_object_retention, **stored, **version, Retention=RETENTION),
        answer(s3.put_object_legal_hold, **stored, **version, LegalHold={"Status": "ON"}),
        answer(
            s3.put_object,
            **bucket,
            Key="elsewhere/short.json",
            Body=b"{}",
            IfNoneMatch="*",
            ObjectLockMode="GOVERNANCE",
            ObjectLockRetainUntilDate=LATER,
        ),
        answer(s3.put_object_lock_configuration, **bucket, ObjectLockConfiguration=SHORT),
        answer(s3.put_bucket_lifecycle_configuration, **bucket, LifecycleConfiguration=EXPIRY),
        answer(s3.put_bucket_versioning, **bucket, VersioningConfiguration={"Status": "Suspended"}),
    ]
    assert refused == ["AccessDenied"] * len(refused)
    assert s3.get_object(**stored)["Body"].read() == b"{}"
    listed = s3.list_object_versions(**bucket, Prefix=stored["Key"])
    assert (len(listed["Versions"]), listed.get("DeleteMarkers", [])) == (1, [])
