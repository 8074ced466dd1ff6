"""A changed contract, rehearsed: another number, `make template`, a deploy in place, and the data of both."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from cli.local_files import synthetic_cohort
from tests.e2e.conftest import PROJECT, RunningTwin

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("LONG_TESTS" not in os.environ, reason="takes minutes: LONG_TESTS=1"),
]
STACK = "contract"
EARLY, LATER = "inbox/heart/training/early.csv", "inbox/heart/training/later.csv"
PARTS = ("functions", "layers", "statemachines", "tools", "docs/contracts")


class Rehearsal:
    """A copy of the project, its stack on the twin, and what its buckets hold."""

    def __init__(self, twin: RunningTwin, folder: Path) -> None:
        self.twin, self.folder = twin, folder
        for part in PARTS:
            shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "template.yaml", folder)
        self.outputs: dict[str, str] = {}

    def deploy(self) -> None:
        command = ["deploy", str(self.folder / "template.yaml"), "--stack", STACK, "--json"]
        self.outputs = json.loads(self.twin.command(*command))

    def edit_heart(self, before: str, after: str) -> None:
        module = self.folder / "layers/clinrisk/clinrisk/use_cases/heart.py"
        text = module.read_text(encoding="utf-8")
        assert text.count(before) == 1
        module.write_text(text.replace(before, after), encoding="utf-8")

    def make_template(self) -> subprocess.CompletedProcess[str]:
        """Run what `make template` runs, on the copy."""
        path = os.pathsep.join([str(self.folder / "layers/clinrisk"), str(self.folder)])
        environment = os.environ | {"PYTHONPATH": path}
        command = [sys.executable, "-m", "tools.template_block"]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def drop(self, key: str, body: bytes) -> dict[str, Any]:
        """Drop a file and return its receipt."""
        s3 = self.twin.client("s3")
        version = s3.put_object(Bucket=self.outputs["InboxBucket"], Key=key, Body=body)["VersionId"]
        bucket, receipt = self.outputs["ResultsBucket"], f"receipts/{key}.{version}.json"
        self.twin.until(lambda: receipt in self.keys("ResultsBucket", "receipts/"))
        found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=receipt)["Body"].read())
        return found

    def keys(self, bucket: str, prefix: str) -> list[str]:
        listed = self.twin.client("s3").list_objects_v2(Bucket=self.outputs[bucket], Prefix=prefix)
        return [one["Key"] for one in listed.get("Contents", [])]

    def stored(self, contract: str) -> dict[str, int]:
        """Count the rows of each upload in the offline store of a contract's feature group."""
        sagemaker, s3 = self.twin.client("sagemaker"), self.twin.client("s3")
        group = sagemaker.describe_feature_group(FeatureGroupName=f"{STACK}-{contract}")
        uri = group["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        assert f"/{STACK}-{contract}-" in prefix
        counts: dict[str, int] = {}
        for key in self.keys("LakeBucket", prefix + "/"):
            body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            for upload in parquet.read_table(io.BytesIO(body))["upload_id"].to_pylist():
                counts[upload] = counts.get(upload, 0) + 1
        return counts

    def packages(self, contract: str) -> list[dict[str, Any]]:
        listed = self.twin.client("sagemaker").list_model_packages(
            ModelPackageGroupName=f"{STACK}-{contract}"
        )
        found: list[dict[str, Any]] = listed["ModelPackageSummaryList"]
        return found


@pytest.fixture(scope="module")
def rehearsal(twin: RunningTwin, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    return Rehearsal(twin, tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def before(rehearsal: Rehearsal) -> dict[str, Any]:
    """The receipt of a file of the first contract: too few rows to train on."""
    rehearsal.deploy()
    receipt = rehearsal.drop(EARLY, synthetic_cohort.draw("heart", rows=100, seed=1))
    assert rehearsal.stored("heart-v1") == {receipt["upload_id"]: receipt["rows_accepted"]}
    return receipt


@pytest.fixture(scope="module")
def changed(rehearsal: Rehearsal, before: dict[str, Any]) -> dict[str, Any]:
    """The stack after the change, deployed in place; returns the receipt of the first contract's file."""
    chol = '"mg/dl",\n            missing=(_NOT_MEASURED, 0.0'
    rehearsal.edit_heart(f"{chol}),", f"{chol}, 1.0),")
    refused = rehearsal.make_template()
    assert refused.returncode == 1
    assert "Raise schema_version in use_cases/heart.py from 1 to 2" in refused.stderr
    rehearsal.edit_heart('    name="heart",\n', '    name="heart",\n    schema_version=2,\n')
    made = rehearsal.make_template()
    assert made.returncode == 0, made.stderr
    rehearsal.deploy()
    return before


@pytest.fixture(scope="module")
def trained(rehearsal: Rehearsal, changed: dict[str, Any]) -> list[dict[str, Any]]:
    """The receipts under the second contract: the early file again, then a later one, enough to train on."""
    again = rehearsal.drop(EARLY, synthetic_cohort.draw("heart", rows=100, seed=1))
    later = rehearsal.drop(LATER, synthetic_cohort.draw("heart", rows=400, seed=2))
    return [again, later]


def test_what_the_first_contract_left_is_still_there_and_readable(
    rehearsal: Rehearsal, changed: dict[str, Any], trained: list[dict[str, Any]]
) -> None:
    assert rehearsal.stored("heart-v1") == {changed["upload_id"]: changed["rows_accepted"]}


def test_the_same_file_dropped_again_is_read_under_the_second_contract(
    rehearsal: Rehearsal, changed: dict[str, Any], trained: list[dict[str, Any]]
) -> None:
    assert [receipt["disposition"] for receipt in trained] == ["ACCEPTED", "ACCEPTED"]
    assert trained[0]["sha256"] == changed["sha256"]
    assert rehearsal.stored("heart-v2") == {one["upload_id"]: one["rows_accepted"] for one in trained}


def test_a_training_reads_the_second_contracts_rows_alone_and_registers_in_its_group(
    rehearsal: Rehearsal, trained: list[dict[str, Any]]
) -> None:
    [package] = rehearsal.twin.until(lambda: rehearsal.packages("heart-v2"))
    assert f"model-package/{STACK}-heart-v2/1" in package["ModelPackageArn"]
    assert rehearsal.packages("heart-v1") == []
    [plan] = [key for key in rehearsal.keys("LakeBucket", "training/heart/") if re.search("/plan/", key)]
    body = rehearsal.twin.client("s3").get_object(Bucket=rehearsal.outputs["LakeBucket"], Key=plan)["Body"]
    planned = json.loads(body.read())
    assert planned["upload_ids"] == [receipt["upload_id"] for receipt in trained]
    assert planned["expected_rows"] == sum(receipt["rows_accepted"] for receipt in trained)


def test_nobody_may_write_under_the_first_contract_any_more(
    rehearsal: Rehearsal, changed: dict[str, Any]
) -> None:
    described = rehearsal.twin.client("cloudformation").describe_stack_resource(
        StackName=STACK, LogicalResourceId="FeatureGroupsPolicy"
    )["StackResourceDetail"]
    iam = rehearsal.twin.client("iam")
    policy = iam.get_policy(PolicyArn=described["PhysicalResourceId"])["Policy"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    text = json.dumps(version["PolicyVersion"]["Document"])
    assert f"{STACK}-heart-v2" in text
    assert f"{STACK}-heart-v1" not in text
