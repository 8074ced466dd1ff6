"""The metrics of a monitoring run: every check that ran says so, whatever it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.monitoring.findings import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.monitoring.findings import Finding

_WORST = {Check.DRIFT: Metric.WORST_PSI, Check.BIAS: Metric.WORST_BIAS_GAP}


def publish(use_case: str, findings: Sequence[Finding]) -> None:
    """Emit, per check, that it ran, whether it alerts, whether it could judge nothing, and the worst figure.

    A check without findings broke: it emits nothing, and the alarm on its missing metric tells.
    """
    for check in Check:
        found = [finding for finding in findings if finding.check is check]
        if not found:
            continue
        verdicts = {finding.verdict for finding in found}
        emit(Metric.CHECK_RAN, 1, use_case=use_case, check=check)
        emit(Metric.CHECK_ALERT, Verdict.ALERT in verdicts, use_case=use_case, check=check)
        unjudged = verdicts == {Verdict.NOT_EVALUATED}
        emit(Metric.CHECK_NOT_EVALUATED, unjudged, use_case=use_case, check=check)
        statistics = [finding.statistic for finding in found if finding.statistic is not None]
        if check in _WORST and statistics:
            emit(_WORST[check], max(statistics), use_case=use_case)
