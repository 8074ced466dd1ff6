"""A use case whose public files have no ids takes the hospital's own where a file has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.head import read_header

from .conftest import KEY, file_of, good_rows
from .small_use_cases import CLINIC

WITH_IDS = replace(CLINIC, optional_id_column="id")
ROWS = [row | {"id": f"P-{n}"} for n, row in enumerate(good_rows("clinic", 5))]


def read(data: bytes, purpose: str = "inference") -> ParsedChunk:
    header = read_header(data)
    return read_chunk(data[header.length :], WITH_IDS, purpose, header.names, 2, KEY)


@pytest.mark.parametrize("purpose", ["training", "inference"])
def test_a_file_with_and_one_without_ids_are_read(purpose: str) -> None:
    for rows in (ROWS, good_rows("clinic", 5)):
        assert check_file(file_of(rows), WITH_IDS, purpose).disposition == "ACCEPTED"
    assert check_file(file_of(ROWS), CLINIC, purpose).disposition == "REJECTED"


def test_a_patient_who_is_measured_again_is_the_same_patient() -> None:
    first = read(file_of(ROWS))
    again = read(file_of([row | {"age": "77"} for row in ROWS]))
    assert first.features["record_id"].equals(again.features["record_id"])
    assert first.vault["source_id"].to_list() == [f"P-{n}" for n in range(5)]


def test_ids_that_repeat_or_are_blank_are_quarantined() -> None:
    rows = [*ROWS, ROWS[1], ROWS[2] | {"age": "90"}, ROWS[3] | {"id": ""}]
    counts = read(file_of(rows)).counts
    assert dict(counts.reasons) == {"id_conflicting:id": 2, "id_repeated:id": 1, "id_blank:id": 1}


def test_an_id_that_reads_like_a_record_id_of_ours_is_no_id_of_the_hospital() -> None:
    counts = read(file_of([*ROWS, ROWS[0] | {"id": "0" * 32}])).counts
    assert dict(counts.reasons) == {"id_malformed:id": 1}


def test_outcomes_name_patients_by_their_id_or_by_the_record_id_of_the_results() -> None:
    with_ids, without = read(file_of(ROWS)), read(file_of(good_rows("clinic", 2)))
    own = without.features["record_id"][1]
    text = f"id,label,date\nP-3,1,2024-05-01\n{own},0,2024-05-02\n?,0,2024-05-02\n"
    outcomes = read(text.encode(), "outcomes")
    assert outcomes.features["record_id"].to_list() == [with_ids.features["record_id"][3], own]
    assert dict(outcomes.counts.reasons) == {"id_blank:id": 1}
