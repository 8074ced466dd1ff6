"""Audit: what the ledger keeps about decisions and releases, and under which name.

One immutable object per event in the bucket with Object Lock: what a person decided and on which evidence,
what went live in place of what, and why an approved candidate did not. An entry holds digests and no patient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from clinrisk.core.digests import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping


def release_key(use_case: str, live_version: int) -> str:
    """Return the key of the entry of a release; sorts by use case and version."""
    return f"ledger/{use_case}/{live_version:08d}-promoted.json"


def decision_key(use_case: str, approval_id: str, decision: str) -> str:
    """Return the key of the entry of a decision, APPROVED or REJECTED."""
    return f"ledger/{use_case}/decisions/{approval_id}-{decision.lower()}.json"


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(ABC):
    """What every entry states: the candidate, and the decision about it."""

    use_case: str
    run_id: str
    package_arn: str
    package_version: int
    approval_id: str
    decided_at: str
    """When the approver decided, ISO 8601 in UTC."""
    digests: Mapping[str, str]
    """What the candidate is made of: artefact name -> sha256."""

    @property
    @abstractmethod
    def key(self) -> str:
        """The object's key in the audit bucket; sorts by use case."""


@dataclass(frozen=True, kw_only=True)
class ReleaseEntry(LedgerEntry):
    """One release as it was carried out; the digests are those that were hashed again for it."""

    live_version: int
    previous_version: int
    """The version that was live before; 0 when there was none."""
    effective_at: str
    """When the model went live, ISO 8601 in UTC."""
    reason: str
    threshold: float
    evidence: Mapping[str, str]
    """What the approver was shown -> sha256, as it was when it was decided."""
    evaluation_name: str
    """The evaluation of the run that it was approved on: report and card lie under this name."""
    event: str = "promoted"
    format: int = 2

    @property
    def key(self) -> str:
        """The object's key; sorts by use case and version."""
        return release_key(self.use_case, self.live_version)


@dataclass(frozen=True, kw_only=True)
class DecisionEntry(LedgerEntry):
    """What a person decided about a candidate, and what that person had before them."""

    decision: str
    """APPROVED or REJECTED."""
    reason: str
    evidence: Mapping[str, str]
    """Evaluation, report, the forms of the model card, and each comparison on the page -> sha256."""
    accepted: tuple[str, ...] = ()
    """The groups in which harm could go unseen, as the approver accepted them by name."""
    signature: str = ""
    """The decision key's over `signed_content`, in base64; none on entries of an earlier format."""
    format: int = 3

    @property
    def key(self) -> str:
        """The object's key."""
        return decision_key(self.use_case, self.approval_id, self.decision)

    @property
    def signed_content(self) -> bytes:
        """The bytes that are signed: the entry's canonical JSON without the signature."""
        return canonical_json({name: value for name, value in asdict(self).items() if name != "signature"})


@dataclass(frozen=True, kw_only=True)
class RefusalEntry(LedgerEntry):
    """Why a candidate that a person had approved did not go live."""

    refused_at: str
    refusal: str
    """In words: which artefact changed, or which model is live that the evidence does not compare with."""
    format: int = 1

    @property
    def key(self) -> str:
        """The object's key, next to that of the decision that it answers."""
        return f"ledger/{self.use_case}/decisions/{self.approval_id}-not-released.json"
