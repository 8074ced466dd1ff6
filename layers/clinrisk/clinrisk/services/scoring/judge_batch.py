"""Judge Batch: the verdict on a batch, by its columns before it is scored, by its risks before they go out.

A batch that is not is held: its rows count nowhere until a person lets it through.
It reads with numpy, so only functions with the Numeric layer may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.core.scoring import batch_mails
from clinrisk.core.scoring.batch_judgement import BatchVerdict, judge_profile
from clinrisk.core.scoring.risk_judgement import judge_risks
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ClaimLost, ObjectMissing
from clinrisk.messages.ingest import Disposition, UploadDecision
from clinrisk.messages.scoring import JudgeBatchResult

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.scoring.batch_judgement import BatchJudgement
    from clinrisk.messages.scoring import JudgeBatchRequest

PERSON = "clinrisk"
"""Who holds a batch, in the list of decisions."""


def judge(request: JudgeBatchRequest, now: datetime) -> JudgeBatchResult:
    """Return the verdict on a batch; one that is HELD is so in the Uploads table, and a mail is due.

    What a person let through is not held again: what would hold it is then a caution. Raises ClaimLost where
    the upload was withdrawn in the meantime.
    """
    upload, found = request.upload, _judged(request)
    cautions = found.cautions[: batch_mails.SHOWN]
    if request.let_through is not None and found.verdict is BatchVerdict.HELD:
        by = f"Let through by {request.let_through.person}: {request.let_through.reason}"
        return JudgeBatchResult(verdict="CAUTION", cautions=(by, *cautions))
    if found.verdict is not BatchVerdict.HELD:
        return JudgeBatchResult(verdict="CAUTION" if cautions else "FIT", cautions=cautions)
    rows = _hold(request, " ".join(cautions), now)
    mail = batch_mails.batch_held(
        title=use_cases.get(upload.use_case).title,
        file_name=parse_key(upload.key).file,
        upload_id=upload.upload_id,
        rows=rows,
        cautions=cautions,
    )
    return JudgeBatchResult(verdict="HELD", cautions=cautions, subject=mail.subject, message=mail.text)


def _judged(request: JudgeBatchRequest) -> BatchJudgement:
    upload, bucket = request.upload, settings().lake_bucket
    if request.about == "columns":
        reference = _read(request.run.reference_uri)
        batch = _read(s3.uri_of(bucket, object_keys.profile(upload.use_case, upload.upload_id)))
        if batch is None:
            raise ObjectMissing("The batch has no profile.")
        return judge_profile(
            use_cases.get(upload.use_case),
            None if reference is None else Profile.from_dict(reference),
            Profile.from_dict(batch),
        )
    scores = _read(s3.uri_of(bucket, object_keys.score_profile(upload.use_case, upload.upload_id)))
    if scores is None:
        raise ObjectMissing("The scored batch has no score profile.")
    return judge_risks(_read(request.run.evaluation_uri) or {}, ScoreProfile.from_dict(scores).everyone)


def _read(uri: str) -> Any:
    """Read a JSON document of the Lake; None where there is none."""
    try:
        return s3.fetch_json_now(uri)
    except ObjectMissing:
        return None


def _hold(request: JudgeBatchRequest, why: str, now: datetime) -> int:
    """Hold the upload, once; return its rows."""
    before = uploads.settlement_of(request.upload.upload_id)
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
        before = uploads.settlement_of(request.upload.upload_id)
    if before is None or before.disposition != Disposition.HELD:
        raise ClaimLost("The upload was withdrawn while it was being scored.")
    return before.rows_accepted
