"""Change Finding: what a person decided about a finding is carried out, kept and announced.

A repeated call of the same execution finds its own change and finishes what is left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws.tables import finding_items
from clinrisk.core.monitoring.memory.finding_mails import finding_changed
from clinrisk.core.monitoring.memory.known_findings import after_person, change_of
from clinrisk.errors import TransientError
from clinrisk.messages.monitoring import ChangeFindingResult
from clinrisk.services.monitoring import kept_changes

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.messages.monitoring import ChangeFindingRequest, KnownFinding


def change(request: ChangeFindingRequest, now: datetime) -> ChangeFindingResult:
    """Acknowledge, assign or resolve a finding; where that cannot be, return in words why."""
    after = _stored(request, now)
    if isinstance(after, str):
        return ChangeFindingResult(refused=after)
    made = after.changes[-1]
    kept_changes.keep(after, made)
    mail = finding_changed(use_cases.get(request.use_case), after, made)
    return ChangeFindingResult(subject=mail.subject, message=mail.text)


def _stored(request: ChangeFindingRequest, now: datetime) -> KnownFinding | str:
    """Return the finding as it is afterwards, or why it was not changed."""
    for _ in range(kept_changes.ATTEMPTS):
        before = finding_items.find(request.use_case, request.finding_id)
        if before is None:
            return f"There is no finding {request.finding_id}."
        if change_of(before, request.execution.rpartition(":")[2]):
            return before
        after = after_person(before, request, now)
        if isinstance(after, str) or finding_items.store(after):
            return after
    raise TransientError("The finding is being changed by others.")
