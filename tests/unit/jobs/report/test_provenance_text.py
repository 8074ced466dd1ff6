"""Where the patients come from is what the files state, and a public name needs the public rows."""

from __future__ import annotations

from typing import Any

from clinrisk import use_cases
from clinrisk.core.release.card.answers import Source
from clinrisk.jobs.report import provenance_text
from clinrisk.jobs.report.card_answers import QUESTIONS, answers_of
from clinrisk.jobs.report.model_card import card_files
from tests.unit.jobs.evaluation.documents import SOURCE, evaluated, manifest_of, scored

HEART = use_cases.get("heart")
DOCUMENT = evaluated(scored(1), scored(2, 80))


def manifest(*sources: dict[str, Any]) -> dict[str, Any]:
    return manifest_of(DOCUMENT) | {"sources": [SOURCE | {"description": ""} | source for source in sources]}


def test_a_synthetic_cohort_is_called_synthetic_and_by_no_public_name() -> None:
    card = b"".join(card_files(DOCUMENT, manifest({"synthetic": True}), HEART).values()).decode()

    assert provenance_text.SYNTHETIC in card
    assert "UCI" not in card
    assert "doi:" not in card


def test_a_public_data_set_is_named_with_its_reference_where_its_rows_are() -> None:
    [public] = HEART.public_sources
    known = manifest({"public": public.rows_sha256})

    answer = answers_of(DOCUMENT, known, HEART)["training_setting"]
    assert (answer.text, answer.source) == (public.text, Source.RUN)
    assert public.reference in card_files(DOCUMENT, known, HEART)["model-card.xml"].decode()


def test_a_file_of_which_nobody_stated_anything_is_a_question_to_the_hospital() -> None:
    unknown = manifest({}, {"description": "Cardiology, 2019."})

    answer = answers_of(DOCUMENT, unknown, HEART)["training_setting"]
    assert answer.source is Source.HOSPITAL
    assert answer.text == (
        "Stated with the file: Cardiology, 2019. 1 of 2 files: where do the training patients come from?"
    )
    assert QUESTIONS["training_setting"][1:] in answer.text
    assert provenance_text.undescribed(unknown) == 1


def test_what_is_stated_about_some_files_is_stated_of_no_other() -> None:
    some = manifest(
        {"synthetic": True}, {"description": "Cardiology, 2019"}, {"description": "Cardiology, 2019"}
    )

    assert provenance_text.stated(some, HEART) == [
        f"In 1 of 3 files: {provenance_text.SYNTHETIC}",
        "Stated with the file: Cardiology, 2019.",
    ]


def test_the_span_is_that_of_the_first_and_the_last_arrival() -> None:
    later = {"received_at": "2026-05-04T23:59:59.000Z"}
    assert (
        provenance_text.arrival(manifest(later, {}))
        == "2 files, which arrived from 1 March 2026 to 4 May 2026."
    )
    assert provenance_text.arrival({"sources": []}) == "Nothing is recorded about the files."
