"""checkov's detectors of secrets read every file: keys of accounts, tokens, private keys, passwords."""

import json
from pathlib import Path

from tests.scanners.installed import ROOT, run

# What a checkout of one's own holds beside the repository.
MADE = (".git", ".envs", ".build", ".twin", ".aws-sam", ".mypy_cache", ".ruff_cache", ".hypothesis", "out")
# What looks like a secret and is none.
NO_SECRETS = {
    "/events/request_slot.transform.json": "the task token of an execution that never was",
    "/events/update_approvers.confirm.json": "the token of a mail that was never sent",
}


def found(folder: Path) -> dict[str, str]:
    """Return the kind of what looks like a secret, by file."""
    options = ["--framework", "secrets", "--enable-secret-scan-all-files", "--quiet", "--skip-download"]
    skipped = [word for name in MADE for word in ("--skip-path", name)]
    done = run("checkov", "-d", folder, *options, *skipped, "-o", "json")
    report = json.loads(done.stdout)
    return {one["file_path"]: one["check_name"] for one in report.get("results", {}).get("failed_checks", [])}


def test_no_file_holds_a_secret() -> None:
    assert found(ROOT).keys() == NO_SECRETS.keys()


def test_a_key_of_an_account_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "settings.ini").write_text("aws_access_key_id = " + "AKIA" + "2E0A8F3B244C9986\n")
    assert found(tmp_path) == {"/settings.ini": "AWS Access Key"}
