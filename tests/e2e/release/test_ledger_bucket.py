"""The ledger's bucket on a running twin: an administrator can add to it, and take nothing away or hide it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from clinrisk.aws import clients, ledger, settings
from tests.e2e.administrator import administrator, answer
from tests.unit.ledger.ledger_objects import Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin

WRITERS = 50
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


@pytest.fixture
def audited(twin: RunningTwin, stack: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let this process write into the twin's ledger."""
    for name, value in (("ACCESS_KEY_ID", twin.access_key), ("SECRET_ACCESS_KEY", twin.secret_key)):
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", twin.region)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    clients.connect(endpoint_url=twin.endpoint_url)
    settings.use({"AUDIT_BUCKET": stack["AuditBucket"]})
    yield
    clients.connect()
    settings.use(os.environ)


@pytest.mark.usefixtures("audited")
def test_writers_at_once_leave_one_chain() -> None:
    before = ledger.verify()
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda which: ledger.append(Occurrence(which=which // 2)), range(WRITERS)))
    after = ledger.verify()
    assert (before.difference, after.difference) == (None, None)
    assert after.count - before.count == WRITERS // 2
    assert [entry.number for entry in ledger.entries()] == list(range(1, after.count + 1))
