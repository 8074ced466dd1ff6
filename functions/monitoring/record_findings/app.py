"""Record Findings: keep what all checks said, publish a metric for each, and choose what to do about it.

AWS calls: s3:PutObject on Lake (findings/); kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import step
from clinrisk.core import object_keys
from clinrisk.core.digests import digest_of
from clinrisk.core.monitoring.findings import Check, Finding, Verdict
from clinrisk.core.monitoring.response import announcement, choose_response
from clinrisk.messages import RecordRequest, RecordResult
from clinrisk.services.monitoring import check_metrics


@step(RecordRequest)
def handler(request: RecordRequest) -> RecordResult:
    """Give the response, the mail about it, and where the findings are kept."""
    use_case = use_cases.get(request.use_case)
    found = [
        (
            each.batch,
            Finding(Check(each.check), Verdict(each.verdict), each.statistic, each.threshold, each.detail),
        )
        for each in request.findings
    ]
    response = choose_response(found)
    document = request.model_dump(mode="json", exclude={"execution"}) | {"response": response.name}
    # The execution's id is an ARN: its last part is its name. Without one the content names the record.
    name = (request.execution or digest_of(document)).rpartition(":")[2]
    key = object_keys.findings(use_case.name, name)
    kept = s3.store_json(settings().lake_bucket, key, document)
    check_metrics.publish(use_case.name, [finding for _, finding in found])
    mail = announcement(use_case.title, found, response)
    return RecordResult.model_validate(
        {"response": response.name, "subject": mail.subject, "message": mail.text, "findings": kept}
    )
