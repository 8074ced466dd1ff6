"""The ledger in the Audit bucket: every decision, release and refusal, where Object Lock keeps it.

An entry is written once: a repeated step finds its own work, and nobody can replace it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals
from clinrisk.core import object_keys
from clinrisk.core.digests import canonical_json
from clinrisk.core.release import obstacles
from clinrisk.core.release.ledger_entries import (
    DecisionEntry,
    RefusalEntry,
    ReleaseEntry,
    decision_key,
    release_key,
)
from clinrisk.errors import DecisionForged

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.ingest.upload_decisions import UploadDecisionEntry
    from clinrisk.core.release.ledger_entries import LedgerEntry
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel


def decision_of(approval: Approval) -> DecisionEntry:
    """Return what a person decided, with the digests of what that person was shown, as it is signed."""
    return DecisionEntry(
        **_candidate(approval),
        decision=approval.decision,
        decided_at=approval.decided_at,
        reason=approval.reason,
        evidence=approval.evidence,
        accepted=approval.accepted,
        signature=approval.signature,
    )


def decision_behind(live: LiveModel) -> DecisionEntry:
    """Return the decision that made a model live, as it is signed; raises DecisionForged without one."""
    if live.decision is None:
        raise DecisionForged(
            f"Live version {live.live_version} carries no signed decision. {obstacles.again(live.run_id)}"
        )
    return DecisionEntry(**_candidate(live), **live.decision.model_dump())


def write_decision(approval: Approval) -> Reference:
    """Write what a person decided."""
    return _write(decision_of(approval))


def write_release(after: LiveModel, approval: Approval) -> Reference:
    """Write one change of the live model, with the decision behind it."""
    return _write(
        ReleaseEntry(
            **_candidate(after),
            live_version=after.live_version,
            previous_version=after.previous_version,
            decided_at=approval.decided_at,
            effective_at=after.promoted_at,
            reason=approval.reason,
            threshold=after.threshold,
            evidence=approval.evidence,
            evaluation_name=object_keys.evaluation_name(after.evaluation_uri),
        )
    )


def write_refusal(approval: Approval, refusal: str, refused_at: str) -> Reference:
    """Write why an approved candidate was not released."""
    return _write(
        RefusalEntry(
            **_candidate(approval), decided_at=approval.decided_at, refused_at=refused_at, refusal=refusal
        )
    )


def write_upload_decision(entry: UploadDecisionEntry) -> Reference:
    """Write what a person decided about an upload."""
    return _write(entry)


def has_upload_decision(entry: UploadDecisionEntry) -> bool:
    """Return whether the ledger has this entry."""
    return entry.key in s3.keys_under(settings().audit_bucket, entry.key)


def release_of(use_case: str, live_version: int) -> dict[str, Any]:
    """Return the entry of the release of a live version."""
    return _read(release_key(use_case, live_version))


def approval_of(release: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the decision behind a release."""
    return _read(decision_key(release["use_case"], release["approval_id"], approvals.APPROVED))


def _read(key: str) -> dict[str, Any]:
    document: dict[str, Any] = s3.fetch_json_now(s3.uri_of(settings().audit_bucket, key))
    return document


def _candidate(of: Approval | LiveModel) -> dict[str, Any]:
    names = ("use_case", "run_id", "package_arn", "package_version", "approval_id")
    return {name: getattr(of, name) for name in names} | {"digests": of.digests.model_dump()}


def _write(entry: LedgerEntry | UploadDecisionEntry) -> Reference:
    return s3.store(
        settings().audit_bucket, entry.key, canonical_json(asdict(entry)), "application/json", once=True
    )
