"""The Deployments table and the ledger: which model is live, which were, and on whose word.

    USE_CASE#<use_case>   LIVE                 the live pointer, a whole `LiveModel`
    USE_CASE#<use_case>   VERSION#<8 digits>   every model that was ever live
    SHADOW#<use_case>     WAITING              the candidate that waits for a decision and scores beside the
                                               live model; only the workflows write and read it

Pointer and history change together or not at all. The ledger repeats each change in the Audit bucket, where
Object Lock keeps it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.audit import LedgerEntry, ReleaseEvent
from clinrisk.aws import items, objects
from clinrisk.aws.settings import settings
from clinrisk.errors import DecisionMissing, NoLiveModel
from clinrisk.messages import Champion, LiveModel, PromoteRequest, Reference

if TYPE_CHECKING:
    from clinrisk.aws.approvals import Approval

LIVE = "LIVE"
_KEYS = {"pk", "sk"}


def live(use_case: str) -> LiveModel:
    """Give the live model of a use case; raises NoLiveModel."""
    found = current(use_case)
    if found is None:
        raise NoLiveModel(f"No model is live for {use_case}: one has to be trained and approved first.")
    return found


def current(use_case: str) -> LiveModel | None:
    """Give the live model of a use case, or None before the first release."""
    item = items.read(settings().deployments_table, f"USE_CASE#{use_case}", LIVE)
    if item is None:
        return None
    return LiveModel.model_validate(items.native({k: v for k, v in item.items() if k not in _KEYS}))


def champion(use_case: str) -> Champion | None:
    """Give what a new candidate is held against, or None before the first release.

    Its archives lie side by side, as the training job left them: the model, and its out-of-fold risks.
    """
    found = current(use_case)
    if found is None:
        return None
    return Champion(
        prefix=found.model_uri.rpartition("/")[0] + "/",
        threshold=found.threshold,
        live_version=found.live_version,
        run_id=found.run_id,
    )


def promote(request: PromoteRequest, *, feature_digest: str, promoted_at: str) -> LiveModel:
    """Make the candidate live and give what is live now; repeating an earlier promotion changes nothing."""
    before = current(request.use_case)
    if before is not None and before.approval_id == request.approval_id:
        return before
    previous = 0 if before is None else before.live_version
    facts = request.model_dump(exclude={"execution"})
    after = LiveModel.model_validate(
        facts
        | {
            "live_version": previous + 1,
            "previous_version": previous,
            "feature_digest": feature_digest,
            "promoted_at": promoted_at,
        }
    )
    table = settings().deployments_table
    pk = f"USE_CASE#{request.use_case}"
    document = after.model_dump()
    unmoved = "attribute_not_exists(pk)" if before is None else "live_version = :previous"
    refused = items.transact(
        [
            items.put(
                table,
                {"pk": pk, "sk": LIVE} | document,
                unmoved,
                {":previous": previous} if before is not None else None,
            ),
            items.put(
                table,
                {"pk": pk, "sk": f"VERSION#{after.live_version:08d}"} | document,
                "attribute_not_exists(pk)",
            ),
        ]
    )
    if not refused:
        return after
    now = current(request.use_case)
    if now is not None and now.approval_id == request.approval_id:
        return now
    raise DecisionMissing("Another model became live meanwhile: this candidate was not compared with it.")


def write_ledger(after: LiveModel, event: ReleaseEvent, approval: Approval) -> Reference:
    """Write one change of the live model, with the decision behind it, where nobody can alter it."""
    entry = LedgerEntry(
        use_case=after.use_case,
        event=event,
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
    )
    return objects.store(settings().audit_bucket, entry.key, entry.to_bytes(), "application/json", once=True)
