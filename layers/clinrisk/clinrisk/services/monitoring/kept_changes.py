"""Kept Changes: every change of a known finding is in the ledger and on the event bus, whoever makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.notifications import event_bus
from clinrisk.core.monitoring.memory.finding_entry import DETAIL_TYPE, entry_of, event_of

if TYPE_CHECKING:
    from clinrisk.messages.monitoring import FindingChange, KnownFinding

ATTEMPTS = 20
"""How often a lost race for an item is run again."""


def keep(finding: KnownFinding, change: FindingChange) -> None:
    """Write a change to the ledger, once, and publish it; a repeated call publishes it under the same id.

    Raises TransientError when the account's default bus did not take the event.
    """
    ledger.append(entry_of(finding, change))
    event_bus.publish(DETAIL_TYPE, event_of(finding, change))
