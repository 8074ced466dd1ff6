"""What the ledger keeps of a monitoring run that alerted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clinrisk.core.ledger.events import LedgerEvent


@dataclass(frozen=True, kw_only=True)
class AlertEntry(LedgerEvent):
    """Which checks alerted, what was done about it, and the findings by digest: they hold the details."""

    event_name: ClassVar[str] = "alerted"
    first_stands: ClassVar[frozenset[str]] = frozenset({"found_at"})

    use_case: str
    run: str
    """The monitoring run, by the name of its execution."""
    checks: tuple[str, ...]
    response: str
    """INVESTIGATE, PROPOSE_RETRAINING or PROPOSE_PAUSE."""
    findings_uri: str
    findings_sha256: str
    found_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """Use case and run."""
        return f"{self.use_case}/alerts/{self.run}"

    @property
    def moment(self) -> str:
        """When the run ended."""
        return self.found_at
