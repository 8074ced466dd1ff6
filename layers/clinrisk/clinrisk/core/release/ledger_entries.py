"""Audit: what the ledger keeps about decisions and releases, and under which name.

One immutable object per event in the bucket with Object Lock: what a person decided and on which evidence,
what went live in place of what, and why an approved candidate did not. An entry holds digests and no patient.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from clinrisk.core.digests import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping


class ReleaseEvent(StrEnum):
    """What can happen to the live model."""

    PROMOTED = "promoted"


class Entry(Protocol):
    """What the ledger can keep."""

    @property
    def key(self) -> str:
        """The object's key in the audit bucket."""
        ...

    def to_bytes(self) -> bytes:
        """Return the entry as canonical JSON."""
        ...


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
    evidence: Mapping[str, str]
    """What the approver was shown -> sha256, as it was when it was decided."""
    format: int = 2

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


@dataclass(frozen=True)
class DecisionEntry:
    """What a person decided about a candidate, and what that person had before them."""

    use_case: str
    run_id: str
    package_arn: str
    package_version: int
    approval_id: str
    decision: str
    """APPROVED or REJECTED."""
    reason: str
    decided_at: str
    digests: Mapping[str, str]
    """What the candidate is made of."""
    evidence: Mapping[str, str]
    """Evaluation, report, the forms of the model card, and each comparison on the page -> sha256."""
    format: int = 1

    @property
    def key(self) -> str:
        """The object's key in the audit bucket."""
        return f"ledger/{self.use_case}/decisions/{self.approval_id}-{self.decision.lower()}.json"

    def to_bytes(self) -> bytes:
        """Return the entry as canonical JSON."""
        return canonical_json(asdict(self))


@dataclass(frozen=True)
class RefusalEntry:
    """Why a candidate that a person had approved did not go live."""

    use_case: str
    run_id: str
    package_arn: str
    package_version: int
    approval_id: str
    decided_at: str
    refused_at: str
    refusal: str
    """In words: which artefact changed, or which model is live that the evidence does not compare with."""
    digests: Mapping[str, str]
    format: int = 1

    @property
    def key(self) -> str:
        """The object's key in the audit bucket, beside the decision that it answers."""
        return f"ledger/{self.use_case}/decisions/{self.approval_id}-not-released.json"

    def to_bytes(self) -> bytes:
        """Return the entry as canonical JSON."""
        return canonical_json(asdict(self))
