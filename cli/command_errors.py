"""The errors of the command, each with what went wrong and what to do next.

    CliError             exit code 1: it cannot be done
    └── Unreachable      exit code 3: AWS (or the twin) did not answer, or refused

A mistyped command ends with exit code 2, which typer reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
STALE = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEY = {
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
}


class CliError(Exception):
    """What went wrong in one sentence (`str(error)`), and what to do about it in another (`remedy`)."""

    exit_code = 1

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class Unreachable(CliError):  # noqa: N818 # it names a condition, like its exit code
    """AWS or the twin did not answer, or did not accept the caller."""

    exit_code = 3


def explain(error: BotoCoreError | ClientError) -> CliError:
    """Return the error that an AWS error means to the person who typed the command."""
    from botocore import exceptions as aws

    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.TokenRetrievalError):
        return Unreachable(
            "No AWS credentials were found.", "Set AWS_PROFILE or sign in; for the laptop twin add --twin."
        )
    if isinstance(error, aws.NoRegionError):
        return Unreachable("No AWS region is set.", "Set AWS_REGION, for example AWS_REGION=eu-west-1.")
    if isinstance(error, aws.ProfileNotFound):
        return Unreachable(
            f"{error}.", "Set AWS_PROFILE to a profile that `aws configure list-profiles` shows."
        )
    if isinstance(error, aws.ClientError):
        return _explain_refusal(error)
    if isinstance(error, aws.EndpointConnectionError | aws.ConnectionError | aws.HTTPClientError):
        return Unreachable(
            "AWS did not answer.",
            "Check the network, AWS_REGION and AWS_ENDPOINT_URL; for the twin: `make twin`.",
        )
    return Unreachable(
        f"The AWS library reports: {error}.", "Check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL."
    )


def _explain_refusal(error: ClientError) -> CliError:
    code = error.response.get("Error", {}).get("Code", "")
    operation = error.operation_name
    if code in REFUSED:
        return Unreachable(
            f"AWS refused {operation}: your identity may not do that.",
            "Ask for the role that this command needs, or switch AWS_PROFILE.",
        )
    if code in STALE:
        return Unreachable("The AWS session has expired.", "Sign in again (for example `aws sso login`).")
    if code in UNKNOWN_KEY:
        return Unreachable(
            "AWS does not know these credentials.",
            "Check AWS_PROFILE and AWS_REGION; for the twin add --twin.",
        )
    return Unreachable(
        f"AWS answered {operation} with {code}.",
        "Try again; if it happens again, show this line to an operator.",
    )
