"""Judge Batch: the verdict on a batch, by its columns before it is scored, by its risks before they go out.

A batch that is not to be believed is held: its rows count nowhere until a person lets it through.
It reads with numpy, so only functions with the Numeric layer may import it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.mails import printable
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.core.scoring import batch_mails
from clinrisk.core.scoring.batch_judgement import judge_profile
from clinrisk.core.scoring.risk_judgement import judge_risks
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ClaimLost
from clinrisk.messages.ingest import Disposition, UploadDecision
from clinrisk.messages.scoring import BatchVerdict, JudgeBatchResult
from clinrisk.services.scoring import recalled_results, scoring_model

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.scoring.batch_verdict import BatchJudgement
    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.scoring import JudgeBatchRequest

PERSON = "clinrisk"
"""Who holds a batch, in the list of decisions."""


def judge(request: JudgeBatchRequest, now: datetime) -> JudgeBatchResult:
    """Return the verdict on a batch; one that is HELD is so in the Uploads table, and a mail is due.

    What a person let through is not held again, by whatever model it is scored: who did it, and for what it
    was held, are then cautions. Raises ClaimLost where the upload was withdrawn in the meantime, and what
    `scoring_model.check_approved` raises.
    """
    scoring_model.check_approved(request.upload.use_case, request.run)
    upload, found = request.upload, _judged(request)
    settled = uploads.settlement_of(upload.upload_id)
    by, cautions = _let_through(settled), found.cautions
    if found.verdict is BatchVerdict.HELD and not by:
        held, recalled = _hold(request, settled, " ".join(cautions[: batch_mails.SHOWN]), now)
        emit(Metric.BATCHES_HELD, 1, use_case=upload.use_case)
        mail = batch_mails.batch_held(
            title=use_cases.get(upload.use_case).title,
            file_name=parse_key(upload.key).file,
            upload_id=upload.upload_id,
            rows=held.rows_accepted,
            cautions=cautions,
            recalled=recalled,
        )
        return JudgeBatchResult(
            verdict=BatchVerdict.HELD, cautions=cautions, subject=mail.subject, message=mail.text
        )
    emit(Metric.BATCHES_HELD, 0, use_case=upload.use_case)
    cautions = (*by, *cautions)
    verdict = BatchVerdict.CAUTION if cautions else BatchVerdict.FIT
    return JudgeBatchResult(verdict=verdict, cautions=cautions)


def _let_through(settled: Settlement | None) -> list[str]:
    """Return who let a file through and for what it was held when it was read; nothing where nobody did."""
    decisions = () if settled is None else settled.decisions
    by = [one for one in decisions if one.decision == "LET_THROUGH"][-1:]
    if settled is None or not by:
        return []
    receipt = json.loads(uploads.receipt_of(settled) or "{}")
    held_for = receipt["explanation"] if receipt.get("disposition") == Disposition.HELD else []
    return [printable(f"Let through by {by[0].person}: {by[0].reason}"), *held_for]


def _judged(request: JudgeBatchRequest) -> BatchJudgement:
    upload, bucket = request.upload, settings().lake_bucket
    if request.about == "columns":
        reference = s3.fetch_json_now(request.run.reference_uri)
        batch = s3.fetch_json_now(s3.uri_of(bucket, object_keys.profile(upload.use_case, upload.upload_id)))
        return judge_profile(
            use_cases.get(upload.use_case),
            Profile.from_dict(reference),
            Profile.from_dict(batch),
        )
    scores = s3.fetch_json_now(
        s3.uri_of(bucket, object_keys.score_profile(upload.use_case, upload.upload_id))
    )
    evaluation = s3.fetch_json_now(request.run.evaluation_uri)
    return judge_risks(evaluation, ScoreProfile.from_dict(scores).everyone)


def _hold(
    request: JudgeBatchRequest, before: Settlement | None, why: str, now: datetime
) -> tuple[Settlement, str]:
    """Hold the upload, once; return it, and where earlier results lie that are recalled by that."""
    upload_id = request.upload.upload_id
    if before is not None and before.disposition in uploads.USED:
        decision = UploadDecision(
            decision="HELD",
            person=PERSON,
            reason=why,
            decided_at=stamp(now),
            execution=request.execution or "",
            before=before.disposition,
            after=Disposition.HELD,
        )
        decided_uploads.decide(before, decision)
        before = uploads.settlement_of(upload_id)
    if before is None or before.disposition != Disposition.HELD:
        raise ClaimLost("The upload was withdrawn while it was being scored.")
    recalled = recalled_results.recall(before, why, stamp(now))
    # Last: no fault of the ledger keeps results from being recalled. What was held when it was read has no
    # decision.
    for decision in before.decisions[-1:]:
        ledger.write_upload_decision(before, decision)
    return before, recalled
