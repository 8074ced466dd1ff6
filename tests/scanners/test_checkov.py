"""checkov reads the template: nothing is found that does not stand there with a reason."""

import json
from pathlib import Path
from typing import Any

from tests.scanners.installed import run
from tests.scanners.plain_template import MODES, decided, written
from tests.scanners.suppressions import Finding, needless, unsuppressed


def judged(template: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Return checkov's report; it asks nobody."""
    options = ["--framework", "cloudformation", "--compact", "--skip-download", "-o", "json"]
    report: dict[str, Any] = json.loads(run("checkov", "-f", written(template, directory), *options).stdout)
    assert report["summary"]["parsing_errors"] == 0
    return report["results"]  # type: ignore[no-any-return]


def findings(results: dict[str, Any]) -> list[Finding]:
    """Return what breaks a rule."""
    return [Finding(row["check_id"], row["resource"].split(".")[-1]) for row in results["failed_checks"]]


def test_no_rule_is_broken_without_a_reason_and_every_reason_is_needed(tmp_path: Path) -> None:
    found: list[Finding] = []
    for mode in MODES:
        results = judged(decided(mode), tmp_path)
        found += findings(results)
        assert len({row["check_id"] for row in results["passed_checks"]}) >= 35, mode
    assert unsuppressed(found) == []
    assert needless(found, ("CKV*",)) == []


def test_a_queue_without_a_key_would_be_found(tmp_path: Path) -> None:
    planted = {"Resources": {"OpenQueue": {"Type": "AWS::SQS::Queue", "Properties": {}}}}
    assert Finding("CKV_AWS_27", "OpenQueue") in unsuppressed(findings(judged(planted, tmp_path)))
