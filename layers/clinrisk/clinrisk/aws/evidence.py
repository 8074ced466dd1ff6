"""The evidence for a candidate: hashed when it is judged, hashed again before it is released."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from clinrisk.aws import approvals, objects, registry
from clinrisk.aws.settings import settings
from clinrisk.errors import DecisionMissing, EvidenceChanged, FeatureMismatch
from clinrisk.messages import Digests, JudgeRequest, PromoteRequest
from clinrisk.places import job_code, manifest

if TYPE_CHECKING:
    from clinrisk.aws.approvals import Approval
    from clinrisk.use_cases.base import UseCase

# JSON may spell a number differently on its way through a workflow; it is still the same threshold.
_SAME = 1e-9


def judged(request: JudgeRequest, use_case: UseCase) -> tuple[dict[str, Any], Digests]:
    """Give the evaluation document and the digests of all that the candidate is made of.

    Raises EvidenceChanged when the job code is not what its name says, FeatureMismatch when the evaluation
    belongs to another run or to other features.
    """
    data = objects.fetch_current(request.evaluation_uri)
    document: dict[str, Any] = json.loads(data)
    if (document["use_case"], document["run_id"]) != (request.use_case, request.run_id):
        raise FeatureMismatch("The evaluation belongs to another run.")
    if document["feature_digest"] != use_case.feature_digest:
        raise FeatureMismatch("The evaluation was made with other features than this use case has.")
    _expect(objects.uri_of(settings().lake_bucket, job_code(request.code_digest)), request.code_digest)
    digests = Digests(
        model=objects.digest(request.model_uri),
        manifest=objects.digest(request.manifest_uri),
        evaluation=hashlib.sha256(data).hexdigest(),
        report=objects.digest(request.report_uri),
        code=request.code_digest,
        features=use_case.feature_digest,
        image=request.image,
        threshold=repr(float(document["threshold"])),
    )
    return document, digests


def approved(request: PromoteRequest) -> Approval:
    """Give the recorded decision for this very candidate; raises DecisionMissing or EvidenceChanged."""
    approval = approvals.find(request.approval_id)
    if approval.status != approvals.APPROVED or approval.decision != approvals.APPROVED:
        raise DecisionMissing("Our records hold no decision that approves this candidate.")
    asked = (approval.run_id, approval.package_arn, approval.package_version)
    if asked != (request.run_id, request.package_arn, request.package_version):
        raise DecisionMissing("The recorded decision is about another candidate.")
    if approval.digests != request.digests:
        raise EvidenceChanged("The candidate is not the one that the approver was shown.")
    return approval


def check_unchanged(request: PromoteRequest, approval: Approval, use_case: UseCase) -> None:
    """Hash every artefact again; raises EvidenceChanged at the first that differs from what was approved."""
    digests, lake = request.digests, settings().lake_bucket
    _expect(request.model_uri, digests.model)
    _expect(request.evaluation_uri, digests.evaluation)
    _expect(approval.report_uri, digests.report)
    _expect(objects.uri_of(lake, manifest(request.use_case, request.run_id)), digests.manifest)
    _expect(objects.uri_of(lake, job_code(digests.code)), digests.code)
    if digests.features != use_case.feature_digest:
        raise EvidenceChanged("The use case's features are no longer those of the candidate.")
    if not math.isclose(request.threshold, float(digests.threshold), rel_tol=_SAME):
        raise EvidenceChanged("The threshold is not the one that was approved.")
    recorded = registry.recorded(request.package_arn)
    differing = [name for name, value in digests.model_dump().items() if recorded.get(name) != value]
    if differing:
        raise EvidenceChanged(
            f"The registered package differs from what was approved: {', '.join(differing)}."
        )


def _expect(uri: str, digest: str) -> None:
    if objects.digest(uri) != digest:
        raise EvidenceChanged(f"{uri} no longer has the digest that was recorded for it.")
