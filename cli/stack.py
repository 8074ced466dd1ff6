"""The deployed stack: its resources by output name, and AWS clients that reach it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.errors import CliError, Unreachable

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

DEFAULT_STACK = "clinrisk"
ENDPOINT_FILE = Path(".twin") / "endpoint.json"


@dataclass(frozen=True)
class Stack:
    """One deployment: `name`, where it runs, and its outputs (read once)."""

    name: str
    session: boto3.Session
    client_options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """CloudFormation, to look up outputs."""
        return self.session.client("cloudformation", **self.client_options)

    @cached_property
    def s3(self) -> S3Client:
        """S3: the inbox, the lake, the results."""
        return self.session.client("s3", **self.client_options)

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB: uploads, approvals, deployments."""
        return self.session.client("dynamodb", **self.client_options)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions: the four state machines."""
        return self.session.client("stepfunctions", **self.client_options)

    @cached_property
    def sqs(self) -> Any:
        """SQS: the dead-letter queue."""
        return self.session.client("sqs", **self.client_options)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by name."""
        from botocore.exceptions import ClientError

        try:
            found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            raise CliError(
                f"There is no stack named {self.name!r} here.",
                "Name another with --stack (or CLINRISK_STACK), or deploy it: `sam deploy`, or `make demo`.",
            ) from error
        return {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", [])}

    def output(self, name: str) -> str:
        """One output: a bucket, a table, an ARN or a URL."""
        try:
            return self.outputs[name]
        except KeyError as error:
            raise CliError(
                f"The stack {self.name!r} has no output {name}.",
                "Deploy this version of template.yaml first.",
            ) from error


def open_stack(name: str | None, *, on_twin: bool) -> Stack:
    """Return the stack to talk to: on AWS by boto3's own settings, or on this folder's twin."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from cli.errors import explain

    chosen = name or os.environ.get("CLINRISK_STACK") or DEFAULT_STACK
    patience = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4})
    if on_twin:
        twin = _read_twin_endpoint()
        session = boto3.Session(
            aws_access_key_id=twin["access_key"],
            aws_secret_access_key=twin["secret_key"],
            region_name=twin["region"],
        )
        # A bucket in the host name would be a name that no laptop resolves.
        local = patience.merge(Config(s3={"addressing_style": "path"}))
        options = {"endpoint_url": twin["endpoint_url"], "config": local, "verify": twin.get("ca_bundle")}
        return Stack(chosen, session, options)
    try:
        return Stack(chosen, boto3.Session(), {"config": patience})
    except BotoCoreError as error:
        raise explain(error) from error


def _read_twin_endpoint() -> dict[str, Any]:
    here = Path.cwd()
    named = os.environ.get("TWIN_STATE_DIR")
    places = (
        [Path(named) / "endpoint.json"]
        if named
        else [folder / ENDPOINT_FILE for folder in (here, *here.parents)]
    )
    for place in places:
        if place.is_file():
            found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
            return found
    raise Unreachable(
        "No twin runs in this folder.", "Start one with `make twin` (or `twin up`), then try again."
    )
