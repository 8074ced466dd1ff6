"""Judge Candidate: hash all artefacts of a run, hold it against the promotion bar, keep what may be released.

AWS calls: s3:GetObject on Lake (models/, training/, evaluation/, code/) and Results (reports/); s3:GetObject
and s3:PutObject on Lake (candidates/); dynamodb:GetItem on Deployments; kms:Decrypt, kms:GenerateDataKey
(DataKey).
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
