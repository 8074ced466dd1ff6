"""Answers to CloudFormation: a custom resource that fails says so at once and never hangs the stack."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIMEOUT_SECONDS = 10.0
_TRIES = 3


@contextmanager
def answered(event: dict[str, Any], physical_id: str) -> Iterator[dict[str, str]]:
    """Return a dict for the attributes and send it to CloudFormation, or FAILED when the block raises."""
    attributes: dict[str, str] = {}
    try:
        yield attributes
    except Exception as error:
        _send(event, physical_id, "FAILED", {}, f"{type(error).__name__}: {error}")
        raise
    _send(event, physical_id, "SUCCESS", attributes, "")


def _send(
    event: dict[str, Any], physical_id: str, status: str, attributes: dict[str, str], reason: str
) -> None:
    body = {
        "Status": status,
        "Reason": reason[:400] or "See the function's log.",
        "PhysicalResourceId": event.get("PhysicalResourceId", physical_id),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": attributes,
    }
    # The address is presigned without a content type: any other header value breaks its signature.
    urllib3.PoolManager().request(
        "PUT",
        event["ResponseURL"],
        body=json.dumps(body).encode(),
        headers={"Content-Type": ""},
        timeout=_TIMEOUT_SECONDS,
        retries=_TRIES,
    )
