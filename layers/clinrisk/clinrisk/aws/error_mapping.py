"""What may go wrong inside a function, named for the workflow, and told without anybody's words but ours.

A throttle or a lost connection is a TransientError, any other answer of AWS a ServiceRefused, and what nobody
foresaw a Defect. AWS and libraries quote what they were given: a cell of a patient must not get into a log or
a history that way, so their text (and with `from None` their trace) stays behind.
"""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from clinrisk.errors import ClinriskError, Defect, ServiceRefused, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PASSING = {
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "KMSInternalException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500


@contextmanager
def named_refusals() -> Iterator[None]:
    """Let our own errors pass, and turn every other one into one of the three."""
    try:
        yield
    except ClinriskError:
        raise
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        passing = code in _PASSING or status >= _SERVER_ERROR
        kind = TransientError if passing else ServiceRefused
        raise kind(f"AWS answered {error.operation_name} with {code}.") from None
    except BotoCoreError as error:
        raise TransientError(f"AWS did not answer: {type(error).__name__}.") from None
    except Exception as error:  # noqa: BLE001 # whatever it is, its words must not leave
        raise Defect(f"{type(error).__name__} at {_last_lines(error)}.") from None


def _last_lines(error: Exception) -> str:
    """Name the lines that led to an error, ours and a library's: file names and numbers alone."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
