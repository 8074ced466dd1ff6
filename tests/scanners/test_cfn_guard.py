"""cfn-guard reads the template: the rules that its package ships, ours, and those that a variable names."""

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import pytest

from tests.scanners.installed import NODE, run_node
from tests.scanners.plain_template import MODES, spelled, written
from tests.scanners.suppressions import Finding, needless, unsuppressed

PACKAGE = Path("@cdklabs/cdk-validator-cfnguard")
SYSTEM = "macos" if platform.system() == "Darwin" else "ubuntu"
CHIP = "aarch64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
OURS = Path(__file__).with_name("clinrisk.guard")
SHIPPED = NODE / "node_modules" / PACKAGE / "rules"
# Folders of a hospital's own rules, or of a public rule set: what they find has to be in the table as well.
MORE = [Path(folder) for folder in os.environ.get("GUARD_RULES", "").split(os.pathsep) if folder]
# How many rules have to find something to apply to: a resource that is missing must not pass.
APPLIED = 38


def judged(template: dict[str, Any], directory: Path, *rules: Path) -> tuple[list[Finding], int]:
    """Return what breaks the rules, and how many of them applied."""
    file = written(template, directory)
    options = ["--output-format", "json", "--structured", "--show-summary", "none"]
    done = run_node(
        PACKAGE / "bin" / SYSTEM / CHIP / "cfn-guard", "validate", "-d", file, *options, "-r", *rules
    )
    (report,) = json.loads(done.stdout)
    found = [
        Finding(f"guard {broken['Rule']['name']}", resource)
        for broken in report["not_compliant"]
        for resource in sorted(set(re.findall(r"/Resources/(\w+)", json.dumps(broken))))
    ]
    return found, len(report["compliant"]) + len(report["not_compliant"])


@pytest.mark.slow
def test_no_rule_is_broken_without_a_reason_enough_apply_and_every_reason_is_needed(tmp_path: Path) -> None:
    found, applied = judged(spelled("isolated"), tmp_path, SHIPPED, OURS, *MORE)
    assert unsuppressed(found) == []
    assert applied >= APPLIED
    assert needless(found, ("guard *",)) == []


@pytest.mark.parametrize("mode", MODES)
def test_our_own_rules_hold_in_every_mode(mode: str, tmp_path: Path) -> None:
    assert judged(spelled(mode), tmp_path, OURS) == ([], OURS.read_text().count("\nrule "))


def test_a_bucket_that_is_deleted_with_the_stack_would_be_found(tmp_path: Path) -> None:
    planted = {"Resources": {"LooseBucket": {"Type": "AWS::S3::Bucket", "Properties": {}}}}
    found, applied = judged(planted, tmp_path, OURS)
    assert found == [Finding("guard a_bucket_belongs_to_the_account_and_outlives_the_stack", "LooseBucket")]
    assert applied == 1
