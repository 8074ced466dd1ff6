"""Judge Candidate: hash all artefacts of a run, hold it against the promotion bar, keep what may be released.

What may be released is copied to where this function alone may write, once: these bytes are registered, asked
about, approved, and read at every use.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails, object_keys
from clinrisk.core.digests import sha256
from clinrisk.core.release.obstacles import compared_with
from clinrisk.core.release.page.evidence_view import summary_of
from clinrisk.core.training.promotion import unmet_requirements
from clinrisk.errors import FeatureMismatch
from clinrisk.messages.training import Digests, JudgeRequest, JudgeResult

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

_OUT_OF_FOLD = "output.tar.gz"
"""The out-of-fold risks, with which later candidates are compared."""


def judge(request: JudgeRequest) -> JudgeResult:
    """Return the verdict, the digests it holds for, and the mail about it."""
    use_case = use_cases.get(request.use_case)
    artefacts = {name: s3.fetch_current(uri) for name, uri in _copied(request).items()}
    evaluation: dict[str, Any] = json.loads(artefacts["evaluation"])
    _check_evaluation(evaluation, request, use_case)
    digests = _digests(evaluation, artefacts, request, use_case)
    outdated = deployments.outdated(use_case.name, request.run_id, digests)
    unmet = (outdated,) if outdated else tuple(unmet_requirements(evaluation, use_case.bar))
    summary = summary_of(evaluation, use_case)
    mail = mails.candidate_judged(use_case.title, request.run_id, summary, unmet, request.report_uri)
    emit(Metric.CANDIDATES_BLOCKED, bool(unmet and not outdated), use_case=use_case.name)
    kept = _copied(request) if unmet else _keep(request, artefacts)
    return JudgeResult(
        verdict="OUTDATED" if outdated else "BLOCKED" if unmet else "APPROVABLE",
        unmet=unmet,
        digests=digests,
        threshold=evaluation["threshold"],
        **{f"{name}_uri": uri for name, uri in kept.items()},
        summary=summary,
        subject=mail.subject,
        message=mail.text,
    )


def _copied(request: JudgeRequest) -> dict[str, str]:
    """Return where what is read at every use of the model was written by the jobs."""
    return {
        "model": request.model_uri,
        "reference": request.reference_uri,
        "evaluation": request.evaluation_uri,
    }


def _keep(request: JudgeRequest, artefacts: dict[str, bytes]) -> dict[str, str]:
    """Copy them, and the out-of-fold risks, to the candidate's own folder; return where they lie there.

    Raises EvidenceChanged where an earlier call has copied other bytes.
    """
    bucket, name = settings().lake_bucket, object_keys.evaluation_name(request.evaluation_uri)

    def keep(uri: str, data: bytes) -> str:
        file = uri.rpartition("/")[2]
        return s3.keep(bucket, object_keys.candidate(request.use_case, name, file), data).uri

    kept = {artefact: keep(uri, artefacts[artefact]) for artefact, uri in _copied(request).items()}
    out_of_fold = f"{request.model_uri.rpartition('/')[0]}/{_OUT_OF_FOLD}"
    keep(out_of_fold, s3.fetch_current(out_of_fold))
    return kept


def _check_evaluation(document: dict[str, Any], request: JudgeRequest, use_case: UseCase) -> None:
    """Raise FeatureMismatch when the evaluation belongs to another run or to other features."""
    if (document["use_case"], document["run_id"]) != (request.use_case, request.run_id):
        raise FeatureMismatch("The evaluation belongs to another run.")
    if document["feature_digest"] != use_case.feature_digest:
        raise FeatureMismatch("The evaluation was made with other features than this use case has.")


def _digests(
    document: dict[str, Any], artefacts: dict[str, bytes], request: JudgeRequest, use_case: UseCase
) -> Digests:
    """Return the digests of all that the candidate is made of.

    Raises EvidenceChanged when the job code is not what its name says.
    """
    code = s3.uri_of(settings().lake_bucket, object_keys.job_code(request.code_digest))
    s3.check_digest("job code", code, request.code_digest)
    return Digests(
        **{name: sha256(data) for name, data in artefacts.items()},
        manifest=s3.digest(request.manifest_uri),
        code=request.code_digest,
        features=use_case.feature_digest,
        image=request.image,
        threshold=repr(float(document["threshold"])),
        champion_version=str(compared_with(document)),
        **{name: s3.digest(uri) for name, uri in object_keys.papers(request.report_uri).items()},
    )
