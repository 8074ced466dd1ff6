"""Evaluate Reference: a cohort's predictions of a model that is not ours, with their outcomes.

What it keeps has the names and the addresses of what a training leaves of a candidate, so that question,
decision, release and monitoring read it as they read that: the model is a statement of whose it is, the
reference is the profile of the cohort, the evaluation is made of the counts that monitoring reads. It reads
with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.profiles import feature_profile, score_profile
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.core.release.page.evidence_view import summary_of
from clinrisk.core.release.page.reference_report import report
from clinrisk.core.release.reference_evaluation import Cohort, evaluation_of
from clinrisk.core.training.promotion import unmet_requirements
from clinrisk.errors import NotEnoughData
from clinrisk.messages.release import ReleaseRequest
from clinrisk.messages.training import Digests
from clinrisk.services.monitoring import scored_batches
from clinrisk.services.scoring import stored_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import EvaluateReferenceRequest
    from clinrisk.use_cases.base import UseCase

IMAGE = "none: the model is not ours"
"""What stands in the digests for the image that serves a model."""


def evaluate(request: EvaluateReferenceRequest) -> ReleaseRequest:
    """Return the reference as a candidate of a release; what it consists of is written once.

    Raises NotEnoughData where the model is ours, or no patient of the cohort has a known outcome.
    """
    use_case = use_cases.get(request.use_case)
    if use_case.external is None:
        raise NotEnoughData(f"The model of {use_case.title} is ours: its reference comes with its training.")
    batches = _batches(use_case, request.uploads)
    cohort = _cohort(use_case, request.cohort, batches)
    live = deployments.current(use_case.name)
    evaluation = evaluation_of(use_case, request.run_id, cohort, 0 if live is None else live.live_version)
    answers = uploads.by_arrival(uploads.used(use_case.name, "outcomes"))
    sources = [_source(one) for one in (*batches, *answers)]
    profiles = [
        Profile.from_dict(_stored(object_keys.profile(use_case.name, one.upload_id))) for one in batches
    ]
    statement = {"use_case": use_case.name, **asdict(use_case.external), "versions": list(cohort.versions)}
    kept = {
        "model": _keep(request, "model.json", statement),
        "reference": _keep(request, "reference.json", feature_profile.merge(profiles).to_dict()),
        "evaluation": _keep(request, "evaluation.json", evaluation),
    }
    manifest = s3.keep(
        settings().lake_bucket,
        object_keys.manifest(use_case.name, request.run_id),
        s3.json_text({"run_id": request.run_id, "sources": sources}).encode(),
    )
    page = s3.keep(
        settings().results_bucket,
        object_keys.report(use_case.name, request.run_id),
        report(use_case, evaluation, sources).encode(),
        "text/html; charset=utf-8",
    )
    version = 0 if live is None else live.live_version
    return ReleaseRequest(
        use_case=use_case.name,
        run_id=request.run_id,
        package_arn="",
        package_version=version + 1,
        digests=Digests(
            **{name: one.sha256 for name, one in kept.items()},
            manifest=manifest.sha256,
            report=page.sha256,
            model_card="",
            model_card_chai="",
            model_card_hti1="",
            code=request.code_digest,
            features=use_case.feature_digest,
            image=IMAGE,
            threshold=repr(use_case.external.threshold),
            champion_version=str(version),
        ),
        **{f"{name}_uri": one.uri for name, one in kept.items()},
        model_name="",
        threshold=use_case.external.threshold,
        summary=summary_of(evaluation, use_case),
        unmet=tuple(unmet_requirements(evaluation, use_case.bar)),
        report_uri=page.uri,
        asked_by=request.asked_by,
    )


def _batches(use_case: UseCase, wanted: Sequence[str]) -> list[Settlement]:
    """Return the files of predictions that are meant, or all; raises NotEnoughData without them."""
    counting = {
        one.upload_id: one
        for one in uploads.used(use_case.name, use_case.scored_purpose)
        if one.schema_version == use_case.schema_version
    }
    lacking = [one for one in wanted if one not in counting]
    if lacking or not counting:
        what = f"upload {lacking[0]} is no file of predictions that counts" if lacking else "there are none"
        raise NotEnoughData(f"Predictions of {use_case.title}: {what}.")
    return [one for name, one in counting.items() if not wanted or name in wanted]


def _cohort(use_case: UseCase, title: str, batches: Sequence[Settlement]) -> Cohort:
    """Return the counts of the cohort; raises NotEnoughData without a known outcome."""
    names = {one.upload_id for one in batches}
    answered = {
        key.rpartition("/")[2].removesuffix(".json")
        for key in s3.keys_under(settings().lake_bucket, object_keys.joined_folder(use_case.name))
    }
    known = scored_batches.added(
        scored_batches.joined_counts(_stored(object_keys.joined(use_case.name, name)))
        for name in sorted(names & answered)
    )
    if known.labelled is None:
        raise NotEnoughData(f"No outcome of these predictions of {use_case.title} counts yet.")
    parts = [
        ScoreProfile.from_dict(_stored(object_keys.score_profile(use_case.name, name)))
        for name in sorted(names)
    ]
    versions = {
        str(version)
        for batch, rows in stored_rows.predictions(use_case, ["model_version"])
        if batch.upload_id in names
        for version in rows["model_version"].unique()
    }
    return Cohort(
        title,
        len(batches),
        score_profile.merge(parts),
        known.labelled,
        known.predicted,
        tuple(sorted(versions)),
    )


def _source(upload: Settlement) -> dict[str, Any]:
    facts = upload.model_dump(include={"upload_id", "key", "version_id", "sha256", "purpose"})
    return facts | {"rows": upload.rows_accepted}


def _stored(key: str) -> Any:
    return s3.fetch_json_now(s3.uri_of(settings().lake_bucket, key))


def _keep(request: EvaluateReferenceRequest, name: str, document: object) -> Reference:
    key = object_keys.candidate(request.use_case, request.run_id, name)
    return s3.keep(settings().lake_bucket, key, s3.json_text(document).encode(), "application/json")
