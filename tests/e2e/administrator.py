"""A person who may do everything that no policy of a resource forbids."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import RunningTwin


def administrator(twin: RunningTwin) -> Any:
    """Return an S3 client of a role that may do everything in S3."""
    iam, sts, name = twin.client("iam"), twin.client("sts"), f"administrator-{uuid.uuid4().hex[:8]}"
    account = sts.get_caller_identity()["Account"]
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    everything = {"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=_policy(everything))
    given = sts.assume_role(RoleArn=role, RoleSessionName="tries")["Credentials"]
    make: Callable[..., Any] = boto3.client
    return make(
        "s3",
        endpoint_url=twin.endpoint_url,
        region_name=twin.region,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def answer(call: Callable[..., Any], **arguments: Any) -> str:
    """Return the code of the refusal of a call, or "done"."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"
