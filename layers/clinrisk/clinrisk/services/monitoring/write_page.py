"""Write Page: an edition of a live model's page after each monitoring run, kept under the run's name.

A repeated call of the same run finds its own edition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, finding_items, pauses
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring import drift
from clinrisk.core.monitoring.page import model_page
from clinrisk.core.monitoring.page.feedback_lines import share_of
from clinrisk.core.monitoring.page.outcome_figures import figures_of
from clinrisk.core.monitoring.page.page_facts import PageFacts, PastRelease
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles import score_profile
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.errors import ObjectMissing
from clinrisk.messages.message import Reference
from clinrisk.messages.monitoring import Finding, WritePageResult
from clinrisk.messages.release import LiveModel
from clinrisk.services.monitoring import scored_batches
from clinrisk.services.monitoring.run_check import material_of

if TYPE_CHECKING:
    from clinrisk.core.monitoring.changes import Change
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.messages.monitoring import BatchSelection, WritePageRequest
    from clinrisk.use_cases.base import UseCase

_RELEASES = 8
"""The newest versions that the page lists."""


def write(request: WritePageRequest) -> WritePageResult:
    """Keep the edition of this run and return it; the figures on outcomes and feedback are metrics, too."""
    use_case = use_cases.get(request.selection.use_case)
    facts = _facts(use_case, request)
    _emit(use_case.name, facts)
    html = model_page.page(use_case, facts).encode()
    # Seconds are enough to sort by, and a file's name holds no colon.
    key = object_keys.model_page(use_case.name, request.started[:19].replace(":", "-"), facts.run)
    kept = s3.store(settings().results_bucket, key, html, "text/html; charset=utf-8", once=True)
    return WritePageResult(page=Reference(uri=kept.uri, sha256=s3.digest(kept.uri)))


def _facts(use_case: UseCase, request: WritePageRequest) -> PageFacts:
    selection = request.selection
    versions = deployments.stored_versions(use_case.name, limit=_RELEASES)
    # Another version may have gone live during the run: the page is about the one that it looked at.
    [live] = (one for one in versions if one["live_version"] == selection.live_version)
    evaluation = s3.fetch_json_now(selection.evaluation_uri)
    months = scored_batches.months(selection)
    known = sorted(name for name, one in months.items() if one.labelled is not None)
    everything = scored_batches.added(months.values())
    scores, changes = _of_batches(use_case, selection, evaluation)
    return PageFacts(
        live=LiveModel.model_validate({name: live[name] for name in LiveModel.model_fields if name in live}),
        evaluation=evaluation,
        made_at=request.started,
        run=(request.execution or selection.use_case).rpartition(":")[2],
        scored=score_profile.merge(scores) if scores else None,
        labelled=everything.labelled,
        predicted=everything.predicted,
        outcomes=everything.outcomes,
        months=[
            figures_of(name, months[name].labelled, months[name].predicted, Sequential(growing=True))
            for name in known
        ],
        since_release=figures_of(
            "all since the release", everything.labelled, everything.predicted, Sequential(growing=True)
        ),
        known=finding_items.of_use_case(use_case.name),
        findings=[Finding.model_validate(one) for one in s3.fetch_json(request.findings)["findings"]],
        batches=selection.batches,
        changes=changes,
        releases=[PastRelease.of(one, _evaluation(one)) for one in versions],
        feedback=everything.feedback,
        acted_on=everything.acted_on,
        feedback_months={name: one.feedback for name, one in months.items() if one.feedback is not None},
        pause=pauses.current(use_case.name),
    )


def _evaluation(version: dict[str, Any]) -> Any:
    """Return the evaluation of a version, or nothing where it is no longer there."""
    try:
        return s3.fetch_json_now(version["evaluation_uri"])
    except ObjectMissing:
        return {}


def _of_batches(
    use_case: UseCase, selection: BatchSelection, evaluation: Any
) -> tuple[list[ScoreProfile], list[list[Change]]]:
    """Return the score profiles of the batches, and the changes of each, oldest first.

    A batch that is too small, or stored in another form, has no changes.
    """
    reference = Profile.from_dict(s3.fetch_json_now(selection.reference_uri))
    scores, changes = [], []
    for batch in reversed(selection.batches):
        try:
            material = material_of(batch, reference, evaluation)
        except scored_batches.UNREADABLE:
            continue
        if material.scores is not None:
            scores.append(material.scores)
        alike = material.current.schema_version == reference.schema_version == use_case.schema_version
        enough = min(reference.rows, material.current.rows) >= LIMITS.drift_rows
        changes.append(drift.changes(use_case, material) if alike and enough else [])
    return scores, changes


def _emit(use_case: str, facts: PageFacts) -> None:
    """Emit what outcomes and feedback show of all predictions since the release, and the approved limit."""
    known = facts.since_release
    if known.area is not None:
        emit(Metric.AUC, known.area.value, use_case=use_case)
        emit(Metric.AUC_LIMIT, facts.approved["auc"][1], use_case=use_case)
    if known.ratio is not None:
        emit(Metric.OBSERVED_TO_EXPECTED, known.ratio.value, use_case=use_case)
    if facts.feedback is not None:
        flagged = facts.feedback.everyone.flagged
        for metric, found in (
            (Metric.FLAGS_ANSWERED, share_of(flagged.known, flagged.predicted)),
            (Metric.FLAGS_OVERRIDDEN, share_of(flagged.overridden, flagged.seen)),
        ):
            if found is not None:
                emit(metric, found.value, use_case=use_case)
