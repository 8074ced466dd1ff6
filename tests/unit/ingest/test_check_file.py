"""What sets a whole file aside although each row could be read, and outcomes."""

from __future__ import annotations

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.counts import add_counts
from clinrisk.core.ingest.rule_sentences import explain
from clinrisk.core.ingest.verdict import decide

from .conftest import Judge, Read, heart_rows, stroke_rows


def _file(rows: list[dict[str, str]]) -> bytes:
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows), ""]).encode()


@pytest.mark.parametrize(
    ("use_case", "column", "divide_by", "unit"),
    [
        ("stroke", "avg_glucose_level", 18.016, "mmol/l"),
        ("heart", "chol", 38.67, "mmol/l"),
        ("heart", "trestbps", 7.50062, "kPa"),
        ("heart", "age", 1 / 12, "months"),
    ],
)
def test_a_column_in_another_unit_sets_the_file_aside_and_says_which_and_why(
    use_case: str, column: str, divide_by: float, unit: str, judge: Judge
) -> None:
    rows = {"stroke": stroke_rows, "heart": heart_rows}[use_case](20)
    for row in rows:
        row[column] = f"{float(row[column]) / divide_by:.2f}"
    verdict = judge(_file(rows), use_case)
    assert (verdict.disposition, verdict.rows_quarantined) == ("REJECTED", 20)
    assert dict(verdict.reasons) == {f"wrong_unit:{column}": 20}
    sentence = explain(verdict, use_cases.get(use_case))[0]
    assert column in sentence
    assert unit in sentence


def test_single_cells_in_another_unit_only_cost_their_rows(judge: Judge) -> None:
    rows = stroke_rows(20)
    rows[4]["avg_glucose_level"] = "5.1"
    verdict = judge(_file(rows))
    assert dict(verdict.reasons) == {"out_of_range:avg_glucose_level": 1}


def test_one_odd_number_in_a_column_that_is_mostly_missing_is_no_unit(judge: Judge) -> None:
    rows = heart_rows(30)
    for row in rows:
        row["chol"] = "?"
    rows[7]["chol"] = "5.2"
    verdict = judge(_file(rows), "heart")
    assert (verdict.disposition, verdict.rows_accepted) == ("PARTIAL", 29)
    assert dict(verdict.reasons) == {"out_of_range:chol": 1}


def test_of_several_units_that_fit_the_nearest_is_named_first(judge: Judge) -> None:
    rows = stroke_rows(20)
    for row in rows:
        row["age"] = f"{float(row['age']) * 12:.0f}"
    assert "months or days" in explain(judge(_file(rows)), use_cases.get("stroke"))[0]


@pytest.mark.parametrize("added", ["{0}", "header", ",,,,,,,,,,,"])
def test_rows_with_which_no_patient_is_lost_do_not_speak_against_a_file(added: str, judge: Judge) -> None:
    header, *body = _file(stroke_rows(20)).decode().splitlines()
    more = {"{0}": body * 2, "header": [header] * 30}.get(added, [added] * 30)
    verdict = judge("\n".join([header, *body, *more, ""]).encode())
    assert (verdict.disposition, verdict.rows_accepted, verdict.rows_quarantined) == (
        "PARTIAL",
        20,
        len(more),
    )


def test_a_file_of_nothing_but_empty_rows_has_no_rows(judge: Judge) -> None:
    header = _file(stroke_rows(1)).splitlines()[0]
    verdict = judge(b"\n".join([header, *[b",,,,,,,,,,,"] * 3, b""]))
    assert (verdict.disposition, verdict.problems[0].rule) == ("REJECTED", "no_rows")


def test_too_many_bad_rows_set_the_good_ones_aside_too_and_all_add_up(judge: Judge) -> None:
    rows = stroke_rows(20)
    for row in rows[:15]:
        row["gender"] = "x"
    verdict = judge(_file(rows))
    assert (verdict.disposition, verdict.rows_accepted, verdict.rows_quarantined) == ("REJECTED", 0, 20)
    assert dict(verdict.reasons) == {"unknown_code:gender": 15, "set_aside_with_file": 5}
    assert "75%" in explain(verdict, use_cases.get("stroke"))[0]


def test_a_training_file_without_any_label_is_set_aside(judge: Judge) -> None:
    verdict = judge(_file([{**row, "stroke": ""} for row in stroke_rows(20)]))
    assert (verdict.disposition, dict(verdict.reasons)) == ("REJECTED", {"label_missing:stroke": 20})


def test_bytes_that_stop_being_utf8_set_the_file_aside(judge: Judge, read: Read) -> None:
    data = _file(stroke_rows(5000)) + "999999,Mâle,1".encode("latin-1")
    verdict = judge(data)
    assert (verdict.disposition, dict(verdict.reasons)) == ("REJECTED", {"not_utf8": 5001})
    assert read(data).features.is_empty()


@pytest.mark.parametrize("line", ["", ",", '"', ",,,,,,,,,,,"])
def test_millions_of_next_to_empty_lines_are_refused_before_they_cost_memory(line: str, judge: Judge) -> None:
    verdict = judge(_file(stroke_rows(10)) + (line + "\n").encode() * 1_000_000)
    assert (verdict.disposition, verdict.problems[0].rule) == ("REJECTED", "mostly_empty_lines")


def test_a_megabyte_in_one_cell_costs_the_file_wherever_it_is_and_little_of_it_is_kept(
    judge: Judge, read: Read
) -> None:
    rows = stroke_rows(4000)
    for column, cell in (("gender", "x" * 2**20), ("work_type", '"' + "a,b" * 2**18 + '"')):
        data = _file([*rows[:3500], {**rows[3500], column: cell}, *rows[3501:]])
        assert judge(data).disposition == "REJECTED"
        assert judge(data).reasons["line_too_long"] == 1
        assert len(read(data).quarantine["raw"][0]) <= 2000


def test_inference_drops_the_outcome_and_needs_none(read: Read) -> None:
    chunk = read(_file(stroke_rows(5)), purpose="inference")
    assert "label" not in chunk.features.columns
    assert "stroke" not in chunk.features.columns
    assert chunk.profile is not None
    assert chunk.profile.label is None


def test_outcomes_find_the_record_ids_of_the_patients(read: Read) -> None:
    patients = read(_file(stroke_rows(3)), purpose="inference")
    outcomes = read(
        b"id,label,date\n100,1,2024-05-01\n101,0,2024-05-02\n\n,1,2024-05-01\n102,0,01.05.2024\n",
        purpose="outcomes",
    )
    assert outcomes.features["record_id"].to_list() == patients.features["record_id"].to_list()[:2]
    assert outcomes.features["label"].to_list() == [1, 0]
    assert dict(outcomes.counts.reasons) == {"id_blank:id": 1, "not_a_date:date": 1}


def test_outcomes_of_a_use_case_without_ids_name_record_ids(read: Read) -> None:
    patients = read(_file(heart_rows(2)), "heart", "inference")
    first = patients.vault["source_id"][0]
    outcomes = read(f"id,label,date\n{first},1,2024-05-01\nwho,1,2024-05-01\n".encode(), "heart", "outcomes")
    assert outcomes.features["record_id"].to_list() == [first]
    assert dict(outcomes.counts.reasons) == {"id_malformed:id": 1}


def test_equal_patients_without_ids_are_numbered_and_spelling_does_not_matter(read: Read) -> None:
    rows = heart_rows(3)
    first = read(_file([rows[0], rows[0], rows[1]]), "heart").features["record_id"].to_list()
    again = [{**rows[0], "age": "30.0", "num": "3"}, rows[0], rows[1]]
    assert len(set(first)) == 3
    assert read(_file(again), "heart").features["record_id"].to_list() == first


def test_the_counts_of_chunks_add_up_to_the_counts_of_the_file(read: Read) -> None:
    rows = stroke_rows(40)
    rows[30]["age"] = rows[3]["age"] = "x"
    use_case = use_cases.get("stroke")
    whole = read(_file(rows)).counts
    assert decide(add_counts([whole]), use_case) == decide(whole, use_case)
    assert dict(whole.first_rows) == {"not_a_number:age": (4, 31)}
