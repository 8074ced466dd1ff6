"""Reconcile Work: lists what stands still, and starts again what was asked for or needs nobody's word.

It looks at what is (receipts, results, executions), never at what was reported: an event that was lost, an
execution that was stopped and a deployment in the middle all look alike. Whatever is started twice is done
once: a version is claimed once, a job's name is used once, results are published under the batch's own id.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3, stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, pauses, slots, uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import INBOX, PURPOSES
from clinrisk.core.operations import slot_pool, stuck_batches, stuck_work
from clinrisk.core.training import run_settings
from clinrisk.messages.ingest import Disposition
from clinrisk.messages.operations import ReconcileWorkResult, Restarted
from clinrisk.services.operations import batch_scorings, open_questions, restarts, state_metrics
from clinrisk.services.release.approvers import question_mails, reminders

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from clinrisk.core.operations.stuck_work import Ended, InboxVersion
    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.operations import ReconcileWorkRequest, Stuck
    from clinrisk.services.operations.batch_scorings import Scorings

_MOST_IN_LINE = 10_000
_MOST_RUNS = 100
_MOST_UNREAD = 1000


def reconcile(request: ReconcileWorkRequest, now: datetime) -> ReconcileWorkResult:
    """Return what is stuck; `safe` and `subjects` say what is to be started again."""
    settled = {
        (name, purpose): uploads.settled(name, purpose) for name in use_cases.names() for purpose in PURPOSES
    }
    patience = timedelta(minutes=request.patience_minutes)
    inbox = {one.upload_id: one for one in _inbox_versions()}
    scorings = batch_scorings.remembered()
    found = stuck_work.unread(_unread(inbox.values(), settled.values()), _oldest_in_line(), now, patience)
    for name in use_cases.names():
        of_purpose = {purpose: settled[name, purpose] for purpose in PURPOSES}
        found += _of_use_case(name, of_purpose, inbox, scorings, now=now, patience=patience)
    found += open_questions.standing_still(now, patience) + open_questions.not_countersigned(now)
    starts = slots.starts()
    found = [one.model_copy(update={"starts": starts.get(one.subject, 0)}) for one in found]
    found.sort(key=lambda one: (one.since, one.subject))
    # How many there may be nobody knows: so many are looked at closely, and so many are started in one look.
    candidates = stuck_work.to_start(found, request.subjects, safe=request.safe)[: stuck_work.LISTED]
    close = {(one.kind, one.subject) for one in [*found[: stuck_work.LISTED], *candidates]}
    found = [
        scorings.explained(one) if one.kind == "not_scored" and (one.kind, one.subject) in close else one
        for one in found
    ]
    known = [one for one in found if (one.kind, one.subject) in close]
    chosen = stuck_work.to_start(known, request.subjects, safe=request.safe)[: stuck_work.LISTED]
    started = tuple(
        Restarted(subject=one.subject, execution=restarts.start(one, inbox, now)) for one in chosen
    )
    emit(Metric.STUCK, len(stuck_work.needs_somebody(found)))
    for name in use_cases.names():
        emit(Metric.APPROVERS_MISSING, bool(question_mails.lacking(name, now)), use_case=name)
        if request.safe:
            reminders.send(name, now)
        scored = use_cases.get(name).scored_purpose
        state_metrics.emit_state(name, settled[name, scored], settled[name, "outcomes"], now)
    listed = found[: stuck_work.LISTED]
    return ReconcileWorkResult(stuck=tuple(listed), more=len(found) - len(listed), started=started)


def _of_use_case(
    use_case: str,
    settled: dict[str, list[Settlement]],
    inbox: Collection[str],
    scorings: Scorings,
    *,
    now: datetime,
    patience: timedelta,
) -> list[Stuck]:
    """Return what is stuck of one use case, after its files were read."""
    used = {
        purpose: [one for one in found if one.disposition in uploads.USED]
        for purpose, found in settled.items()
    }
    published, recalled = _published(use_case)
    scored = [one for one in used["inference"] if one.upload_id in published]
    waiting = [one for one in used["inference"] if one.upload_id not in published]
    return [
        *stuck_work.failed(
            (one, uploads.receipt_of(one))
            for found in settled.values()
            for one in found
            # What is not in the inbox any more cannot be read again.
            if one.disposition == Disposition.FAILED and one.upload_id in inbox
        ),
        *stuck_batches.unscored(
            waiting,
            scorings.running,
            scorings.ended_at,
            recalled,
            waits_for=_obstacle(use_case),
            now=now,
            patience=patience,
            rows_kept=_rows_kept(),
        ),
        *scorings.unannounced(scored, published),
        *stuck_work.unjoined([*used["outcomes"], *used["feedback"]], _joined(use_case), now, patience),
        *_of_training(use_case, used["training"], now, patience),
    ]


def _rows_kept() -> timedelta | None:
    """Return how long all that a scoring reads is kept; None where it is kept for ever."""
    days = (settings().features_days, settings().vault_days, settings().scores_days)
    return min((timedelta(days=one) for one in days if one), default=None)


def _obstacle(use_case: str) -> str:
    """Return why no batch of a use case can be scored now; empty where batches can."""
    if deployments.current(use_case) is None:
        return stuck_batches.NO_MODEL
    return stuck_batches.PAUSED if pauses.current(use_case) else ""


def _of_training(use_case: str, used: list[Settlement], now: datetime, patience: timedelta) -> list[Stuck]:
    """Return the newest training run where it died, or else the newest file that none has read."""
    runs, case = _training_runs(use_case), use_cases.get(use_case)
    read = run_settings.trainable(case, used) if run_settings.enough(case, used) else ()
    last_start = runs[0]["startDate"] if runs else None
    dead = stuck_work.dead_training(use_case, _dead(runs))
    return dead or stuck_work.untrained(use_case, read, last_start, now, patience)


def _published(use_case: str) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return the batches whose results stand, and those whose results are recalled, and since when.

    The sidecar is written last; a notice says what is recalled.
    """
    written = s3.written_under(settings().results_bucket, object_keys.results_folder(use_case))
    names = {key.rpartition("/")[2]: at for key, at in written.items()}
    complete, recalled = (
        {name.removesuffix(end): at for name, at in names.items() if name.endswith(end)}
        for end in (".json", ".RECALLED.txt")
    )
    return {upload: at for upload, at in complete.items() if upload not in recalled}, recalled


def _inbox_versions() -> Iterator[InboxVersion]:
    """Return every version of every object in the inbox."""
    bucket = settings().inbox_bucket
    for key, version_id, size, arrived in s3.versions_under(bucket, INBOX):
        upload_id = object_keys.upload_id(bucket, key, version_id)
        yield stuck_work.InboxVersion(upload_id, key, version_id, size, arrived)


def _unread(
    inbox: Iterable[InboxVersion], settled: Iterable[list[Settlement]]
) -> list[tuple[InboxVersion, bool]]:
    """Return the oldest versions without a receipt that nobody reads, and whether somebody claimed them."""
    known = {one.upload_id for found in settled for one in found}
    found: list[tuple[InboxVersion, bool]] = []
    for one in sorted(inbox, key=lambda one: one.arrived):
        if len(found) == _MOST_UNREAD:
            break
        if one.upload_id in known or uploads.settlement_of(one.upload_id) is not None:
            continue
        holder = uploads.holder_of(one.upload_id)
        if holder is None or stepfunctions.has_ended(holder):
            found.append((one, holder is not None))
    return found


def _oldest_in_line() -> datetime | None:
    """Return since when the oldest file waits for its turn to be read."""
    line = slots.waiting("ingest", _MOST_IN_LINE)
    return min((slot_pool.moment(one.started) for one in line), default=None)


def _joined(use_case: str) -> set[str]:
    """Return the uploads of outcomes and feedback that the last join has read."""
    bucket, key = settings().results_bucket, object_keys.outcome_overview(use_case)
    # Who may list only some prefixes is refused what is not there: S3 does not say that it is missing.
    if key not in s3.keys_under(bucket, key):
        return set()
    overview = s3.fetch_json_now(s3.uri_of(bucket, key))
    return {one["upload_id"] for one in (*overview["uploads"], *overview.get("feedback", ()))}


def _training_runs(use_case: str) -> list[Any]:
    """Return the newest training runs of a use case, newest first; no evaluations."""
    runs = [
        one
        for status in (*stepfunctions.BAD_ENDS, "RUNNING", "SUCCEEDED")
        for one in stepfunctions.listed(settings().training_state_machine, status, _MOST_RUNS)
        # Of an evaluation, the mail about its end names the command.
        if one["name"].startswith(f"{use_case}-") and "-evaluate-" not in one["name"]
    ]
    return sorted(runs, key=lambda one: one["startDate"], reverse=True)


def _dead(runs: list[Any]) -> Ended | None:
    """Return how the newest run died; None where it runs, waits or went well.

    A run that left its work to another one says nothing of how that one ended.
    """
    for one in runs:
        if one["status"] in stepfunctions.BAD_ENDS:
            return stepfunctions.end_of(one["executionArn"])
        if one["status"] != "SUCCEEDED" or not stepfunctions.output_of(one["executionArn"]).get("joined"):
            return None
    return None
