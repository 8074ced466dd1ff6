"""The answers to a question: one person's is the decision, or the first yes of two, as the policy has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk.aws import ledger, telemetry
from clinrisk.aws.tables import approvals, approvers
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import Decider
from clinrisk.services.release.proofs import signatures
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.core.release.page.approval_page import FormAnswer
    from clinrisk.services.release.approvers.visits import Visit
    from clinrisk.services.release.evidence import Shown


def hindrances(approval: Approval, visit: Visit, decision: str) -> list[str]:
    """List in words what keeps an approver from giving this answer ("approve", "reject")."""
    if found := unable(visit, approval.use_case):
        return found
    approver = visit.approver
    alone = policy_of(approval.use_case).quorum == 1
    if decision == "approve" and alone and asked_for(approver, approval.asked_by):
        return ["You asked for this candidate: somebody else has to approve it."]
    first = approval.agreement.get("deciders", ())
    if decision == "approve" and any(one["approver_id"] == approver.approver_id for one in first):
        return ["You have approved this version already: another person has to approve it, too."]
    if decision == "approve" and any(one["role"] == approver.role for one in first):
        return [f"A {approver.role} approver has approved already: the second is of another role."]
    return []


def unable(visit: Visit, use_case: str) -> list[str]:
    """List in words what keeps a person from answering anything about a use case.

    Its approvers may, also while they are away, and whoever is the deputy of one who is.
    """
    approver = visit.approver
    if approver.state != approvers.ENROLLED:
        return ["You have not enrolled yet: open the link in the mail that invites you, then this one again."]
    if use_case in approver.use_cases or approver in approvers.of_use_case(use_case, visit.now):
        return []
    return [f"You are no approver of {use_case}."]


def asked_for(approver: Approver, asked_by: str) -> bool:
    """Return whether an approver is who asked, as far as both are known."""
    return bool(asked_by) and approver.identity == asked_by


def record(
    approval: Approval,
    approver: Approver,
    answer: FormAnswer,
    *,
    shown: Shown,
    accepted: tuple[str, ...],
    now: datetime,
) -> None:
    """Record one person's answer, signed: as the decision, or as the first yes of two.

    `accepted` are the groups that a yes accepts by name. Where another answer came first, this one is lost.
    """
    policy, yes = policy_of(approval.use_case), answer.decision == approvals.APPROVED
    decider = Decider(**approver.who, decided_at=stamp(now), reason=answer.reason, shown=shown.digest)
    answered = replace(
        approval,
        decision=answer.decision,
        reason=answer.reason,
        evidence=shown.digests,
        accepted=accepted if yes else (),
        decided_at=stamp(now),
        deciders=(*(_agreed(approval) if yes else ()), decider.model_dump()),
        quorum=policy.quorum,
        policy=policy.digest,
    )
    signed, seconds = signatures.sign(answered), int(now.timestamp())
    if yes and len(answered.deciders) < policy.quorum:
        approvals.agree(signed, seconds)
    elif approvals.decide(signed, seconds):
        telemetry.emit(telemetry.Metric.APPROVALS_DECIDED, 1, use_case=approval.use_case)


def _agreed(approval: Approval) -> tuple[dict[str, str], ...]:
    """Return who has said yes before; raises DecisionForged where the page did not take that."""
    if not approval.agreement:
        return ()
    first = approvals.with_agreement(approval)
    signatures.check_taken(ledger.decision_of(first))
    return first.deciders
