"""Roll Back Model: an earlier model is live again, under the next number; the results since are recalled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, pauses, uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.release import change_mails
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChangeRefused
from clinrisk.messages.live_changes import ChangeResult
from clinrisk.services.release import evidence
from clinrisk.services.release.approvers import countersignatures, overtaken_questions
from clinrisk.services.release.proofs import released
from clinrisk.services.scoring import recalled_results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.messages.live_changes import RollBackRequest
    from clinrisk.messages.release import LiveModel

_AT_ONCE = 16
"""How many results are looked at together."""


def roll_back(request: RollBackRequest, now: datetime) -> ChangeResult:
    """Make a model live again that was live before, recall what later ones scored, and return the mail.

    The bytes are those that a person approved then: signature and digests are checked before anything moves.
    Raises ChangeRefused where there is no such version, or another one is live than `from_version`,
    DecisionForged or ReleaseAltered where it is not what was approved, TrainingFileWithdrawn where it learned
    from rows that do not count any more. A repeated call completes what an earlier one began.
    """
    after = deployments.rolled_back(request)
    if after is None:
        after = deployments.roll_back(request, _restorable(request), at=stamp(now))
    entry = ledger.write_release(after)
    recalled = _recall(after, request)
    overtaken_questions.close(request.use_case, stamp(now))
    question = countersignatures.ask_about_rollback(after)
    emit(Metric.MODELS_ROLLED_BACK, 1, use_case=request.use_case)
    use_case = use_cases.get(request.use_case)
    mail = change_mails.rolled_back(
        use_case.title,
        after,
        recalled,
        ours=use_case.external is None,
        pause=pauses.current(request.use_case),
        due=day(question.due_at),
        entry=entry,
    )
    return ChangeResult(live_version=after.live_version, subject=mail.subject, message=mail.text)


def _restorable(request: RollBackRequest) -> LiveModel:
    use_case, number = use_cases.get(request.use_case), request.to_version
    model = deployments.version(use_case.name, number)
    if model is None or number >= request.from_version:
        raise ChangeRefused(
            f"There was no live version {number} of {use_case.name} before version {request.from_version}. "
            f"See which there were: clinrisk history {use_case.name}"
        )
    if model.feature_digest != use_case.feature_digest:
        raise ChangeRefused(
            f"Version {number} of {use_case.name} reads other features than batches have now. To let nothing "
            f"go out meanwhile: clinrisk pause {use_case.name} --reason TEXT"
        )
    released.check_bytes(model)
    evidence.check_sources(model)
    return model


def _recall(after: LiveModel, request: RollBackRequest) -> list[str]:
    """Recall the results that versions after the restored one made; return the ids of their uploads.

    What is recalled counts as not scored: it is scored again by itself, or by `clinrisk redrive --all`.
    """
    since = deployments.version(request.use_case, request.to_version + 1)
    assert since is not None  # noqa: S101 - at least `from_version` is later
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = threads.map(lambda key: _recall_one(key, after, request), _written_since(since))
        return [upload_id for upload_id in found if upload_id]


def _written_since(model: LiveModel) -> Iterator[str]:
    """List the sidecars that were written since a model went live; S3 states whole seconds."""
    written = s3.written_under(settings().results_bucket, object_keys.results_folder(model.use_case))
    began = datetime.fromisoformat(model.promoted_at).replace(microsecond=0)
    return (key for key, at in written.items() if key.endswith(".json") and at >= began)


def _recall_one(key: str, after: LiveModel, request: RollBackRequest) -> str:
    """Recall the results of one sidecar, where it is due, and return their upload; "" where it is not."""
    sidecar: dict[str, Any] = s3.fetch_json_now(s3.uri_of(settings().results_bucket, key))
    by, upload_id = int(sidecar["model"]["live_version"]), str(sidecar["upload"]["upload_id"])
    settled = uploads.settlement_of(upload_id)
    used = settled is not None and settled.disposition in uploads.USED
    if settled is None or not used or not request.to_version < by < after.live_version:
        return ""
    reason = f"Live version {by}, which made it, was rolled back: {request.reason}"
    return upload_id if recalled_results.recall(settled, reason, after.promoted_at) else ""
