"""The mails about batches and decisions lead with what to be careful about, and name commands."""

from collections.abc import Callable

import pytest

from clinrisk.core.ingest.inbox_keys import PURPOSES
from clinrisk.core.mails import LONGEST_SUBJECT, Mail
from clinrisk.core.scoring import batch_mails
from clinrisk.core.scoring.replay_entry import ReplayEntry
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
    sidecar = {
        "title": "Heart disease risk",
        "upload": {"upload_id": ID, "key": KEY},
        "cautions": cautions,
        "counts": counts,
        "model": {"live_version": 2},
        "results": {"uri": "s3://results/x.csv"},
    }
    return batch_mails.batch_scored(sidecar, "s3://results/x.json")


def held(recalled: str) -> Mail:
    return batch_mails.batch_held(
        title="Heart disease risk",
        file_name="ward-7.csv",
        upload_id=ID,
        rows=60,
        cautions=(CAUTION,) * 13,
        recalled=recalled,
    )


REPLAYED = ReplayEntry(
    use_case="heart",
    upload_id=ID,
    results_version_id="v7",
    results_sha256="1" * 64,
    stored_sha256="2" * 64,
    replayed_sha256="1" * 64,
    live_version=2,
    code_sha256="3" * 64,
    rows=60,
    outcome="DIFFERENT",
    difference="The stored file was altered after it was published: the first row that differs is 9 in risk.",
    first_row=9,
    columns=("risk",),
    person="arn:aws:iam::1:user/anna",
    execution="run-1",
    replayed_at="2026-03-01T10:00:00.000Z",
)
# Made when they are read: what is made at import would be the same whatever a mutant does.
MAILS: dict[str, Callable[[], Mail]] = {
    "batch_scored": lambda: scored(
        COUNTS | {"scored": 60, "uncertain": 0, "not_scored": 0, "rows_not_used": 0}
    ),
    "batch_scored_with_cautions": lambda: scored(COUNTS, CAUTION),
    "batch_held": lambda: held(""),
    "batch_held_after_publication": lambda: held("s3://results/x.csv"),
    "let_through": lambda: batch_mails.upload_decided(KEY, "inference", LET_THROUGH, ""),
    "withdrawn": lambda: batch_mails.upload_decided(KEY, "training", DECISION, ""),
    "feedback_unclear": lambda: batch_mails.feedback_unclear("heart", "Heart", earlier=2, unmatched=3),
    "replay_differs": lambda: batch_mails.replay_differs(
        title="Heart disease risk", file_name="ward-7.csv", address="s3://results/x.csv", entry=REPLAYED
    ),
    "recalled": lambda: batch_mails.upload_decided(KEY, "inference", DECISION, "s3://results/x.csv"),
}


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_about_a_batch_reads_as_it_was_read_aloud(
    name: str, snapshot: Callable[[str, str], None]
) -> None:
    made = MAILS[name]()
    assert len(made.subject) <= LONGEST_SUBJECT
    snapshot(name, f"{made.subject}\n\n{made.text}")


def test_cautions_stand_before_everything_else() -> None:
    assert scored(COUNTS, CAUTION).text.startswith(f"Read this first:\n- {CAUTION}")


def test_one_patient_is_counted_as_one() -> None:
    made = scored(dict.fromkeys(COUNTS, 0) | {"rows": 1, "scored": 1})
    assert "(1 patient)" in made.subject


@pytest.mark.parametrize("decision", [LET_THROUGH, DECISION], ids=["let through", "withdrawn"])
def test_what_follows_a_decision_depends_on_what_the_upload_was_for(decision: UploadDecision) -> None:
    texts = {purpose: batch_mails.upload_decided(KEY, purpose, decision, "").text for purpose in PURPOSES}
    assert "training" in texts["training"]
    assert "Its outcomes" in texts["outcomes"]
    assert "Its responses" in texts["feedback"]
    assert "monitoring" in texts["predictions"]
    assert len(set(texts.values())) >= 4


def test_a_key_without_a_name_is_a_file() -> None:
    assert batch_mails.upload_decided("inbox/heart/", "inference", DECISION, "").subject == (
        "a file was withdrawn"
    )
