"""Deployment of a template to a twin, as `sam deploy` does it on AWS."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from twin.deployment.layer_build import BuildError
from twin.deployment.package import PackagingError, Upload, package
from twin.state import ACCOUNT, REGION, Endpoint, state_directory

ARTIFACTS = f"twin-artifacts-{ACCOUNT}"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class DeployError(Exception):
    """The stack could not be deployed; the message names the resource and the reason."""


def client(endpoint: Endpoint, service: str) -> Any:
    """Return an AWS client that speaks to this twin and to nothing else, whatever the environment says."""
    make: Callable[..., Any] = boto3.client
    return make(
        service,
        endpoint_url=endpoint.endpoint_url,
        region_name=endpoint.region,
        aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, read_timeout=120),
    )


def deploy(
    template: Path,
    stack: str = "clinrisk",
    parameters: Mapping[str, str] | None = None,
    endpoint: Endpoint | None = None,
) -> dict[str, str]:
    """Create or update the stack from a raw template and give its outputs; without changes, just its outputs.

    Raises DeployError when the template cannot be packaged, and with CloudFormation's reason when a resource
    fails.
    """
    endpoint = endpoint or state_directory().read()
    if endpoint is None:
        raise DeployError("No twin is running. Start one with: twin up")
    s3, cloudformation = client(endpoint, "s3"), client(endpoint, "cloudformation")
    stored = _stored(s3)

    def upload(file: Path) -> str:
        if file.name not in stored:
            # One request: multipart upload of a layer takes three times as long on loopback.
            s3.put_object(Bucket=ARTIFACTS, Key=file.name, Body=file.read_bytes())
        return file.name

    body = json.dumps(_packaged(template, upload), default=str)
    s3.put_object(Bucket=ARTIFACTS, Key=f"{stack}.template.json", Body=body.encode())
    request = {
        "StackName": stack,
        "TemplateURL": f"{endpoint.endpoint_url}/{ARTIFACTS}/{stack}.template.json",
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in (parameters or {}).items()],
        "Capabilities": CAPABILITIES,
    }
    try:
        if _exists(cloudformation, stack):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request, OnFailure="DO_NOTHING")
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeployError(
                f"The stack {stack} was refused: {error.response['Error']['Message']}"
            ) from error
    return wait(cloudformation, stack)


def build(template: Path) -> None:
    """Package everything the template names into the cache that `deploy` uses."""
    _packaged(template, lambda file: file.name)


def _packaged(template: Path, upload: Upload) -> dict[str, Any]:
    try:
        return package(template, ARTIFACTS, upload)
    except (PackagingError, BuildError) as error:
        raise DeployError(str(error)) from error


def wait(cloudformation: Any, stack: str, limit_seconds: float = 300.0) -> dict[str, str]:
    """Wait until the stack is complete and return its outputs; raise DeployError with what failed and why."""
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = described["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        if status.endswith(("_FAILED", "ROLLBACK_COMPLETE")):
            raise DeployError(
                f"The stack {stack} ended as {status}:\n{_reasons(cloudformation, stack, described)}"
            )
        time.sleep(0.1)
    raise DeployError(f"The stack {stack} was not complete after {limit_seconds:.0f} s.")


def _stored(s3: Any) -> set[str]:
    """Make sure the artifacts bucket is there, and give the names in it."""
    try:
        listed = s3.list_objects_v2(Bucket=ARTIFACTS)
    except s3.exceptions.NoSuchBucket:
        placed = (
            {} if REGION == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        )
        s3.create_bucket(Bucket=ARTIFACTS, **placed)
        return set()
    return {entry["Key"] for entry in listed.get("Contents", [])}


def _exists(cloudformation: Any, stack: str) -> bool:
    try:
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError:
        return False
    return bool(described["StackStatus"] != "DELETE_COMPLETE")


def _reasons(cloudformation: Any, stack: str, described: dict[str, Any]) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]
    return "\n".join(dict.fromkeys(failed)) or described.get("StackStatusReason", "  no reason given")
