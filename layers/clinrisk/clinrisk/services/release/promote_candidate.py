"""Promote Candidate: from a recorded decision to the live pointer, or to the recorded reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals, deployments, pauses
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails
from clinrisk.core.release import change_mails
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChampionChanged, DecisionMissing, EvidenceChanged, TrainingFileWithdrawn
from clinrisk.messages.release import PromoteRequest, PromoteResult
from clinrisk.services.release import evidence
from clinrisk.services.release.approvers import overtaken_questions

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.mails import Mail
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel
    from clinrisk.use_cases.base import UseCase

_REFUSALS = (EvidenceChanged, TrainingFileWithdrawn)


def promote(request: PromoteRequest, now: datetime) -> PromoteResult:
    """Make an approved candidate live, and return its version with the mail that says so.

    Raises DecisionMissing, ChampionChanged or one of `_REFUSALS`; approval and ledger note the last two.
    A repeated call after the pointer moved finds the release and only completes its records.
    """
    use_case = use_cases.get(request.use_case)
    live, approval, entry = _released(request, use_case, stamp(now))
    emit(Metric.MODELS_PROMOTED, 1, use_case=use_case.name)
    overtaken_questions.close(use_case.name, stamp(now))
    mail = _mail(live, use_case, approval, entry)
    return PromoteResult(live_version=live.live_version, subject=mail.subject, message=mail.text)


def _mail(live: LiveModel, use_case: UseCase, approval: Approval, entry: Reference) -> Mail:
    """Return the mail that a model is live, or that the reference of one that is not ours is accepted."""
    if use_case.external is not None:
        return change_mails.reference_accepted(
            use_case.title,
            live.live_version,
            previous=live.previous_version,
            deciders=approval.deciders,
            entry=entry,
        )
    return mails.model_promoted(
        use_case.title,
        live.live_version,
        live.package_version,
        previous=live.previous_version,
        pause=pauses.current(use_case.name),
        deciders=approval.deciders,
        entry=entry,
    )


def _released(request: PromoteRequest, use_case: UseCase, now: str) -> tuple[LiveModel, Approval, Reference]:
    approval = evidence.approved(request)
    # From here on nobody can mark the decision as too late any more.
    if not approvals.mark_delivered(approval.approval_id, approvals.APPROVED):
        raise DecisionMissing("The decision came too late.")
    try:
        live = deployments.released(request)
        if live is None:
            evidence.check_unchanged(request, approval, use_case)
            evidence.check_sources(request)
            live = deployments.promote(request, use_case, evidence.signed(approval), promoted_at=now)
    except ChampionChanged as error:
        ledger.write_refusal(approval, str(error), now)
        approvals.overtake(approval.approval_id, str(error), approvals.APPROVED)
        raise
    except _REFUSALS as error:
        ledger.write_refusal(approval, str(error), now)
        approvals.mark_refused(approval.approval_id, str(error))
        raise
    entry = ledger.write_release(live)
    approvals.mark_released(approval.approval_id, live.live_version)
    return live, approval, entry
