"""What rejects a file although each row could be read, and what outcomes need."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace

import pytest
from pydantic import TypeAdapter

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.rules import LONGEST_LINE, FileRule
from clinrisk.core.ingest.verdict import add_counts, decide
from clinrisk.errors import CountsDisagree
from clinrisk.messages.ingest import RowCounts

from .conftest import Judge, Read, file_of, good_rows, named
from .small_use_cases import CLINIC, HEADERS, WARD


@pytest.mark.parametrize(
    ("use_case", "column", "divide_by", "units"),
    [
        ("ward", "lactate", 0.111, "mg/dl"),
        # Both fit; the one that is less far away comes first.
        ("ward", "age", 1 / 12, "months or days"),
        ("clinic", "age", 1 / 365.25, "days"),
    ],
)
def test_a_column_in_another_unit_rejects_the_file_and_names_the_unit(
    use_case: str, column: str, divide_by: float, units: str, judge: Judge
) -> None:
    rows = good_rows(use_case, 20)
    for row in rows:
        row[column] = f"{float(row[column]) / divide_by:.2f}"
    verdict = judge(file_of(rows), use_case)
    assert (verdict.disposition, verdict.rows_quarantined) == ("REJECTED", 20)
    assert dict(verdict.reasons) == {f"wrong_unit:{column}": 20}
    [problem] = verdict.problems
    assert (problem.rule, problem.columns, problem.detail) == (FileRule.WRONG_UNIT, (column,), units)


@pytest.mark.parametrize(("foreign", "rejected"), [(15, False), (16, True), (17, True)])
def test_a_column_is_in_another_unit_from_four_fifths_of_its_numbers_on(
    foreign: int,
    rejected: bool,  # noqa: FBT001 (pytest passes it by name)
    judge: Judge,
) -> None:
    rows = good_rows("ward", 20)
    for row in rows[:foreign]:
        row["age"] = "800"
    verdict = judge(file_of(rows))
    assert (verdict.problems[0].rule is FileRule.WRONG_UNIT) == rejected
    assert verdict.rows_quarantined == 20


@pytest.mark.parametrize(("measured", "rejected"), [(4, False), (5, True), (6, True)])
def test_four_odd_numbers_are_no_unit_and_five_are(
    measured: int,
    rejected: bool,  # noqa: FBT001 (pytest passes it by name)
    judge: Judge,
) -> None:
    rows = good_rows("ward", 30)
    for number, row in enumerate(rows):
        row["lactate"] = "45" if number < measured else "?"
    verdict = judge(file_of(rows))
    assert (verdict.disposition == "REJECTED") == rejected
    if not rejected:
        assert dict(verdict.reasons) == {"out_of_range:lactate": measured}


def test_every_number_of_a_small_file_decides(judge: Judge) -> None:
    rows = [{**row, "age": "800"} for row in good_rows("ward", 3)]
    assert judge(file_of(rows)).problems[0].rule is FileRule.WRONG_UNIT


@pytest.mark.parametrize("added", ["rows", "header", ",,,,,"])
def test_rows_that_lose_no_patient_do_not_count_against_a_file(added: str, judge: Judge) -> None:
    header, *body = file_of(good_rows("ward", 20)).decode().splitlines()
    more = {"rows": body * 2, "header": [header] * 30}.get(added, [added] * 30)
    verdict = judge("\n".join([header, *body, *more, ""]).encode())
    assert (verdict.disposition, verdict.rows_accepted, verdict.rows_quarantined) == (
        "PARTIAL",
        20,
        len(more),
    )


def test_a_file_of_nothing_but_empty_rows_has_no_rows(judge: Judge) -> None:
    verdict = judge(f"{HEADERS['ward']}\n,,,,,\n,,,,,\n".encode())
    assert (verdict.disposition, verdict.problems[0].rule) == ("REJECTED", FileRule.NO_ROWS)
    assert dict(verdict.reasons) == {"empty_row": 2}


@pytest.mark.parametrize(
    ("bad", "disposition"), [(1, "PARTIAL"), (9, "HELD"), (10, "HELD"), (11, "REJECTED")]
)
def test_a_file_is_rejected_above_its_share_of_quarantined_rows(
    bad: int, disposition: str, judge: Judge
) -> None:
    rows = good_rows("ward", 20)
    for row in rows[:bad]:
        row["unit"] = "x"
    verdict = judge(file_of(rows))
    assert verdict.disposition == disposition
    assert verdict.rows_accepted + verdict.rows_quarantined == 20
    assert sum(verdict.reasons.values()) == verdict.rows_quarantined
    if disposition == "REJECTED":
        assert dict(verdict.reasons) == {"unknown_code:unit": 11, "set_aside_with_file": 9}
        assert (verdict.rows_accepted, dict(verdict.missing)) == (0, {})
        assert verdict.problems[0].rule is FileRule.TOO_MANY_BAD_ROWS
        assert "55%" in verdict.problems[0].detail


def test_a_use_case_may_accept_every_share_but_needs_one_row() -> None:
    lenient = replace(WARD, max_quarantine_share=1.0)
    rows = [{**row, "unit": "x"} for row in good_rows("ward", 5)]
    assert check_file(file_of(rows), lenient, "training").disposition == "REJECTED"
    rows[0]["unit"] = "icu"
    assert check_file(file_of(rows), lenient, "training").disposition == "PARTIAL"


def test_a_training_file_without_any_label_is_rejected(judge: Judge) -> None:
    verdict = judge(file_of([{**row, "sepsis": ""} for row in good_rows("ward", 20)]))
    assert (verdict.disposition, dict(verdict.reasons)) == ("REJECTED", {"label_missing:sepsis": 20})


@pytest.mark.parametrize(
    ("end", "reason"), [("Mâle,1".encode("latin-1"), "not_utf8"), (b"\0\n", "binary_content")]
)
def test_bytes_that_stop_being_text_reject_the_file(
    end: bytes, reason: str, judge: Judge, read: Read
) -> None:
    # Behind the head, which is checked before.
    data = file_of(good_rows("ward", 12_000)) + end
    verdict = judge(data)
    assert (verdict.disposition, dict(verdict.reasons)) == ("REJECTED", {reason: 12_001})
    assert [problem.rule for problem in verdict.problems] == [reason]
    assert read(data).features.is_empty()


@pytest.mark.parametrize("line", ["", ",", '"', ",,,,,"])
def test_a_hundred_thousand_nearly_empty_lines_are_rejected_before_they_cost_memory(
    line: str, judge: Judge
) -> None:
    verdict = judge(file_of(good_rows("ward", 10)) + (line + "\n").encode() * 100_000)
    assert (verdict.disposition, verdict.problems[0].rule) == ("REJECTED", FileRule.MOSTLY_EMPTY)


@pytest.mark.parametrize(("lines", "rejected"), [(49_999, False), (50_000, False), (50_001, True)])
def test_so_many_lines_are_always_read(lines: int, rejected: bool, read: Read) -> None:  # noqa: FBT001 (pytest passes it by name)
    chunk = read(HEADERS["ward"].encode() + b"\n" + b",\n" * lines)
    assert ("mostly_empty_lines" in chunk.counts.reasons) == rejected
    assert chunk.counts.quarantined == lines


def test_a_long_line_costs_its_row_wherever_it_is_and_little_of_it_is_kept(judge: Judge, read: Read) -> None:
    rows = good_rows("ward", 12_000)
    for cell in ("x" * 2**20, '"' + "a,b" * 2**18 + '"'):
        data = file_of([*rows[:11_000], {**rows[11_000], "unit": cell}, *rows[11_001:]])
        verdict = judge(data)
        assert (verdict.disposition, dict(verdict.reasons)) == ("PARTIAL", {"line_too_long": 1})
        assert len(read(data).quarantine["raw"][0]) == 2000


@pytest.mark.parametrize(
    ("length", "reason"),
    [
        (LONGEST_LINE - 1, "cell_too_long"),
        (LONGEST_LINE, "cell_too_long"),
        (LONGEST_LINE + 1, "line_too_long"),
    ],
)
def test_a_line_may_be_as_long_as_its_limit(length: int, reason: str, read: Read) -> None:
    chunk = read(file_of(good_rows("ward", 3)) + b"x" * length + b"\n")
    assert dict(chunk.counts.reasons) == {reason: 1}


def test_an_outcomes_file_of_empty_rows_only_has_no_rows(judge: Judge) -> None:
    assert judge(b"id,label,date\nid,label,date\n", purpose="outcomes").problems[0].rule is FileRule.NO_ROWS


def test_inference_drops_the_outcome_and_needs_none(read: Read) -> None:
    chunk = read(file_of(good_rows("ward", 5)), purpose="inference")
    assert {"label", "sepsis"}.isdisjoint(chunk.features.columns)
    assert chunk.profile is not None
    assert chunk.profile.label is None
    assert chunk.counts.labelled == 0


def test_a_training_chunk_counts_its_labels_and_profiles_its_rows(read: Read) -> None:
    rows = good_rows("clinic", 6)
    for row, grade in zip(rows, "001122", strict=True):
        row["grade"] = grade
    chunk = read(file_of(rows), "clinic")
    assert chunk.profile is not None
    assert chunk.profile.label == {0: 2, 1: 4}
    assert (chunk.profile.rows, chunk.counts.labelled) == (6, 6)
    assert chunk.profile.columns["stage"].counts == (0, 0, 6)
    assert chunk.profile.groups == {"age_band": {"under_65": 6}}


def test_outcomes_find_the_record_ids_of_the_patients(read: Read) -> None:
    patients = read(file_of(good_rows("ward", 3)), purpose="inference")
    outcomes = read(
        b"id,label,date\n100,1,2024-05-01\n101,0,2024-05-02\n\n,1,2024-05-01\n102,0,01.05.2024\n",
        purpose="outcomes",
    )
    assert outcomes.features["record_id"].to_list() == patients.features["record_id"].to_list()[:2]
    assert outcomes.features["label"].to_list() == [1, 0]
    assert dict(outcomes.counts.reasons) == {"id_blank:id": 1, "not_a_date:date": 1}


@pytest.mark.parametrize(
    ("date", "reason"),
    [
        *(("1990-01-01", None), ("2024-02-29", None), (" 2024-02-29 ", None), ("2026-03-02", None)),
        *(("1900-01-01", "date_before_1990:date"), ("1989-12-31", "date_before_1990:date")),
        *(("2026-03-03", "date_in_future:date"), ("2099-01-01", "date_in_future:date")),
        *(("2023-02-29", "not_a_date:date"), ("2024-2-9", "not_a_date:date")),
    ],
)
def test_an_outcome_is_of_a_day_from_1990_to_the_day_after_the_arrival(date: str, reason: str | None) -> None:
    arrived_on = dt.date(2026, 3, 1)
    verdict = check_file(f"id,label,date\n100,1,{date}\n".encode(), named("ward"), "outcomes", arrived_on)
    assert [name for name in verdict.reasons if name != "set_aside_with_file"] == ([reason] if reason else [])
    assert verdict.rows_accepted == (reason is None)


@pytest.mark.parametrize(("cell", "replaces"), [("yes", True), ("no", False), ("", False)])
def test_an_outcome_may_say_that_it_replaces_earlier_ones(cell: str, replaces: bool, read: Read) -> None:  # noqa: FBT001 (pytest passes it by name)
    outcomes = read(f"id,label,date,replaces\n100,1,2024-05-01,{cell}\n".encode(), purpose="outcomes")
    assert outcomes.features["replaces"].to_list() == [replaces]


def test_what_an_outcome_replaces_is_said_with_yes_or_no(read: Read) -> None:
    outcomes = read(b"id,label,date,replaces\n100,1,2024-05-01,maybe\n", purpose="outcomes")
    assert dict(outcomes.counts.reasons) == {"replaces_unclear:replaces": 1}
    assert not read(b"id,label,date\n100,1,2024-05-01\n", purpose="outcomes").features["replaces"].any()


def test_outcomes_of_a_use_case_without_ids_name_record_ids(read: Read) -> None:
    patients = read(file_of(good_rows("clinic", 2)), "clinic", "inference")
    first = patients.vault["source_id"][0]
    outcomes = read(f"id,label,date\n{first},1,2024-05-01\nwho,1,2024-05-01\n".encode(), "clinic", "outcomes")
    assert outcomes.features["record_id"].to_list() == [first]
    assert dict(outcomes.counts.reasons) == {"id_malformed:id": 1}


def test_equal_patients_without_ids_are_numbered_and_spelling_does_not_matter(read: Read) -> None:
    rows = good_rows("clinic", 3)
    first = read(file_of([rows[0], rows[0], rows[1]]), "clinic").features["record_id"].to_list()
    again = [{**rows[0], "age": "20.0", "grade": "2"}, rows[0], rows[1]]
    assert len(set(first)) == 3
    assert read(file_of(again), "clinic").features["record_id"].to_list() == first


def test_the_counts_of_chunks_add_up_to_the_counts_of_the_file(read: Read) -> None:
    rows = good_rows("ward", 40)
    rows[30]["age"] = rows[3]["age"] = "x"
    counts = read(file_of(rows)).counts
    assert decide(add_counts([counts]), WARD) == decide(counts, WARD)
    assert dict(counts.first_rows) == {"not_a_number:age": (5, 32)}
    assert TypeAdapter(RowCounts).validate_python(asdict(counts)) == counts


@pytest.mark.parametrize(
    ("rows", "accepted", "quarantined", "reasons"),
    [(3, 2, 0, {}), (3, 2, 1, {}), (3, 2, 1, {"short_row": 2}), (2, 2, 1, {"short_row": 1})],
)
def test_counts_that_do_not_add_up_are_refused(
    rows: int, accepted: int, quarantined: int, reasons: dict[str, int]
) -> None:
    with pytest.raises(CountsDisagree):
        RowCounts(rows, accepted, quarantined, reasons=reasons)


def test_a_use_case_without_ids_never_quarantines_a_duplicate(judge: Judge) -> None:
    rows = good_rows("clinic", 2) * 5
    assert judge(file_of(rows), CLINIC.name).disposition == "ACCEPTED"
