"""Events for other systems, on the account's default EventBridge bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients
from clinrisk.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "clinrisk"
"""What EventBridge rules select our events by, with the detail type."""


def publish(detail_type: str, detail: Mapping[str, Any]) -> None:
    """Publish an event; raises TransientError when the bus did not take it."""
    answer = clients.events().put_events(
        Entries=[{"Source": SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail)}]
    )
    if answer["FailedEntryCount"]:
        raise TransientError("EventBridge did not take an event.")
