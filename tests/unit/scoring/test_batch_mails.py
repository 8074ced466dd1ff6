"""The mails about batches and decisions lead with what to be careful about, and name commands."""

from collections.abc import Callable

import pytest

from clinrisk.core.mails import LONGEST_SUBJECT, Mail
from clinrisk.core.scoring import batch_mails
from clinrisk.messages.ingest import Disposition, UploadDecision

ID = "0f1e2d3c4b5a69788796"
KEY = "inbox/heart/inference/ward-7.csv"
COUNTS = {"rows": 60, "scored": 58, "flagged": 21, "uncertain": 4, "not_scored": 2, "rows_not_used": 3}
DECISION = UploadDecision(
    decision="WITHDRAW",
    person="arn:aws:iam::1:user/anna",
    reason="Checked with the ward.",
    decided_at="2026-03-01T10:00:00.000Z",
    execution="run-1",
    before=Disposition.HELD,
    after=Disposition.WITHDRAWN,
)
LET_THROUGH = DECISION.model_copy(update={"decision": "LET_THROUGH", "after": Disposition.ACCEPTED})
CAUTION = "thallium scan (thal) is missing in 40% of 60 rows, against 1% of the training patients."


def scored(counts: dict[str, int], *cautions: str) -> Mail:
    return batch_mails.batch_scored(
        title="Heart disease risk",
        file_name="ward-7.csv",
        upload_id=ID,
        cautions=cautions,
        counts=counts,
        live_version=2,
        results="s3://results/x.csv",
        sidecar="s3://results/x.json",
    )


def held(recalled: str) -> Mail:
    return batch_mails.batch_held(
        title="Heart disease risk",
        file_name="ward-7.csv",
        upload_id=ID,
        rows=60,
        cautions=(CAUTION,) * 13,
        recalled=recalled,
    )


MAILS = {
    "batch_scored": scored(COUNTS | {"scored": 60, "uncertain": 0, "not_scored": 0, "rows_not_used": 0}),
    "batch_scored_with_cautions": scored(COUNTS, CAUTION),
    "batch_held": held(""),
    "batch_held_after_publication": held("s3://results/x.csv"),
    "let_through": batch_mails.upload_decided(KEY, "inference", LET_THROUGH, ""),
    "withdrawn": batch_mails.upload_decided(KEY, "training", DECISION, ""),
    "recalled": batch_mails.upload_decided(KEY, "inference", DECISION, "s3://results/x.csv"),
}


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_about_a_batch_reads_as_it_was_read_aloud(
    name: str, snapshot: Callable[[str, str], None]
) -> None:
    assert len(MAILS[name].subject) <= LONGEST_SUBJECT
    snapshot(name, f"{MAILS[name].subject}\n\n{MAILS[name].text}")


def test_cautions_stand_before_everything_else() -> None:
    assert MAILS["batch_scored_with_cautions"].text.startswith(f"Read this first:\n- {CAUTION}")


def test_one_patient_is_counted_as_one() -> None:
    made = scored(dict.fromkeys(COUNTS, 0) | {"rows": 1, "scored": 1})
    assert "(1 patient)" in made.subject
