"""What clinicians did, as a file: agreed codes alone, one response per patient, role and day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.head import read_header
from clinrisk.core.ingest.rules import FileRule
from clinrisk.core.ingest.sentences.rule_sentences import explain

from .conftest import KEY, file_of, good_rows, named
from .small_use_cases import CLINIC

if TYPE_CHECKING:
    from .conftest import Read

HEADER = "id,response,reason,role,date\n"


def feedback(*rows: str) -> bytes:
    return (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def test_responses_find_the_record_ids_of_the_patients(read: Read) -> None:
    patients = read(file_of(good_rows("ward", 2)), purpose="inference").features["record_id"]
    made = read(
        feedback(
            "100,overridden,contraindicated,physician,2024-05-01",
            "100,not_seen,,nurse,2024-05-01",
            "100,accepted,,physician,2024-05-02",
            "101, accepted ,,coordinator,2024-05-01",
        ),
        purpose="feedback",
    )
    assert made.features["patient"].to_list() == [patients[0]] * 3 + [patients[1]]
    assert made.features["response"].to_list() == ["overridden", "not_seen", "accepted", "accepted"]
    assert made.features["reason"].to_list() == ["contraindicated", None, None, None]
    assert made.features["record_id"].n_unique() == 4
    assert not set(made.features["record_id"]) & set(patients)
    assert (made.counts.accepted, made.counts.labelled, made.profile) == (4, 0, None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("100,overridden,,physician,2024-05-01", None),
        ("100,agreed,,physician,2024-05-01", "unknown_feedback_code:response"),
        ("100,,,physician,2024-05-01", "unknown_feedback_code:response"),
        ("100,overridden,Mrs Miller refused,physician,2024-05-01", "unknown_feedback_code:reason"),
        ("100,accepted,other,physician,2024-05-01", "reason_without_override:reason"),
        ("100,not_seen,other,physician,2024-05-01", "reason_without_override:reason"),
        ("100,accepted,,Dr Miller,2024-05-01", "unknown_feedback_code:role"),
        ("100,accepted,,,2024-05-01", "unknown_feedback_code:role"),
        ("100,accepted,,physician,01.05.2024", "not_a_date:date"),
        ("100,accepted,,physician,2024-05-03", "date_in_future:date"),
        (",accepted,,physician,2024-05-01", "id_blank:id"),
    ],
)
def test_only_agreed_codes_and_past_days_are_taken(row: str, reason: str | None) -> None:
    verdict = check_file(feedback(row), named("ward"), "feedback", dt.date(2024, 5, 1))
    assert [name for name in verdict.reasons if name != "set_aside_with_file"] == ([reason] if reason else [])


def test_free_text_is_refused_with_the_codes_and_without_its_words() -> None:
    text = "100,overridden,Mrs Miller refused,physician,2024-05-01"
    [sentence] = explain(check_file(feedback(text, *OTHERS), named("ward"), "feedback"), named("ward"))
    assert "No free text is taken" in sentence
    assert "already_managed, contraindicated" in sentence
    assert "Miller" not in sentence
    commented = b"id,response,reason,role,date,comment\n100,accepted,,nurse,2024-05-01,Mrs Miller\n"
    [problem] = check_file(commented, named("ward"), "feedback").problems
    assert (problem.rule, problem.detail) == (FileRule.COLUMNS_UNKNOWN, "6")


OTHERS = ("101,accepted,,nurse,2024-05-01", "102,accepted,,nurse,2024-05-01")


def test_of_equal_responses_one_is_used_and_of_contradicting_ones_none(read: Read) -> None:
    made = read(
        feedback(
            *(OTHERS[0], OTHERS[0], OTHERS[1]),
            *("102,overridden,,nurse,2024-05-01", "102,accepted,,physician,2024-05-01"),
        ),
        purpose="feedback",
    )
    assert dict(made.counts.reasons) == {"id_repeated:id": 1, "responses_conflict:id": 2}
    assert made.features["role"].to_list() == ["nurse", "physician"]


def test_feedback_names_patients_without_an_id_by_the_record_ids_of_the_results(read: Read) -> None:
    own = read(file_of(good_rows("clinic", 2)), "clinic", "inference").features["record_id"][1]
    data = feedback(f"{own},accepted,,nurse,2024-05-01", "P-3,accepted,,nurse,2024-05-01")
    assert read(data, "clinic", "feedback").features["patient"].to_list() == [own]
    header = read_header(data)
    either = replace(CLINIC, optional_id_column="id")
    made = read_chunk(data[header.length :], either, "feedback", header.names, 2, KEY)
    assert made.features["patient"][0] == own
    assert made.counts.accepted == 2
