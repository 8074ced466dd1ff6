"""The one exception that carries an AWS error back to the caller, and the failure of a job.

Every refusal of the local SageMaker, whoever notices it, is a `SageMakerError` with the code AWS uses; the
HTTP, Step Functions and CloudFormation sides translate it, nothing else catches it.
"""

from __future__ import annotations

MAX_FAILURE_REASON = 1024


class SageMakerError(Exception):
    """An AWS error: `code` as AWS spells it, a message without cell values, and an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class JobFailure(Exception):  # noqa: N818 - a job's own bad end, reported in its Describe output, not an error of ours
    """A job that ends as Failed: `reason` becomes FailureReason, cut at AWS's 1,024 characters."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:MAX_FAILURE_REASON]


def invalid(message: str) -> SageMakerError:
    """Return the ValidationException with which SageMaker refuses a request."""
    return SageMakerError("ValidationException", message)


def over_quota(what: str, quota: int, used: int, wanted: int) -> SageMakerError:
    """Return the refusal of what the account's quota does not allow, in AWS's words."""
    return SageMakerError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{what}' is {quota} Instances, with current utilization of {used}"
        f" Instances and a request delta of {wanted} Instances. Please use AWS Service Quotas to request an"
        " increase for this quota.",
    )


def unsupported(what: str) -> SageMakerError:
    """Return the refusal of something real that this twin does not run, by name."""
    return invalid(f"The local SageMaker does not implement {what}.")
