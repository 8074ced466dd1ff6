"""Object Lock and conditional writes: each test fails without `twin.repairs.buckets.object_lock`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.administrator import administrator, answer

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin


def test_a_version_cannot_be_deleted_before_its_time(twin: RunningTwin, probe_stack: dict[str, str]) -> None:
    s3, stored = twin.client("s3"), {"Bucket": probe_stack["Audit"], "Key": "locked.json"}
    version = {"VersionId": s3.put_object(**stored, Body=b"{}")["VersionId"]}
    assert s3.get_object_retention(**stored)["Retention"]["Mode"] == "GOVERNANCE"
    assert answer(s3.delete_object, **stored, **version) == "AccessDenied"
    assert s3.get_object(**stored, **version)["Body"].read() == b"{}"
    assert answer(s3.delete_object, **stored, **version, BypassGovernanceRetention=True) == "done"


def test_a_deploy_changes_the_default_retention(twin: RunningTwin) -> None:
    cloudformation, s3 = twin.client("cloudformation"), twin.client("s3")

    def retention(days: int) -> Any:
        lock = {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}},
        }
        properties = {
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": lock,
            "VersioningConfiguration": {"Status": "Enabled"},
        }
        kept = {"Type": "AWS::S3::Bucket", "Properties": properties}
        template = json.dumps({"Resources": {"Kept": kept}, "Outputs": {"Kept": {"Value": {"Ref": "Kept"}}}})
        act = cloudformation.update_stack if days > 1 else cloudformation.create_stack
        act(StackName="kept", TemplateBody=template)
        bucket = twin.until(lambda: outputs(cloudformation))["Kept"]
        return s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"]

    assert retention(1) == {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    assert retention(2) == {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2}}


def outputs(cloudformation: Any) -> dict[str, str] | None:
    """Return the outputs of the stack once it stands."""
    [found] = cloudformation.describe_stacks(StackName="kept")["Stacks"]
    ready = found["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]} if ready else None


def test_a_policy_may_ask_for_conditional_writes(twin: RunningTwin, probe_stack: dict[str, str]) -> None:
    s3, stored = administrator(twin), {"Bucket": probe_stack["Audit"], "Key": "once/a.json", "Body": b"{}"}
    assert answer(s3.put_object, **stored) == "AccessDenied"
    assert answer(s3.put_object, **stored, IfNoneMatch="*") == "done"
    assert answer(s3.put_object, **stored, IfNoneMatch="*") == "PreconditionFailed"


def test_a_write_with_a_retention_of_its_own_needs_the_right_to_it(
    twin: RunningTwin, probe_stack: dict[str, str]
) -> None:
    s3, stored = administrator(twin), {"Bucket": probe_stack["Audit"], "Body": b"{}", "IfNoneMatch": "*"}
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01T00:00:00Z"}
    assert answer(s3.put_object, **stored, **lock, Key="once/b.json") == "AccessDenied"
    hold = {"ObjectLockLegalHoldStatus": "ON"}
    assert answer(s3.put_object, **stored, **hold, Key="once/b.json") == "AccessDenied"
    assert answer(s3.put_object, **stored, **lock, Key="elsewhere/b.json") == "done"
