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
from clinrisk.core.training import run_settings
from clinrisk.errors import ObjectMissing
from clinrisk.messages.ingest import Disposition
from clinrisk.messages.operations import ReconcileWorkResult, Restarted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

    from clinrisk.core.operations.stuck_work import Ended, InboxVersion
    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.operations import ReconcileWorkRequest, Stuck

_MOST_EXECUTIONS = 10_000
_MOST_RUNS = 100
_BAD_ENDS: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")


def reconcile(request: ReconcileWorkRequest, now: datetime) -> ReconcileWorkResult:
    """Return what is stuck; `safe` and `subjects` say what is to be started again."""
    settled = {
        (name, purpose): uploads.settled(name, purpose) for name in use_cases.names() for purpose in PURPOSES
    }
    patience = timedelta(minutes=request.patience_minutes)
    inbox = {one.upload_id: one for one in _inbox_versions()}
    found = stuck_work.unread(_unread(inbox.values(), settled.values()), _oldest_in_line(), now, patience)
    for name in use_cases.names():
        of_purpose = {purpose: settled[name, purpose] for purpose in PURPOSES}
        found += _of_use_case(name, of_purpose, inbox, now, patience)
    found = [one.model_copy(update={"starts": slots.starts_of(one.subject)}) for one in found]
    found.sort(key=lambda one: (one.since, one.subject))
    chosen = stuck_work.to_start(found, request.subjects, safe=request.safe)
    started = tuple(Restarted(subject=one.subject, execution=_start(one, inbox, now)) for one in chosen)
    emit(Metric.STUCK, len(stuck_work.needs_somebody(found)))
    listed = found[: stuck_work.LISTED]
    return ReconcileWorkResult(
        stuck=tuple(listed), more=len(found) - len(listed), started=started[: stuck_work.LISTED]
    )


def _of_use_case(
    use_case: str,
    settled: dict[str, list[Settlement]],
    inbox: Collection[str],
    now: datetime,
    patience: timedelta,
) -> list[Stuck]:
    """Return what is stuck of one use case, after its files were read."""
    used = {
        purpose: [one for one in found if one.disposition in uploads.USED]
        for purpose, found in settled.items()
    }
    scored = _published(use_case)
    waiting = [one for one in used["inference"] if one.upload_id not in scored]
    return [
        *stuck_work.failed(
            (one, uploads.receipt_of(one))
            for found in settled.values()
            for one in found
            # What is not in the inbox any more cannot be read again.
            if one.disposition == Disposition.FAILED and one.upload_id in inbox
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
        *_of_training(use_case, used["training"], now, patience),
    ]


def _of_training(use_case: str, used: list[Settlement], now: datetime, patience: timedelta) -> list[Stuck]:
    """Return the newest training run where it died, or else the newest file that none has read."""
    runs, case = _training_runs(use_case), use_cases.get(use_case)
    read = run_settings.trainable(case, used) if run_settings.enough(case, used) else ()
    last_start = runs[0]["startDate"] if runs else None
    dead = stuck_work.dead_training(use_case, _dead(runs))
    return dead or stuck_work.untrained(use_case, read, last_start, now, patience)


def _published(use_case: str) -> set[str]:
    """Return the batches whose results stand: the sidecar is written last, a notice says what is recalled."""
    keys = s3.keys_under(settings().results_bucket, object_keys.results_folder(use_case))
    names = {key.rpartition("/")[2] for key in keys}
    complete = {name.removesuffix(".json") for name in names if name.endswith(".json")}
    return complete - {name.removesuffix(".RECALLED.txt") for name in names if name.endswith(".RECALLED.txt")}


def _inbox_versions() -> Iterator[InboxVersion]:
    """Return every version of every object in the inbox."""
    bucket = settings().inbox_bucket
    for key, version_id, size, arrived in s3.versions_under(bucket, INBOX):
        upload_id = object_keys.upload_id(bucket, key, version_id)
        yield stuck_work.InboxVersion(upload_id, key, version_id, size, arrived)


def _unread(
    inbox: Iterable[InboxVersion], settled: Iterable[list[Settlement]]
) -> list[tuple[InboxVersion, bool]]:
    """Return the versions without a receipt that no running execution has claimed, and whether one had."""
    known = {one.upload_id for found in settled for one in found}
    found = []
    for one in inbox:
        if one.upload_id in known or uploads.settlement_of(one.upload_id) is not None:
            continue
        holder = uploads.holder_of(one.upload_id)
        if holder is None or stepfunctions.has_ended(holder):
            found.append((one, holder is not None))
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
    oldest = now - stuck_work.REMEMBERED
    wanted = {one.upload_id for one in waiting if slot_pool.moment(one.settled_at) > oldest}
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


def _training_runs(use_case: str) -> list[Any]:
    """Return the newest training runs of a use case, newest first; no evaluations."""
    runs = [
        one
        for status in (*_BAD_ENDS, "RUNNING", "SUCCEEDED")
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
        if one["status"] in _BAD_ENDS:
            return stepfunctions.end_of(one["executionArn"])
        if one["status"] != "SUCCEEDED" or not stepfunctions.output_of(one["executionArn"]).get("joined"):
            return None
    return None


def _start(one: Stuck, inbox: Mapping[str, InboxVersion], now: datetime) -> str:
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
    if one.kind in {"training_died", "not_trained"}:
        died = one.kind == "training_died"
        name = f"{one.subject[:34] if died else f'{one.use_case}-{one.subject[:10]}'}-{attempt}"
        reason = f"run {one.subject} had died" if died else f"no run had read upload {one.subject}"
        return stepfunctions.start(
            given.training_state_machine, name, {"use_case": one.use_case, "reason": reason}
        )
    name = f"again-{one.subject}-{attempt}"
    return stepfunctions.start(given.ingest_state_machine, name, _event(inbox[one.subject]))


def _event(one: InboxVersion) -> dict[str, Any]:
    """Return the event of a file in the inbox, as S3 would send it."""
    item = {"key": one.key, "version-id": one.version_id, "size": one.size}
    detail = {"bucket": {"name": settings().inbox_bucket}, "object": item}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
