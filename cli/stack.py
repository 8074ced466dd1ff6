"""The deployed stack: this process's connection to it, and its resources by the names of its outputs."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.command_errors import CliError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

DEFAULT_STACK = "clinrisk"
ENDPOINT_FILE = "endpoint.json"
TWIN_FOLDER = ".twin"


@dataclass(frozen=True)
class Stack:
    """One deployment that this process is connected to, and its outputs by name."""

    name: str
    outputs: Mapping[str, str]

    @property
    def s3(self) -> S3Client:
        """S3: the inbox, the lake, the results."""
        from clinrisk.aws import clients

        return clients.s3()

    @property
    def stepfunctions(self) -> SFNClient:
        """Step Functions: the state machines."""
        from clinrisk.aws import clients

        return clients.stepfunctions()

    @property
    def sqs(self) -> Any:
        """SQS: the dead-letter queue."""
        from clinrisk.aws import clients

        return clients.sqs()

    def caller(self) -> str:
        """Return who gives the command: the identity that AWS knows this process by."""
        from clinrisk.aws import clients

        return str(clients.sts().get_caller_identity()["Arn"])

    def output(self, name: str) -> str:
        """Return one output: a bucket, a table, an ARN or a URL; raises CliError when there is none."""
        if name not in self.outputs:
            raise outdated_stack(f"The stack {self.name!r} has no output {name}.")
        return self.outputs[name]


def outdated_stack(what: str) -> CliError:
    """Return the error for a stack that lacks what this version of the command needs."""
    return CliError(what, "Deploy this version of template.yaml first: `sam deploy`.")


def open_stack(name: str | None, *, on_twin: bool) -> Stack:
    """Connect this process to a stack and return it: its clients, and the settings of the table adapters.

    On AWS, identity and region are boto3's own; on the twin they are those of the twin of this folder.
    """
    import boto3

    from clinrisk.aws import clients, settings

    chosen = name or os.environ.get("CLINRISK_STACK") or DEFAULT_STACK
    if on_twin:
        twin = _twin_endpoint()
        boto3.setup_default_session(
            aws_access_key_id=twin["access_key"],
            aws_secret_access_key=twin["secret_key"],
            region_name=twin["region"],
        )
        clients.connect(endpoint_url=twin["endpoint_url"], verify=twin.get("ca_bundle"))
    else:
        boto3.setup_default_session()
        clients.connect()
    outputs = _outputs(chosen)
    settings.use({_variable(output): value for output, value in outputs.items()})
    return Stack(chosen, outputs)


def _outputs(stack: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    from clinrisk.aws import clients

    try:
        found = clients.cloudformation().describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise CliError(
            f"There is no stack named {stack!r} here.",
            "Name another with --stack (or CLINRISK_STACK), or deploy it: `sam deploy`, or `make demo`.",
        ) from error
    return {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", [])}


def _variable(output: str) -> str:
    """Return the environment variable that gives a function what an output gives the command.

    >>> _variable("UploadsTable")
    'UPLOADS_TABLE'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()


def twin_folder() -> Path:
    """Return the folder of the twin that runs here; raises Unreachable when none does."""
    here = Path.cwd()
    named = os.environ.get("TWIN_STATE_DIR")
    folders = [Path(named)] if named else [folder / TWIN_FOLDER for folder in (here, *here.parents)]
    for folder in folders:
        if (folder / ENDPOINT_FILE).is_file():
            return folder
    raise Unreachable("No twin runs in this folder.", "Start one with `make twin`, then try again.")


def _twin_endpoint() -> dict[str, Any]:
    """Return what a running twin writes about itself."""
    found: dict[str, Any] = json.loads((twin_folder() / ENDPOINT_FILE).read_text(encoding="utf-8"))
    return found
