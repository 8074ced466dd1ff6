"""Record Findings: keep what all checks found, remember what is known, and choose what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import finding_items
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.digests import digest_of
from clinrisk.core.monitoring.alert_entry import AlertEntry
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict
from clinrisk.core.monitoring.memory.finding_mails import monitoring_news
from clinrisk.core.monitoring.memory.known_findings import (
    OVER,
    Observation,
    after_run,
    asks_for_a_response,
    change_of,
    evidence_of,
    id_of,
    observations,
    reminds,
    subject_of,
)
from clinrisk.core.monitoring.memory.unjudged import after_checks, unjudged
from clinrisk.core.monitoring.response import Response, choose_response, may_propose
from clinrisk.core.timestamps import stamp
from clinrisk.errors import TransientError
from clinrisk.messages.monitoring import LastMail, Proposal, RecordRequest, RecordResult
from clinrisk.services.monitoring import kept_changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from clinrisk.messages.monitoring import KnownFinding
    from clinrisk.use_cases.base import UseCase

_WORST = {Check.DRIFT: Metric.WORST_DRIFT, Check.BIAS: Metric.WORST_BIAS_GAP}


def record(request: RecordRequest, now: datetime) -> RecordResult:
    """Return the response, the mail where there is something new, and where the findings are kept.

    Metrics, table, ledger and event bus know of it by then. A repeated call of the same execution finds its
    own changes: nothing is opened, written or proposed twice.
    """
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
    document = request.model_dump(mode="json", exclude={"execution", "live_version", "new_training_rows"})
    # The execution's id is an ARN: its last part is its name. Without one the content names the record.
    name = (request.execution or digest_of(document)).rpartition(":")[2]
    known = _remembered(use_case, found, request.live_version, now, name)
    asking = [
        (batch, finding)
        for batch, finding in found
        if finding.verdict is CheckVerdict.ALERT
        and asks_for_a_response(known.get(id_of(use_case.name, finding.check, subject_of(batch))))
    ]
    wanted = choose_response(asking)
    if use_case.external is not None:
        # Neither a training nor a pause of ours would change what a vendor's model tells clinicians.
        wanted = min(wanted, Response.INVESTIGATE)
    nothing_to_learn = wanted is Response.PROPOSE_RETRAINING and not request.new_training_rows
    response = Response.INVESTIGATE if nothing_to_learn else wanted
    if response is Response.PROPOSE_RETRAINING:
        response = _proposed(use_case.name, asking, now, name)
    document |= {"response": response.name}
    kept = s3.store_json(settings().lake_bucket, object_keys.findings(use_case.name, name), document)
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
    changes = [(one, change) for one in known.values() if (change := change_of(one, name))]
    for finding, change in changes:
        kept_changes.keep(finding, change)
    others = [one for one in known.values() if one.state not in OVER and not change_of(one, name)]
    mail = monitoring_news(use_case, changes, others, response, nothing_to_learn=nothing_to_learn)
    return RecordResult(
        response=response.name,  # type: ignore[arg-type]  # the names of the enum are the literal
        announce=_announces(
            use_case.name,
            known.values(),
            now,
            name,
            news=bool(changes) or response is Response.PROPOSE_RETRAINING,
        ),
        subject=mail.subject,
        message=mail.text,
        findings=kept,
    )


def _remembered(
    use_case: UseCase,
    found: Sequence[tuple[str, CheckFinding]],
    live_version: int,
    now: datetime,
    run: str,
) -> dict[str, KnownFinding]:
    """Return every known finding of a use case as it is after this run, by its id."""
    last = finding_items.last_judged(use_case.name)
    judged = after_checks(last, found, live_version, now)
    # Of two runs at once one is remembered; either may be: they judged the same data.
    finding_items.store_judged(use_case.name, judged)
    observed = [*observations(found), *unjudged(judged, found, use_case, now)]
    seen = {id_of(use_case.name, one.check, one.subject): one for one in observed}
    for one in finding_items.of_use_case(use_case.name):
        # What was not observed this time may still be overdue.
        seen.setdefault(one.finding_id, Observation(Check(one.check), one.subject))
    after = {finding_id: _after(use_case, finding_id, one, now, run) for finding_id, one in seen.items()}
    return {finding_id: finding for finding_id, finding in after.items() if finding is not None}


def _after(
    use_case: UseCase, finding_id: str, seen: Observation, now: datetime, run: str
) -> KnownFinding | None:
    """Return one finding as it is after this run; of several runs at once, one changes it."""
    for _ in range(kept_changes.ATTEMPTS):
        before = finding_items.find(use_case.name, finding_id)
        if change_of(before, run):
            return before
        after = after_run(before, seen, use_case, now, run)
        if after is None:
            return before
        if finding_items.store(after):
            return after
    raise TransientError("The finding is being changed by other runs.")


def _proposed(use_case: str, asking: Sequence[tuple[str, CheckFinding]], now: datetime, run: str) -> Response:
    """Return the response where alerts ask for a training: not every day, and not on the same data."""
    last = finding_items.proposal(use_case)
    if last is not None and last.execution == run:
        return Response.PROPOSE_RETRAINING
    batches = tuple(dict.fromkeys(evidence_of(batch, finding) for batch, finding in asking))
    version = 1 if last is None else last.version + 1
    proposed = Proposal(proposed_at=stamp(now), batches=batches, execution=run, version=version)
    if may_propose(last, batches, now) and finding_items.store_proposal(use_case, proposed):
        return Response.PROPOSE_RETRAINING
    return Response.INVESTIGATE


def _announces(use_case: str, known: Iterable[KnownFinding], now: datetime, run: str, *, news: bool) -> bool:
    """Return whether a run mails: about what is new, or after a week about what is open."""
    last = finding_items.last_mail(use_case)
    if last is not None and last.execution == run:
        return True
    if not news and not reminds(known, last, now):
        return False
    version = 1 if last is None else last.version + 1
    stored = finding_items.store_mail(
        use_case, LastMail(mailed_at=stamp(now), execution=run, version=version)
    )
    return news or stored


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
