"""The ledger in the Audit bucket: every decision, release and refusal, where Object Lock keeps it.

An entry is written once: a repeated step finds its own work, and nobody can replace it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core.release.ledger_entries import DecisionEntry, LedgerEntry, RefusalEntry, ReleaseEvent

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.release.ledger_entries import Entry
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel


def write_decision(approval: Approval) -> Reference:
    """Write what a person decided, and the digests of what that person was shown."""
    return _write(
        DecisionEntry(
            use_case=approval.use_case,
            run_id=approval.run_id,
            package_arn=approval.package_arn,
            package_version=approval.package_version,
            approval_id=approval.approval_id,
            decision=approval.decision,
            reason=approval.reason,
            decided_at=approval.decided_at,
            digests=approval.digests.model_dump(),
            evidence=approval.evidence,
        )
    )


def write_release(after: LiveModel, approval: Approval) -> Reference:
    """Write one change of the live model, with the decision behind it."""
    return _write(
        LedgerEntry(
            use_case=after.use_case,
            event=ReleaseEvent.PROMOTED,
            live_version=after.live_version,
            previous_version=after.previous_version,
            run_id=after.run_id,
            package_arn=after.package_arn,
            package_version=after.package_version,
            approval_id=after.approval_id,
            decided_at=approval.decided_at,
            effective_at=after.promoted_at,
            reason=approval.reason,
            threshold=after.threshold,
            digests=after.digests.model_dump(),
            evidence=approval.evidence,
        )
    )


def write_refusal(approval: Approval, refusal: str, refused_at: str) -> Reference:
    """Write why an approved candidate was not released."""
    return _write(
        RefusalEntry(
            use_case=approval.use_case,
            run_id=approval.run_id,
            package_arn=approval.package_arn,
            package_version=approval.package_version,
            approval_id=approval.approval_id,
            decided_at=approval.decided_at,
            refused_at=refused_at,
            refusal=refusal,
            digests=approval.digests.model_dump(),
        )
    )


def _write(entry: Entry) -> Reference:
    return s3.store(settings().audit_bucket, entry.key, entry.to_bytes(), "application/json", once=True)
