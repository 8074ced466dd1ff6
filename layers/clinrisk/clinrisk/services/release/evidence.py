"""The evidence for a candidate: hashed when it is shown, and before it is released.

The documents that compare a waiting candidate with the live model hold counts, and no patient.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import ledger, model_registry, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, deployments, uploads
from clinrisk.core import digests, object_keys
from clinrisk.core.release import obstacles, shadow
from clinrisk.errors import (
    ChampionChanged,
    DecisionMissing,
    EvidenceChanged,
    TrainingFileWithdrawn,
)
from clinrisk.messages.message import Reference
from clinrisk.messages.release import SignedDecision
from clinrisk.services.release.proofs import signatures

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.messages.release import Candidate, PromoteRequest
    from clinrisk.use_cases.base import UseCase

# JSON may spell a number differently on its way through a workflow; it is still the same threshold.
_SAME = 1e-9
# What an approver reads besides the page, as its name in the digests.
_PAPERS = ("report", *object_keys.MODEL_CARD)


@dataclass(frozen=True)
class Shown:
    """What an approver is shown, as it lies there now."""

    evaluation: dict[str, Any]
    comparisons: list[dict[str, Any]]
    digests: dict[str, str]
    """Evaluation, report, the forms of the model card, and `comparison/<batch>` -> sha256."""

    @property
    def digest(self) -> str:
        """One digest for all of it: the page's form carries it, so that a decision is about what was read."""
        return digests.digest_of(self.digests)


def shown(approval: Approval) -> Shown:
    """Read what the approver is shown; raises EvidenceChanged when it is not what was judged.

    The comparisons go on while a candidate waits: they are taken as they are, each with its digest.
    """
    judged_as = approval.digests.model_dump()
    for name, uri in papers_of(approval).items():
        s3.check_digest(name.replace("_", " "), uri, judged_as[name])
    evaluation = Reference(uri=approval.evaluation_uri, sha256=approval.digests.evaluation)
    documents = _comparisons(approval.use_case, approval.run_id)
    compared = {f"comparison/{batch}": digests.sha256(data) for batch, data in documents.items()}
    return Shown(
        evaluation=s3.fetch_json(evaluation),
        comparisons=[json.loads(data) for data in documents.values()],
        digests={name: judged_as[name] for name in ("evaluation", *_PAPERS)} | compared,
    )


def papers_of(approval: Approval) -> dict[str, str]:
    """Return the addresses of report and model card; a model that is not ours has no card.

    Whose model it is, the use case says: a digest that is missing of one of ours is a changed paper.
    """
    papers = object_keys.papers(approval.report_uri)
    if use_cases.get(approval.use_case).external is None:
        return papers
    return {"report": papers["report"]}


def comparisons(use_case: str, run_id: str) -> list[dict[str, Any]]:
    """Return every comparison of a candidate with the live model: the recent batches first."""
    return [json.loads(data) for data in _comparisons(use_case, run_id).values()]


def _comparisons(use_case: str, run_id: str) -> dict[str, bytes]:
    """Read those documents, by the name of their batch."""
    bucket, folder = settings().lake_bucket, object_keys.comparisons(use_case, run_id)
    first = object_keys.comparison(use_case, run_id, shadow.REPLAY)
    return {
        key.removeprefix(folder).removesuffix(".json"): s3.fetch_current(s3.uri_of(bucket, key))
        for key in sorted(s3.keys_under(bucket, folder), key=lambda key: (key != first, key))
    }


def obstacle(candidate: Approval | Candidate) -> str:
    """Say in words what no longer allows a release of a candidate; empty while nothing does."""
    reasons = (
        deployments.outdated(candidate.use_case, candidate.run_id, candidate.digests),
        _withdrawn(candidate),
    )
    return " ".join(reason for reason in reasons if reason)


def check_sources(candidate: Candidate) -> None:
    """Raise TrainingFileWithdrawn when the candidate learned from rows that do not count any more."""
    if reason := _withdrawn(candidate):
        raise TrainingFileWithdrawn(reason)


def _withdrawn(candidate: Approval | Candidate) -> str:
    uri = s3.uri_of(settings().lake_bucket, object_keys.manifest(candidate.use_case, candidate.run_id))
    manifest = s3.fetch_json(Reference(uri=uri, sha256=candidate.digests.manifest))
    external = use_cases.get(candidate.use_case).external is not None
    purposes = ("predictions", "outcomes") if external else ("training",)
    counting = {one.upload_id for purpose in purposes for one in uploads.used(candidate.use_case, purpose)}
    return obstacles.withdrawn(manifest["sources"], counting, candidate.use_case, external=external)


def approved(request: PromoteRequest) -> Approval:
    """Return the signed decision for this very candidate.

    Raises DecisionMissing, DecisionForged, ChampionChanged.
    """
    approval = approvals.find(request.approval_id)
    if approval.status == approvals.OVERTAKEN and approval.decision == approvals.APPROVED:
        raise ChampionChanged(approval.refusal)
    if approval.status != approvals.APPROVED or approval.decision != approvals.APPROVED:
        raise DecisionMissing("Our records hold no decision that approves this candidate.")
    asked = (approval.run_id, approval.package_arn, approval.package_version)
    if asked != (request.run_id, request.package_arn, request.package_version):
        raise DecisionMissing("The recorded decision is about another candidate.")
    signatures.check(ledger.decision_of(approval))
    return approval


def signed(approval: Approval) -> SignedDecision:
    """Return the decision as the live pointer keeps it, so that it can be held against it at every use."""
    entry = asdict(ledger.decision_of(approval))
    return SignedDecision.model_validate({name: entry[name] for name in SignedDecision.model_fields})


def check_unchanged(request: PromoteRequest, approval: Approval, use_case: UseCase) -> None:
    """Hash every artefact again; raises EvidenceChanged at the first that differs from what was approved."""
    made_of, lake = request.digests, settings().lake_bucket
    expected = made_of.model_dump()
    if approval.digests != made_of:
        raise EvidenceChanged("The candidate is not the one that the approver was shown.")
    if any(approval.evidence.get(name) != expected[name] for name in ("evaluation", *_PAPERS)):
        raise EvidenceChanged("The decision was made on other evidence than this candidate's.")
    artefacts = {
        "model": request.model_uri,
        "evaluation": request.evaluation_uri,
        "reference": request.reference_uri,
        "manifest": s3.uri_of(lake, object_keys.manifest(request.use_case, request.run_id)),
        "code": s3.uri_of(lake, object_keys.job_code(made_of.code)),
    } | papers_of(approval)
    for name, uri in artefacts.items():
        s3.check_digest(name.replace("_", " "), uri, expected[name])
    if made_of.features != use_case.feature_digest:
        raise EvidenceChanged("The use case's features are no longer those of the candidate.")
    if not math.isclose(request.threshold, float(made_of.threshold), rel_tol=_SAME):
        raise EvidenceChanged("The threshold is not the one that was approved.")
    if use_case.external is not None:
        return
    recorded = model_registry.recorded(request.package_arn)
    differing = [name for name, value in expected.items() if recorded.get(name) != value]
    if differing:
        raise EvidenceChanged(
            f"The registered package differs from what was approved: {', '.join(differing)}."
        )
