"""Overtaken questions: what nobody can approve any more is closed, and its workflow ends with the reason."""

from __future__ import annotations

import json

from clinrisk.aws import ledger, stepfunctions
from clinrisk.aws.tables import approvals, deployments
from clinrisk.errors import ChampionChanged


def close(use_case: str, now: str) -> None:
    """Close every question whose evidence compares with another model than the live one. May be repeated."""
    for question in approvals.unanswered(use_case):
        why = deployments.outdated(use_case, question.run_id, question.digests)
        if not why:
            continue
        # Who decides at this very moment comes too late at the promotion instead.
        if question.status == approvals.PENDING and not approvals.overtake(question.approval_id, why):
            continue
        # One that broke off before keeps the reason that it was closed for.
        why = question.refusal or why
        ledger.write_closed_question(question, approvals.OVERTAKEN, why, now)
        cause = json.dumps({"errorMessage": why})
        stepfunctions.fail(question.task_token, ChampionChanged.__name__, cause)
        approvals.mark_delivered(question.approval_id, approvals.OVERTAKEN)
