"""Judge Candidate: hash every artefact of a run, and hold its evaluation against the promotion bar.

AWS calls: s3:GetObject on Lake (models/, training/, evaluation/, code/) and Results (reports/);
dynamodb:GetItem on Deployments; kms:Decrypt (DataKey).
Environment: LAKE_BUCKET, DEPLOYMENTS_TABLE.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.training import JudgeRequest, JudgeResult
from clinrisk.services.training import judge_candidate


@step(JudgeRequest)
def handler(request: JudgeRequest) -> JudgeResult:
    """Return the verdict, the digests it holds for, and the mail about it."""
    return judge_candidate.judge(request)
