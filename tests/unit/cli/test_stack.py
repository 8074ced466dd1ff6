import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from cli.command_errors import CliError
from cli.stack import Stack, _variable, open_stack
from clinrisk.aws import clients
from clinrisk.aws.settings import settings
from tests.unit.cli.conftest import REGION

TWIN = {"endpoint_url": "http://127.0.0.1:9", "region": "us-east-1", "access_key": "a", "secret_key": "b"}


def test_the_tables_of_the_stack_are_those_of_its_outputs(deployment: Any) -> None:
    stack = open_stack(None, on_twin=False)
    assert settings().uploads_table == stack.output("UploadsTable") == deployment.outputs["UploadsTable"]
    assert clients.s3().meta.region_name == REGION


def test_every_setting_of_the_tables_and_buckets_is_an_output_of_the_template() -> None:
    template = (Path(__file__).parents[3] / "template.yaml").read_text().partition("\nOutputs:\n")[2]
    outputs = {line.split(":")[0].strip() for line in template.splitlines() if line.startswith("  ")}
    given = {_variable(name).lower() for name in outputs if name}
    needed = {name for name in type(settings()).model_fields if name.endswith(("_table", "_bucket"))}
    assert needed <= given


def test_on_the_twin_every_client_talks_to_its_endpoint_with_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".twin").mkdir()
    (tmp_path / ".twin" / "endpoint.json").write_text(json.dumps(TWIN))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(Exception, match="Could not connect"):
        open_stack(None, on_twin=True)
    for client in (clients.s3(), clients.sqs(), clients.dynamodb().meta.client):
        assert client.meta.endpoint_url == TWIN["endpoint_url"]
        assert client.meta.region_name == TWIN["region"]
    assert "/bucket/key?" in clients.s3().generate_presigned_url(
        "get_object", Params={"Bucket": "bucket", "Key": "key"}
    )
    credentials = boto3.DEFAULT_SESSION.get_credentials() if boto3.DEFAULT_SESSION else None
    assert credentials is not None
    assert credentials.access_key == "a"


def test_a_twin_can_be_named_by_its_folder(
    clinrisk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_STATE_DIR", str(tmp_path))
    assert clinrisk("receipts", "--twin").code == 3
    (tmp_path / "endpoint.json").write_text(json.dumps(TWIN))
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert "did not answer" in clinrisk("receipts", "--twin").err


def test_an_output_that_the_stack_lacks_is_named_with_a_remedy(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    with pytest.raises(CliError, match="NoSuchOutput"):
        Stack("clinrisk", {}).output("NoSuchOutput")
    cloudformation = boto3.client("cloudformation", REGION)
    template = json.dumps({"Resources": {"Only": {"Type": "AWS::SQS::Queue"}}})
    cloudformation.create_stack(StackName="old", TemplateBody=template)
    for verb in (["approvals"], ["status"]):
        answer = clinrisk(*verb, "--stack", "old")
        assert answer.code == 1
        assert "template.yaml" in answer.err
