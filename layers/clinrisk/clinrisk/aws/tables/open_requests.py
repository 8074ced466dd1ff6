"""Who asked for what waits for an approver, candidates and changes alike, from the Approvals table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws.tables import approvals, change_questions

if TYPE_CHECKING:
    from datetime import datetime


def askers(use_case: str, now: datetime) -> set[str]:
    """Return the identities, as AWS knows them, of those who asked and are known; files ask as nobody."""
    asked = {one.asked_by for one in approvals.unanswered(use_case)}
    return (asked | {one.person for one in change_questions.waiting(use_case, now.timestamp())}) - {""}
