"""cdk-nag's packs read the template: nothing is found that does not stand there with a reason."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.scanners.installed import run_node
from tests.scanners.plain_template import MODES, decided, written
from tests.scanners.suppressions import Finding, needless, unsuppressed

SCRIPT = Path(__file__).with_name("cdk_nag.js")
# How many rules of each pack have to find something to apply to: a resource that is missing must not pass.
APPLIED = {"HIPAA.Security": 28, "NIST.800.53.R5": 29, "AwsSolutions": 19, "Serverless": 14}


def judged(template: dict[str, Any], directory: Path) -> list[dict[str, Any]]:
    """Return a row for every rule of a pack and every resource that it applies to."""
    done = run_node(SCRIPT, written(template, directory))
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def findings(rows: list[dict[str, Any]]) -> list[Finding]:
    """Return what breaks a rule; one that judges each permission names it behind the rule."""
    return [
        Finding(f"{row['rule']} {found}".strip(), row["resource"]) for row in rows for found in row["found"]
    ]


@pytest.mark.parametrize("mode", MODES)
def test_no_rule_is_broken_without_a_reason_and_enough_of_them_apply(mode: str, tmp_path: Path) -> None:
    rows = judged(decided(mode), tmp_path)
    assert unsuppressed(findings(rows)) == []
    applied = defaultdict(set)
    for row in rows:
        applied[row["pack"]].add(row["rule"])
    assert {pack: len(applied[pack]) for pack in APPLIED if len(applied[pack]) < APPLIED[pack]} == {}


def test_every_reason_in_the_template_is_needed(tmp_path: Path) -> None:
    found = [one for mode in MODES for one in findings(judged(decided(mode), tmp_path))]
    assert needless(found, tuple(f"{pack}-*" for pack in APPLIED)) == []


def test_an_open_bucket_and_a_permission_for_everything_would_be_found(tmp_path: Path) -> None:
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    planted = {
        "OpenBucket": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}},
        "WidePolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {"PolicyDocument": {"Version": "2012-10-17", "Statement": [allowed]}},
        },
    }
    found = unsuppressed(findings(judged({"Resources": planted}, tmp_path)))
    assert {
        Finding("HIPAA.Security-S3BucketPublicReadProhibited", "OpenBucket"),
        Finding("AwsSolutions-IAM5 Action::s3:*", "WidePolicy"),
        Finding("AwsSolutions-IAM5 Resource::*", "WidePolicy"),
    } <= set(found)
