"""parliament reads every managed policy as IAM will."""

import json
import re
from pathlib import Path
from typing import Any

from tests.scanners.installed import run
from tests.scanners.plain_template import MODES, spelled
from tests.scanners.suppressions import Finding, needless, unsuppressed


def found(policies: dict[str, dict[str, Any]], directory: Path) -> list[Finding]:
    """Return what parliament finds in policies, by their logical ids."""
    directory.mkdir()
    for name, document in policies.items():
        (directory / f"{name}.json").write_text(json.dumps(document))
    done = run("parliament", "--directory", directory, "--include_policy_extension", "json", "--json")
    assert "Traceback" not in done.stderr, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Finding(f"parliament {row['issue']} {action}", Path(row["location"]["filepath"]).stem)
        for row in rows
        for action in re.findall(r"[a-z0-9-]+:[A-Z]\w+", str(row["detail"])) or ["-"]
    ]


def test_no_policy_has_a_fault_without_a_reason_and_every_reason_is_needed(tmp_path: Path) -> None:
    rows: list[Finding] = []
    for mode in MODES:
        policies = {
            logical: resource["Properties"]["PolicyDocument"]
            for logical, resource in spelled(mode)["Resources"].items()
            if resource["Type"] == "AWS::IAM::ManagedPolicy"
        }
        assert len(policies) > 70
        rows += found(policies, tmp_path / mode)
    assert unsuppressed(rows) == []
    assert needless(rows, ("parliament *",)) == []


def test_a_permission_on_a_resource_that_the_action_does_not_know_would_be_found(tmp_path: Path) -> None:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket"}
    planted = {"Planted": {"Version": "2012-10-17", "Statement": [statement]}}
    assert found(planted, tmp_path / "planted") == [
        Finding("parliament RESOURCE_MISMATCH s3:GetObject", "Planted")
    ]
