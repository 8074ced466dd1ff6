"""What every event states that the ledger keeps: its name, its identity, its moment and its body."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from clinrisk.core.digests import canonical_json


@dataclass(frozen=True)
class LedgerEvent(ABC):
    """One event: the fields of each kind are the body of its entry."""

    event_name: ClassVar[str]
    first_stands: ClassVar[frozenset[str]] = frozenset()
    """Fields that a repeated call takes from the clock again: the first entry keeps its own."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What makes the event this one, as the path of its index object: the ledger holds it once."""

    @property
    @abstractmethod
    def moment(self) -> str:
        """When it happened, ISO 8601 in UTC."""

    def body(self) -> dict[str, Any]:
        """Return the event's fields as JSON spells them."""
        body: dict[str, Any] = json.loads(canonical_json(asdict(self)))
        return body

    def is_in(self, body: dict[str, Any]) -> bool:
        """Return whether an entry's body states this very event, whenever it was written."""
        kept = {name: body[name] for name in self.first_stands if name in body}
        return self.body() | kept == body
