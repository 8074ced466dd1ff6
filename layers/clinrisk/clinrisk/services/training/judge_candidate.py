"""Judge Candidate: hash every artefact of a run, and hold its evaluation against the promotion bar."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails, object_keys
from clinrisk.core.release.obstacles import compared_with
from clinrisk.core.release.page.evidence_view import summary_of
from clinrisk.core.training.promotion import unmet_requirements
from clinrisk.errors import FeatureMismatch
from clinrisk.messages.training import Digests, JudgeRequest, JudgeResult

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase


def judge(request: JudgeRequest) -> JudgeResult:
    """Return the verdict, the digests it holds for, and the mail about it."""
    use_case = use_cases.get(request.use_case)
    evaluation, digests = _hashed(request, use_case)
    outdated = deployments.outdated(use_case.name, request.run_id, digests)
    unmet = (outdated,) if outdated else tuple(unmet_requirements(evaluation, use_case.bar))
    summary = summary_of(evaluation, use_case)
    mail = mails.candidate_judged(use_case.title, request.run_id, summary, unmet, request.report_uri)
    emit(Metric.CANDIDATES_BLOCKED, bool(unmet and not outdated), use_case=use_case.name)
    return JudgeResult(
        verdict="OUTDATED" if outdated else "BLOCKED" if unmet else "APPROVABLE",
        unmet=unmet,
        digests=digests,
        threshold=evaluation["threshold"],
        summary=summary,
        subject=mail.subject,
        message=mail.text,
    )


def _hashed(request: JudgeRequest, use_case: UseCase) -> tuple[dict[str, Any], Digests]:
    """Return the evaluation document and the digests of all that the candidate is made of.

    Raises EvidenceChanged when the job code is not what its name says, FeatureMismatch when the evaluation
    belongs to another run or to other features.
    """
    data = s3.fetch_current(request.evaluation_uri)
    document: dict[str, Any] = json.loads(data)
    if (document["use_case"], document["run_id"]) != (request.use_case, request.run_id):
        raise FeatureMismatch("The evaluation belongs to another run.")
    if document["feature_digest"] != use_case.feature_digest:
        raise FeatureMismatch("The evaluation was made with other features than this use case has.")
    code = s3.uri_of(settings().lake_bucket, object_keys.job_code(request.code_digest))
    s3.check_digest("job code", code, request.code_digest)
    digests = Digests(
        model=s3.digest(request.model_uri),
        manifest=s3.digest(request.manifest_uri),
        reference=s3.digest(request.reference_uri),
        evaluation=hashlib.sha256(data).hexdigest(),
        code=request.code_digest,
        features=use_case.feature_digest,
        image=request.image,
        threshold=repr(float(document["threshold"])),
        champion_version=str(compared_with(document)),
        **{name: s3.digest(uri) for name, uri in object_keys.papers(request.report_uri).items()},
    )
    return document, digests
