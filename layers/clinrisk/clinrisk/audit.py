"""Audit: what the ledger keeps about each release decision, and under which name.

One immutable object per event in the bucket with Object Lock. An entry says what went live, in place of
what, by whose decision, for which reason and on which evidence; it holds digests and no patient.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from clinrisk.lineage import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReleaseEvent(StrEnum):
    """What can happen to the live model."""

    PROMOTED = "promoted"


@dataclass(frozen=True)
class LedgerEntry:
    """One release decision as it was carried out."""

    use_case: str
    event: ReleaseEvent
    live_version: int
    previous_version: int
    """The version that was live before; 0 when there was none."""
    run_id: str
    package_arn: str
    package_version: int
    approval_id: str
    decided_at: str
    """When the approver decided, ISO 8601 in UTC."""
    effective_at: str
    """When the model went live, ISO 8601 in UTC."""
    reason: str
    threshold: float
    digests: Mapping[str, str]
    """Artefact name -> sha256, hashed again at promotion."""
    format: int = 1

    @property
    def key(self) -> str:
        """The object's key in the audit bucket; sorts by use case and version."""
        return f"ledger/{self.use_case}/{self.live_version:08d}-{self.event}.json"

    def to_bytes(self) -> bytes:
        """Return the entry as canonical JSON."""
        return canonical_json(asdict(self))

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> LedgerEntry:
        """Return the entry that `to_bytes` wrote; raises TypeError when a part is absent or unknown."""
        return cls(**{**document, "event": ReleaseEvent(document["event"])})
