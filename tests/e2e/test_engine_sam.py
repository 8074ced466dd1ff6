"""`sam deploy` itself, pointed at the twin."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

PROJECT = Path(__file__).resolve().parents[2]
SAM = PROJECT / ".envs/sam/bin/sam"

pytestmark = [
    pytest.mark.twin,
    pytest.mark.skipif(not SAM.exists(), reason="needs the sam environment: make .envs/sam/.installed"),
]


def test_sam_deploys_through_a_change_set(twin: "RunningTwin", tmp_path: Path) -> None:
    keys = {
        "AWS_ENDPOINT_URL": twin.endpoint_url,
        "AWS_DEFAULT_REGION": twin.region,
        "AWS_ACCESS_KEY_ID": twin.access_key,
        "AWS_SECRET_ACCESS_KEY": twin.secret_key,
    }
    command = [
        str(SAM),
        "deploy",
        "--template-file",
        "template.yaml",
        "--stack-name",
        "by-sam",
        "--resolve-s3",
    ]
    command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-progressbar"]
    done = subprocess.run(
        [*command, "--no-confirm-changeset"],
        cwd=PROJECT / "tests/e2e/engine",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0"} | keys,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Successfully created/updated stack - by-sam" in done.stdout
    described = twin.client("cloudformation").describe_stacks(StackName="by-sam")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    assert twin.run(outputs["Flow"], {"case": "parallel"})["status"] == "SUCCEEDED"
