"""State Metrics: what is live and for how long, how old the newest data are, and what waits for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws.tables import approvals, change_questions, deployments, finding_items, uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.monitoring.memory.known_findings import OVER
from clinrisk.core.timestamps import days_since
from clinrisk.messages.ingest import Disposition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement


def emit_state(
    use_case: str, batches: Sequence[Settlement], outcomes: Sequence[Settlement], now: datetime
) -> None:
    """Emit how a use case stands, given all its settled batches and files of outcomes.

    What is not there yet (a live model, a batch, an outcome) has no metric.
    """
    live = deployments.current(use_case)
    if live is not None:
        emit(Metric.LIVE_VERSION, live.live_version, use_case=use_case)
        emit(Metric.LIVE_DAYS, days_since(live.promoted_at, now), use_case=use_case)
    for metric, arrived in ((Metric.NEWEST_BATCH_DAYS, batches), (Metric.NEWEST_OUTCOMES_DAYS, outcomes)):
        used = [one.settled_at for one in arrived if one.disposition in uploads.USED]
        if used:
            emit(metric, days_since(max(used), now), use_case=use_case)
    on_hold = sum(one.disposition == Disposition.HELD for one in batches)
    emit(Metric.UPLOADS_ON_HOLD, on_hold, use_case=use_case)
    asked = [*approvals.unanswered(use_case), *change_questions.waiting(use_case, now.timestamp())]
    emit(Metric.WAITING_QUESTIONS, len(asked), use_case=use_case)
    known = finding_items.of_use_case(use_case)
    emit(Metric.OPEN_FINDINGS, sum(one.state not in OVER for one in known), use_case=use_case)
