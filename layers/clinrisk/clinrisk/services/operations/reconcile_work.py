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
from clinrisk.aws.tables import deployments, slots, uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import INBOX, PURPOSES
from clinrisk.core.operations import slot_pool, stuck_work
from clinrisk.errors import ObjectMissing
from clinrisk.messages.ingest import Disposition
from clinrisk.messages.operations import ReconcileWorkResult, Restarted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

    from clinrisk.core.operations.stuck_work import Ended, InboxVersion
    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.operations import ReconcileWorkRequest, Stuck

_MOST_EXECUTIONS = 1000
_BAD_ENDS: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")
_REMEMBERED = timedelta(days=89)
"""Step Functions forgets executions after 90 days."""


def reconcile(request: ReconcileWorkRequest, now: datetime) -> ReconcileWorkResult:
    """Return what is stuck; `safe` and `subjects` say what is to be started again."""
    settled = {
        (name, purpose): uploads.settled(name, purpose) for name in use_cases.names() for purpose in PURPOSES
    }
    patience = timedelta(minutes=request.patience_minutes)
    found = stuck_work.unread(_unread_versions(settled.values()), _oldest_in_line(), now, patience)
    for name in use_cases.names():
        found += _of_use_case(name, {purpose: settled[name, purpose] for purpose in PURPOSES}, now, patience)
    found = [one.model_copy(update={"starts": slots.starts_of(one.subject)}) for one in found]
    found.sort(key=lambda one: (one.since, one.subject))
    chosen = stuck_work.to_start(found, request.subjects, safe=request.safe)
    started = tuple(Restarted(subject=one.subject, execution=_start(one, now)) for one in chosen)
    emit(Metric.STUCK, len(stuck_work.needs_somebody(found)))
    listed = found[: stuck_work.LISTED]
    return ReconcileWorkResult(
        stuck=tuple(listed), more=len(found) - len(listed), started=started[: stuck_work.LISTED]
    )


def _of_use_case(
    use_case: str, settled: dict[str, list[Settlement]], now: datetime, patience: timedelta
) -> list[Stuck]:
    """Return what is stuck of one use case, after its files were read."""
    used = {
        purpose: [one for one in found if one.disposition in uploads.USED]
        for purpose, found in settled.items()
    }
    bucket = settings().results_bucket
    results = s3.keys_under(bucket, object_keys.results_folder(use_case))
    scored = {key.rpartition("/")[2].partition(".")[0] for key in results}
    waiting = [one for one in used["inference"] if one.upload_id not in scored]
    return [
        *stuck_work.failed(
            (one, uploads.receipt_of(one))
            for found in settled.values()
            for one in found
            if one.disposition == Disposition.FAILED
        ),
        *stuck_work.unscored(
            waiting,
            scored,
            _running_batches(use_case),
            _ended_batches(use_case, waiting, now) if waiting else {},
            live=deployments.current(use_case) is not None,
            now=now,
            patience=patience,
        ),
        *stuck_work.unjoined(used["outcomes"], _joined(use_case), now, patience),
        *stuck_work.dead_training(use_case, _dead_training(use_case)),
    ]


def _unread_versions(settled: Iterable[list[Settlement]]) -> list[InboxVersion]:
    """Return the versions of the inbox without a receipt that no running execution has claimed."""
    known = {one.upload_id for found in settled for one in found}
    bucket = settings().inbox_bucket
    found = []
    for key, version_id, _, arrived in s3.versions_under(bucket, INBOX):
        upload_id = object_keys.upload_id(bucket, key, version_id)
        if upload_id in known or uploads.settlement_of(upload_id) is not None:
            continue
        holder = uploads.holder_of(upload_id)
        if holder is None or stepfunctions.has_ended(holder):
            found.append(stuck_work.InboxVersion(upload_id, key, arrived, stopped=holder is not None))
    return found


def _oldest_in_line() -> datetime | None:
    """Return since when the oldest file waits for its turn to be read."""
    line = slots.waiting("ingest", _MOST_EXECUTIONS)
    return min((slot_pool.moment(one.started) for one in line), default=None)


def _running_batches(use_case: str) -> set[str]:
    """Return the ids of the batches that are being scored."""
    running = stepfunctions.listed(settings().scoring_state_machine, "RUNNING", _MOST_EXECUTIONS)
    return {upload for one in running if (upload := _batch_of(use_case, one["name"]))}


def _ended_batches(use_case: str, waiting: list[Settlement], now: datetime) -> dict[str, Ended]:
    """Return how the last scoring of each waiting batch ended, as far as Step Functions remembers."""
    wanted = {one.upload_id for one in waiting if now - slot_pool.moment(one.settled_at) < _REMEMBERED}
    newest: dict[str, Any] = {}
    for status in _BAD_ENDS:
        for one in stepfunctions.listed(settings().scoring_state_machine, status, _MOST_EXECUTIONS):
            upload = _batch_of(use_case, one["name"])
            if upload in wanted and (upload not in newest or one["startDate"] > newest[upload]["startDate"]):
                newest[upload] = one
    return {upload: stepfunctions.end_of(one["executionArn"]) for upload, one in newest.items()}


def _batch_of(use_case: str, execution: str) -> str:
    """Return the upload that a scoring execution is named after; empty for one of another use case."""
    prefix = f"{use_case}-"
    return execution.removeprefix(prefix).partition("-")[0] if execution.startswith(prefix) else ""


def _joined(use_case: str) -> set[str]:
    """Return the uploads of outcomes that the last join has read."""
    uri = s3.uri_of(settings().results_bucket, object_keys.outcome_overview(use_case))
    try:
        overview = s3.fetch_json_now(uri)
    except ObjectMissing:
        return set()
    return {one["upload_id"] for one in overview["uploads"]}


def _dead_training(use_case: str) -> Ended | None:
    """Return how the newest training run of a use case died; None where it runs, waits or went well."""
    newest: Any = None
    for status in (*_BAD_ENDS, "RUNNING", "SUCCEEDED"):
        for one in stepfunctions.listed(settings().training_state_machine, status, 50):
            # Of an evaluation that was asked for, the mail names the command; another training is not meant.
            ours = one["name"].startswith(f"{use_case}-") and "-evaluate-" not in one["name"]
            if ours and (newest is None or one["startDate"] > newest["startDate"]):
                newest = one
    return stepfunctions.end_of(newest["executionArn"]) if newest and newest["status"] in _BAD_ENDS else None


def _start(one: Stuck, now: datetime) -> str:
    """Start something again under a name of this attempt, and return the execution."""
    attempt = one.starts + 1
    slots.count_start(one.subject, attempt, now)
    given = settings()
    if one.kind == "not_scored":
        settlement = uploads.settlement_of(one.subject)
        assert settlement is not None  # noqa: S101 - it was listed from its settlement
        again = f"again{attempt}"
        event: dict[str, Any] = {
            "upload": uploads.as_upload(settlement, given.inbox_bucket).model_dump(),
            "rows_accepted": settlement.rows_accepted,
            "attempt": again,
        }
        return stepfunctions.start(
            given.scoring_state_machine, f"{one.use_case}-{one.subject}-{again}", event
        )
    if one.kind == "not_joined":
        name = f"{one.use_case}-joins-{one.subject}-{attempt}"
        return stepfunctions.start(given.monitoring_state_machine, name, {"use_case": one.use_case})
    if one.kind == "training_died":
        name = f"{one.subject[:34]}-{attempt}"
        event = {"use_case": one.use_case, "reason": f"run {one.subject} had died"}
        return stepfunctions.start(given.training_state_machine, name, event)
    return stepfunctions.start(given.ingest_state_machine, f"again-{one.subject}-{attempt}", _event(one))


def _event(one: Stuck) -> dict[str, Any]:
    """Return the event of a file in the inbox, as S3 would send it."""
    bucket = settings().inbox_bucket
    for key, version_id, size, _ in s3.versions_under(bucket, one.name):
        if key == one.name and object_keys.upload_id(bucket, key, version_id) == one.subject:
            detail = {
                "bucket": {"name": bucket},
                "object": {"key": key, "version-id": version_id, "size": size},
            }
            return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    raise ObjectMissing(f"The file of upload {one.subject} is not in the inbox any more.")
