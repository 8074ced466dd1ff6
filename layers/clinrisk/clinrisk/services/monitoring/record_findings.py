"""Record Findings: keep what all checks found, publish a metric for each, and choose what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.digests import digest_of
from clinrisk.core.monitoring.alert_entry import AlertEntry
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict
from clinrisk.core.monitoring.response import announcement, choose_response
from clinrisk.core.timestamps import stamp
from clinrisk.messages.monitoring import RecordRequest, RecordResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_WORST = {Check.DRIFT: Metric.WORST_DRIFT, Check.BIAS: Metric.WORST_BIAS_GAP}


def record(request: RecordRequest, now: datetime) -> RecordResult:
    """Return the response, the mail about it, and where the findings are kept; the ledger has an alert."""
    use_case = use_cases.get(request.use_case)
    found = [
        (
            each.batch,
            CheckFinding(
                Check(each.check), CheckVerdict(each.verdict), each.statistic, each.threshold, each.detail
            ),
        )
        for each in request.findings
    ]
    response = choose_response(found)
    document = request.model_dump(mode="json", exclude={"execution"}) | {"response": response.name}
    # The execution's id is an ARN: its last part is its name. Without one the content names the record.
    name = (request.execution or digest_of(document)).rpartition(":")[2]
    key = object_keys.findings(use_case.name, name)
    kept = s3.store_json(settings().lake_bucket, key, document)
    _emit_metrics(use_case.name, [finding for _, finding in found])
    alerting = {finding.check.value for _, finding in found if finding.verdict is CheckVerdict.ALERT}
    if alerting:
        ledger.append(
            AlertEntry(
                use_case=use_case.name,
                run=name,
                checks=tuple(sorted(alerting)),
                response=response.name,
                findings_uri=kept.uri,
                findings_sha256=kept.sha256,
                found_at=stamp(now),
            )
        )
    mail = announcement(use_case, found, response)
    return RecordResult.model_validate(
        {"response": response.name, "subject": mail.subject, "message": mail.text, "findings": kept}
    )


def _emit_metrics(use_case: str, findings: Sequence[CheckFinding]) -> None:
    """Emit, per check, that it ran, whether it alerts, whether it could judge nothing, and the worst figure.

    A check without findings broke: it emits nothing, and the alarm on its missing metric tells.
    """
    for check in Check:
        found = [finding for finding in findings if finding.check is check]
        if not found:
            continue
        verdicts = {finding.verdict for finding in found}
        emit(Metric.CHECK_RAN, 1, use_case=use_case, check=check)
        emit(Metric.CHECK_ALERT, CheckVerdict.ALERT in verdicts, use_case=use_case, check=check)
        unjudged = verdicts == {CheckVerdict.NOT_EVALUATED}
        emit(Metric.CHECK_NOT_EVALUATED, unjudged, use_case=use_case, check=check)
        statistics = [finding.statistic for finding in found if finding.statistic is not None]
        if check in _WORST and statistics:
            emit(_WORST[check], max(statistics), use_case=use_case)
