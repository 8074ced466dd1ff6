"""Kept Changes: every change of a known finding is in the ledger and on the event bus, whoever makes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clinrisk.aws import clients, ledger
from clinrisk.core.monitoring.memory.finding_entry import DETAIL_TYPE, SOURCE, entry_of, event_of
from clinrisk.errors import TransientError

if TYPE_CHECKING:
    from clinrisk.messages.monitoring import FindingChange, KnownFinding

ATTEMPTS = 20
"""How often a lost race for an item is run again."""


def keep(finding: KnownFinding, change: FindingChange) -> None:
    """Write a change to the ledger, once, and publish it; a repeated call publishes it under the same id.

    Raises TransientError when the account's default bus did not take the event.
    """
    ledger.append(entry_of(finding, change))
    detail = json.dumps(event_of(finding, change))
    answer = clients.events().put_events(
        Entries=[{"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": detail}]
    )
    if answer["FailedEntryCount"]:
        raise TransientError("EventBridge did not take an event.")
