"""Judge Candidate: hash every artefact of a run, and hold its evaluation against the promotion bar.

AWS calls: s3:GetObject on Lake (models/, training/, evaluation/, code/) and Results (reports/); kms:Decrypt
(DataKey).
Environment: LAKE_BUCKET.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.core import mails
from clinrisk.core.release.page.evidence_view import summary_of
from clinrisk.core.training.promotion import unmet_requirements
from clinrisk.messages import JudgeRequest, JudgeResult
from clinrisk.services.release import evidence


@step(JudgeRequest)
def handler(request: JudgeRequest) -> JudgeResult:
    """Give the verdict, the digests it holds for, and the mail about it."""
    use_case = use_cases.get(request.use_case)
    evaluation, digests = evidence.judged(request, use_case)
    unmet = tuple(unmet_requirements(evaluation, use_case.bar))
    summary = summary_of(evaluation, use_case)
    mail = mails.candidate_judged(use_case.title, request.run_id, summary, unmet, request.report_uri)
    emit(Metric.CANDIDATES_BLOCKED, len(unmet) > 0, use_case=use_case.name)
    return JudgeResult(
        verdict="BLOCKED" if unmet else "APPROVABLE",
        unmet=unmet,
        digests=digests,
        threshold=evaluation["threshold"],
        summary=summary,
        subject=mail.subject,
        message=mail.text,
    )
