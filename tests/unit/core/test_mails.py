"""Each mail as people get it, and the commands that mails and sentences name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from cli.app import app
from clinrisk.core import mails
from clinrisk.core.ingest.receipts import Arrival, Ending, receipt
from clinrisk.core.mails import LONGEST_SUBJECT, Mail, mail, printable
from clinrisk.core.release import change_mails
from clinrisk.messages.ingest import Disposition
from clinrisk.messages.live_changes import ChangeQuestion, Pause
from clinrisk.messages.message import Reference
from clinrisk.messages.release import Decider, LiveModel, Rollback

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Snapshot

KEY, REPORT = "inbox/heart/training/march 2024.csv", "s3://results/reports/heart/run-7/report.html"
DECIDERS = [
    {"name": "Ann Lee", "role": "clinical", "reason": "Better for women."},
    {"name": "Bo Berg", "role": "technical", "reason": "The digests fit."},
]
TITLE, RUN = "Heart disease risk", "heart-7"
PARTIAL = receipt(
    Arrival("0a", KEY, "v1", received_at="2026-03-01T10:00:00Z"),
    Ending(
        Disposition.PARTIAL,
        explanation=["Row 4: 1 row has too few cells.", "Row 9: 1 row has no id in id."],
    ),
    settled_at="2026-03-01T10:00:05Z",
) | {"use_case": "heart", "purpose": "training", "rows_accepted": 298, "rows_quarantined": 2}
ENTRY = Reference(uri="s3://audit/ledger/000000000012.json", sha256="ab" * 32)
ASKED = {"person": "arn:aws:iam::1:user/kim", "reason": "Too few women are flagged.", "execution": "run-1"}
RESTORED = LiveModel.model_construct(
    use_case="heart", live_version=3, previous_version=2, rollback=Rollback(restores=1, **ASKED)
)
PAUSE = Pause(use_case="heart", since="2026-03-01T10:00:00.000Z", **ASKED)
LINK = "https://example.org/changes/c?mac=x"
DUE = "2026-03-08 10:00 UTC"
RECORDED: dict[str, Any] = {"due": DUE, "entry": ENTRY}
ANSWER: dict[str, Any] = {
    "approver_id": "a1",
    "name": "Ann Lee",
    "role": "clinical",
    "decided_at": "t",
    "shown": "ab" * 32,
}
CHANGE: dict[str, Any] = ASKED | {
    "use_case": "heart",
    "asked_at": PAUSE.since,
    "expires_at": 0,
    "status": "COUNTERSIGNED",
}
RESUMED = ChangeQuestion(
    **CHANGE | {"reason": "The units are as before.", "change_id": "heart.resume.1", "change": "RESUME"},
    live_version=2,
    pause=PAUSE,
    decider=Decider(**ANSWER, reason="Seen in the laboratory."),
)
ROLLED_BACK = ChangeQuestion(
    **CHANGE | {"change_id": "heart.rollback.00000003", "change": "ROLL_BACK", "due_at": 1_772_964_000},
    live_version=3,
    replaced=2,
    restores=1,
    decider=Decider(**ANSWER, reason="Version 2 flags too few women."),
)
MAILS = {
    "candidate_blocked": mails.candidate_judged(
        TITLE, RUN, "AUC 0.71 (0.65 to 0.77).", ["The AUC is below 0.75.", "The slope is 0.4."], REPORT
    ),
    "candidate_approvable": mails.candidate_judged(TITLE, RUN, "AUC 0.90 (0.86 to 0.94).", [], REPORT),
    "approval_wanted": mails.approval_wanted(
        title=TITLE,
        version=3,
        run_id=RUN,
        summary="AUC 0.90 (0.86 to 0.94).",
        comparison="On 240 patients of recent batches, both models agree for 96%.",
        unmet=[],
        link="https://example.org/approve?token=x",
        until="2026-03-08 10:00 UTC",
    ),
    "approval_wanted_below_the_bar": mails.approval_wanted(
        title=TITLE,
        version=3,
        run_id=RUN,
        summary="AUC 0.71 (0.65 to 0.77).",
        comparison="",
        unmet=["The AUC is below 0.75."],
        link="https://example.org/approve?token=x",
        until="2026-03-08 10:00 UTC",
    ),
    "approval_wanted_of_two": mails.approval_wanted(
        title=TITLE,
        version=3,
        run_id=RUN,
        summary="AUC 0.90 (0.87 to 0.93).",
        comparison="",
        unmet=[],
        link="https://example.org/approve?approver=a1&mac=x",
        until="2026-03-08 10:00 UTC",
        quorum=2,
    ),
    "approval_wanted_of_a_reference": mails.approval_wanted(
        title="Readmission risk",
        version=1,
        run_id="readmission-0123456789",
        summary="AUC 0.76 (0.73 to 0.79).",
        comparison="",
        unmet=[],
        link="https://example.org/approve?token=x",
        until="2026-03-08 10:00 UTC",
        external=True,
    ),
    "unanswered": mails.unanswered(TITLE, "heart", "the rollback to version 1", DUE),
    "approver_invited": mails.approver_invited(
        "Ann Lee", "clinical", ("heart", "stroke"), "https://example.org/enrol?mac=x", "2026-03-08 10:00 UTC"
    ),
    "approver_locked": mails.approver_locked("Ann Lee", "0f1e2d3c4b5a", DUE),
    "candidate_rejected": mails.candidate_rejected(TITLE, 3, RUN, DECIDERS[:1]),
    "reference_rejected": mails.candidate_rejected("Readmission risk", 2, RUN, DECIDERS[:1], external=True),
    "rolled_back": change_mails.rolled_back(
        TITLE, RESTORED, ["a" * 20, "b" * 20], ours=True, pause=None, due=DUE, entry=ENTRY
    ),
    "rolled_back_before_any_results": change_mails.rolled_back(
        TITLE, RESTORED, [], ours=True, pause=PAUSE, due=DUE, entry=ENTRY
    ),
    "rolled_back_reference": change_mails.rolled_back(
        TITLE, RESTORED, [], ours=False, pause=None, due=DUE, entry=ENTRY
    ),
    "paused": change_mails.paused(TITLE, PAUSE),
    "resumed": change_mails.resumed(TITLE, PAUSE, RESUMED),
    "resumption_asked": change_mails.countersignature_wanted(TITLE, RESUMED, LINK, DUE),
    "rollback_to_countersign": change_mails.countersignature_wanted(TITLE, ROLLED_BACK, LINK, DUE),
    "rollback_countersigned": change_mails.rollback_answered(TITLE, ROLLED_BACK),
    "rollback_not_countersigned": change_mails.rollback_answered(
        TITLE, ROLLED_BACK.model_copy(update={"status": "REFUSED"})
    ),
    "shadow_failed": mails.shadow_failed(TITLE, RUN, "replay", "It ended with States.Timeout."),
    "shadow_failed_on_a_batch": mails.shadow_failed(TITLE, "", "b" * 20, "It ended with States.Timeout."),
    "model_promoted": mails.model_promoted(
        TITLE, 2, 5, previous=1, pause=None, deciders=DECIDERS, entry=ENTRY
    ),
    "model_promoted_first": mails.model_promoted(
        TITLE, 1, 3, previous=0, pause=PAUSE, deciders=DECIDERS[:1], entry=ENTRY
    ),
    "upload_partial": mails.upload_settled(KEY, PARTIAL, "s3://results/receipts/march.json"),
    "upload_rejected": mails.upload_settled(
        "inbox/x",
        PARTIAL | {"use_case": None, "disposition": "REJECTED", "rows_accepted": 0, "rows_quarantined": 0},
        "s3://results/receipts/x.json",
    ),
    "upload_failed": mails.upload_failed(KEY, "CountsDisagree. Chunk 3 is missing.", "s3://results/r.json"),
    "upload_failed_unprintable": mails.upload_failed(
        "inbox/m\u00e4rz\n.csv", "Defect.", "s3://results/r.json"
    ),
    "delivery_failed": mails.delivery_failed(KEY, "TransientError."),
    "upload_stalled": mails.upload_stalled(KEY, "States.Timeout.", "ACCEPTED", "s3://results/r.json"),
}


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_reads_as_it_was_read_aloud(name: str, snapshot: Snapshot) -> None:
    snapshot(name, f"{MAILS[name].subject}\n\n{MAILS[name].text}")


@pytest.mark.parametrize("name", MAILS)
def test_a_subject_is_ascii_and_short_enough_for_sns(name: str) -> None:
    subject = MAILS[name].subject
    assert subject.isascii()
    assert subject.isprintable()
    assert 0 < len(subject) <= LONGEST_SUBJECT < 100


@pytest.mark.parametrize("length", [LONGEST_SUBJECT - 1, LONGEST_SUBJECT, LONGEST_SUBJECT + 1])
def test_a_subject_is_cut_only_beyond_its_limit(length: int) -> None:
    subject = mail("x" * length, "text").subject
    assert len(subject) == min(length, LONGEST_SUBJECT)
    assert subject.endswith("...") == (length > LONGEST_SUBJECT)


@pytest.mark.parametrize(
    ("disposition", "outcome"),
    [
        ("REJECTED", "was rejected"),
        ("PARTIAL", "was used in part"),
        ("FAILED", "could not be processed"),
        ("ACCEPTED", "was processed"),
    ],
)
def test_the_subject_about_an_upload_states_its_outcome(disposition: str, outcome: str) -> None:
    made = mails.upload_settled(KEY, PARTIAL | {"disposition": disposition}, "s3://results/r.json")
    assert made.subject == f"heart training file march 2024.csv {outcome}"


@pytest.mark.parametrize(("character", "shown"), [(" ", " "), ("~", "~"), ("\x1f", "?"), ("\x7f", "?")])
def test_printable_text_is_ascii_between_blank_and_tilde(character: str, shown: str) -> None:
    assert printable(f"a{character}b") == f"a{shown}b"


def commands(text: str) -> set[str]:
    """Find the commands that a text tells people to run."""
    return set(re.findall(r"(?:^|`|: )clinrisk ([a-z-]+)", text, re.MULTILINE))


def test_every_command_that_people_are_told_to_run_exists(request: pytest.FixtureRequest) -> None:
    rooms: Path = request.path.parents[1]
    texts = [path.read_text() for path in rooms.glob("*/snapshots/*.txt")]
    found = set[str]().union(*map(commands, texts))
    assert found >= {"redrive", "findings", "use-cases", "convert", "drop"}
    assert found <= set(typer.main.get_group(app).commands)


def test_a_failed_file_is_started_again_by_its_key_or_with_all_others() -> None:
    assert "\nclinrisk redrive 'inbox/heart/training/march 2024.csv'\n" in MAILS["upload_failed"].text
    assert "\nclinrisk redrive --all\n" in MAILS["upload_failed_unprintable"].text


def test_empty_paragraphs_are_left_out() -> None:
    assert mail("s", "", "a", "") == Mail("s", "a\n")


def test_a_subject_is_one_line_of_ascii_whatever_it_is_made_of() -> None:
    assert mail("Gr\u00f6\u00dfe \ufb01x\r\nBcc: x", "a").subject == "Groe fix Bcc: x"


def test_a_cut_subject_ends_in_its_last_word_and_three_dots() -> None:
    assert mail("x" * (LONGEST_SUBJECT - 4) + " yyyy", "a").subject == "x" * (LONGEST_SUBJECT - 4) + "..."


def test_a_file_without_a_name_is_called_a_file() -> None:
    made = mails.upload_settled("inbox/heart/training/", PARTIAL, "s3://results/r.json")
    assert made.subject == "heart training file a file was used in part"


def test_an_address_with_other_characters_is_shown_as_printable() -> None:
    for made in (
        mails.upload_settled(KEY, PARTIAL, "s3://results/m\u00e4rz"),
        mails.upload_failed(KEY, "Defect.", "s3://results/m\u00e4rz"),
        mails.upload_stalled(KEY, "Defect.", "ACCEPTED", "s3://results/m\u00e4rz"),
    ):
        assert "\nReceipt: s3://results/m?rz\n" in made.text
    assert "What failed: a?b" in mails.delivery_failed(KEY, "a\nb").text
