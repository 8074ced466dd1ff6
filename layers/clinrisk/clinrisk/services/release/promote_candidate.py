"""Releasing: from a recorded decision to the live pointer, or to the recorded reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals, deployments
from clinrisk.errors import ChampionChanged, DecisionMissing, EvidenceChanged
from clinrisk.services.release import evidence

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.messages import LiveModel, PromoteRequest
    from clinrisk.use_cases.base import UseCase


def release(request: PromoteRequest, use_case: UseCase, now: str) -> tuple[LiveModel, Approval]:
    """Make an approved candidate live; gives what is live now and the decision behind it.

    Raises DecisionMissing, EvidenceChanged or ChampionChanged, the last two noted in approval and ledger.
    A repeated call after the pointer moved finds the release and only completes its records.
    """
    approval = evidence.approved(request)
    # From here on nobody can mark the decision as too late any more.
    if not approvals.mark_delivered(approval.approval_id, approvals.APPROVED):
        raise DecisionMissing("The decision came too late.")
    try:
        after = deployments.released(request)
        if after is None:
            evidence.check_unchanged(request, approval, use_case)
            after = deployments.promote(request, feature_digest=use_case.feature_digest, promoted_at=now)
    except (EvidenceChanged, ChampionChanged) as error:
        ledger.write_refusal(approval, str(error), now)
        approvals.mark_refused(approval.approval_id, str(error))
        raise
    ledger.write_release(after, approval)
    approvals.mark_released(approval.approval_id, after.live_version)
    return after, approval
