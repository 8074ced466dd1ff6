from collections.abc import Callable
from typing import Any

import pytest
from boto3.exceptions import S3UploadFailedError
from botocore import exceptions as aws

from cli.app import _known_error
from cli.command_errors import Unreachable, explain


def refused(code: str) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (aws.NoCredentialsError(), "AWS_PROFILE"),
        (aws.NoRegionError(), "AWS_REGION"),
        (aws.ProfileNotFound(profile="ward"), "AWS_PROFILE"),
        (aws.EndpointConnectionError(endpoint_url="http://x"), "AWS_ENDPOINT_URL"),
        (aws.ParamValidationError(report="x"), "AWS_REGION"),
        (refused("AccessDenied"), "role"),
        (refused("ExpiredToken"), "Sign in"),
        (refused("InvalidClientTokenId"), "--twin"),
        (refused("InternalError"), "Try again"),
    ],
)
def test_what_aws_answers_has_a_remedy(error: Any, remedy: str) -> None:
    explained = explain(error)
    assert isinstance(explained, Unreachable)
    assert explained.exit_code == 3
    assert remedy in explained.remedy


def test_an_upload_that_broke_off_can_be_repeated() -> None:
    known = _known_error(S3UploadFailedError("broken"))
    assert known is not None
    assert (known.exit_code, "Drop the file again" in known.remedy) == (1, True)


def test_a_fault_of_our_own_keeps_its_trace() -> None:
    assert _known_error(ValueError("a fault")) is None


def test_a_profile_that_does_not_exist_is_named(
    clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ward")
    answer = clinrisk("receipts")
    assert answer.code == 3
    assert "ward" in answer.err
