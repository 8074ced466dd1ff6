"""One invalid cell costs one row, is named, and never becomes a number."""

from __future__ import annotations

import pytest

from clinrisk.core.ingest.cells import LONGEST_CELL
from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW
from clinrisk.use_cases.columns import MISSING_MARKERS

from .conftest import Judge, Read, Spoil, file_of, good_rows, named
from .small_use_cases import GOOD, HEADERS

ROW_RULES = [
    ("ward", {"age": "1_0"}, "not_a_number:age"),
    ("ward", {"age": "-9"}, "likely_missing_marker:age"),
    ("ward", {"age": " 999.0"}, "likely_missing_marker:age"),
    ("ward", {"unit": "-9.0"}, "likely_missing_marker:unit"),
    ("ward", {"ventilated": "-9"}, "likely_missing_marker:ventilated"),
    ("ward", {"age": "inf"}, "not_a_number:age"),
    ("ward", {"age": "-Infinity"}, "formula:age"),
    ("ward", {"age": "1e400"}, "not_a_number:age"),
    ("ward", {"age": "0x1F"}, "not_a_number:age"),
    ("ward", {"age": "\uff15\uff15"}, "unexpected_characters:age"),
    ("ward", {"age": "\u0665\u0665"}, "unexpected_characters:age"),
    ("ward", {"age": "55\u200b"}, "unexpected_characters:age"),
    ("ward", {"age": "\xa055"}, "unexpected_characters:age"),
    ("ward", {"age": "55\x07"}, "unexpected_characters:age"),
    ("ward", {"age": "5\r5"}, "unexpected_characters:age"),
    ("ward", {"age": '"55,5"'}, "decimal_comma:age"),
    ("ward", {"age": "55,5"}, "long_row"),
    ("ward", {"age": "=1+54"}, "formula:age"),
    ("ward", {"age": "@SUM(A1)"}, "formula:age"),
    ("ward", {"age": "+cmd|' /C calc'!A0"}, "formula:age"),
    ("ward", {"age": "-0.01"}, "out_of_range:age"),
    ("ward", {"age": "120.01"}, "out_of_range:age"),
    ("ward", {"age": "9" * LONGEST_CELL}, "out_of_range:age"),
    ("ward", {"age": "fifty"}, "not_a_number:age"),
    ("ward", {"age": "67 years"}, "not_a_number:age"),
    ("ward", {"unit": "Medicine"}, "unknown_code:unit"),
    ("ward", {"unit": "medi\u0441ine"}, "unexpected_characters:unit"),
    ("ward", {"unit": "medicine\u202e"}, "unexpected_characters:unit"),
    ("ward", {"unit": "unit"}, "unknown_code:unit"),
    ("ward", {"ventilated": "2"}, "unknown_code:ventilated"),
    ("ward", {"ventilated": "0.5"}, "unknown_code:ventilated"),
    ("ward", {"ventilated": "nan 1"}, "unknown_code:ventilated"),
    ("ward", {"sepsis": ""}, "label_missing:sepsis"),
    ("ward", {"sepsis": "N/A"}, "label_missing:sepsis"),
    ("ward", {"sepsis": "yes"}, "unknown_label:sepsis"),
    ("ward", {"sepsis": "2"}, "unknown_label:sepsis"),
    ("ward", {"case": ""}, "id_blank:case"),
    ("ward", {"case": "  "}, "id_blank:case"),
    ("ward", {"case": "NULL"}, "id_blank:case"),
    ("ward", {"case": "nan"}, "id_blank:case"),
    ("ward", {"case": "=1+1"}, "formula:case"),
    ("ward", {"case": "+7"}, "formula:case"),
    ("ward", {"case": "\uff19\uff10"}, "unexpected_characters:case"),
    ("ward", {"case": ".7"}, "id_malformed:case"),
    ("ward", {"case": "7."}, "id_malformed:case"),
    ("ward", {"case": "101"}, "id_conflicting:case"),
    ("ward", {"sepsis": '1"'}, "unbalanced_quotes"),
    ("ward", {"unit": '"medi\ncine"'}, "line_break_in_cell"),
    ("clinic", {"vessels": "1.5"}, "not_whole:vessels"),
    ("clinic", {"vessels": "5"}, "out_of_range:vessels"),
    ("clinic", {"stage": "4"}, "unknown_code:stage"),
    ("clinic", {"grade": "5"}, "unknown_label:grade"),
]


@pytest.mark.parametrize(("use_case", "cells", "reason"), ROW_RULES, ids=repr)
def test_an_invalid_cell_quarantines_its_row_under_its_rule(  # noqa: PLR0917  # three facts, three fixtures
    use_case: str, cells: dict[str, str], reason: str, judge: Judge, read: Read, spoilt: Spoil
) -> None:
    data = spoilt(use_case, **cells)
    verdict = judge(data, use_case)
    assert verdict.disposition == "PARTIAL"
    expected = 2 if reason.startswith("id_conflicting") else 1
    assert dict(verdict.reasons) == {reason: expected}
    assert (verdict.rows_accepted, verdict.rows_quarantined) == (10 - expected, expected)
    chunk = read(data, use_case)
    assert 4 in chunk.quarantine["row"].to_list()
    assert 4 not in chunk.features["row"].to_list()
    assert verdict.first_rows[reason][-1] == 4


LENGTHS = [
    ("age", "5" + " " * (LONGEST_CELL - 1) + "x", "cell_too_long:age"),
    ("age", "5" + " " * (LONGEST_CELL - 2) + "x", "not_a_number:age"),
    ("unit", "x" * (LONGEST_CELL - 1), "unknown_code:unit"),
    ("unit", "x" * LONGEST_CELL, "unknown_code:unit"),
    ("unit", "x" * (LONGEST_CELL + 1), "cell_too_long:unit"),
    ("case", "a" * 63, None),
    ("case", "a" * 64, None),
    ("case", "a" * 65, "id_malformed:case"),
]


@pytest.mark.parametrize(("column", "cell", "reason"), LENGTHS)
def test_a_cell_may_be_as_long_as_its_limit(  # three facts, two fixtures
    column: str, cell: str, reason: str | None, judge: Judge, spoilt: Spoil
) -> None:
    assert dict(judge(spoilt(**{column: cell})).reasons) == ({} if reason is None else {reason: 1})


@pytest.mark.parametrize("quoted", [False, True])
def test_a_row_may_be_as_long_as_its_limit(quoted: bool, judge: Judge) -> None:  # noqa: FBT001 (pytest passes it by name)
    rest = GOOD["ward"].partition("medicine")[2]
    for length, reason in ((-1, "cell_too_long:unit"), (0, "cell_too_long:unit"), (1, "cell_too_long")):
        start = '"9999",67,1.5,' if quoted else "9999,67,1.5,"
        row = start + "x" * (LONGEST_ROW + length - len(start) - len(rest)) + rest
        assert len(row) == LONGEST_ROW + length
        verdict = judge(file_of(good_rows("ward", 10)) + row.encode() + b"\n")
        assert dict(verdict.reasons) == {reason: 1}


MISSING = [
    ("ward", "lactate", "N/A"),
    ("ward", "lactate", ""),
    ("ward", "lactate", "?"),
    ("ward", "lactate", " N/A "),
    *(("ward", column, marker) for marker in MISSING_MARKERS for column in ("age", "unit", "ventilated")),
    ("ward", "age", "n/A"),
    ("ward", "unit", " null\t"),
    ("ward", "ventilated", "NONE"),
    ("clinic", "vessels", "?"),
    ("clinic", "vessels", "4"),
    ("clinic", "vessels", "4.0"),
    ("clinic", "stage", "0"),
    ("clinic", "stage", "0.0"),
    ("clinic", "stage", "?"),
]


@pytest.mark.parametrize(("use_case", "column", "cell"), MISSING)
def test_missing_is_null_and_never_a_number_or_a_code(  # noqa: PLR0917  # three facts, three fixtures
    use_case: str, column: str, cell: str, judge: Judge, read: Read, spoilt: Spoil
) -> None:
    data = spoilt(use_case, **{column: cell})
    verdict = judge(data, use_case)
    assert (verdict.disposition, dict(verdict.missing)) == ("ACCEPTED", {column: 1})
    row = read(data, use_case).features.row(2, named=True)
    inputs = [feature for feature in named(use_case).features if feature.column == column]
    assert {row[feature.name] for feature in inputs if feature.kind != "missing"} == {None}
    assert all(row[feature.name] is True for feature in inputs if feature.kind == "missing")


def test_a_patient_without_the_column_of_an_attribute_is_in_no_group(read: Read, spoilt: Spoil) -> None:
    row = read(spoilt(age="?", unit="?")).features.row(2, named=True)
    assert (row["group_age_band"], row["group_unit"]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("age", "group"), [("64.99", "under_65"), ("65", "over_65"), ("65.01", "over_65"), ("0", "under_65")]
)
def test_a_group_of_numbers_holds_its_lower_end_and_not_its_upper(
    age: str, group: str, read: Read, spoilt: Spoil
) -> None:
    assert read(spoilt(age=age)).features["group_age_band"][2] == group


ACCEPTED = [
    ("ward", {"age": "0"}, {"age": 0.0}),
    ("ward", {"age": "0.08"}, {"age": 0.08}),
    ("ward", {"age": "120"}, {"age": 120.0}),
    ("ward", {"age": " 67 "}, {"age": 67.0}),
    ("ward", {"age": "6.7e1"}, {"age": 67.0}),
    ("ward", {"age": '"67"'}, {"age": 67.0}),
    ("ward", {"unit": "icu"}, {"unit_icu": True, "unit_medicine": False, "group_unit": "icu"}),
    ("ward", {"unit": '"icu"'}, {"unit_icu": True}),
    ("ward", {"unit": " icu\t"}, {"unit_icu": True}),
    ("ward", {"ventilated": "1.0"}, {"ventilated": True}),
    ("ward", {"lactate": "30"}, {"lactate": 30.0, "lactate_missing": False}),
    ("clinic", {"vessels": "-1"}, {"vessels": -1.0}),
    ("clinic", {"vessels": "3.0"}, {"vessels": 3.0}),
    ("clinic", {"stage": "2.0"}, {"stage_2": True, "stage_3": False}),
    ("clinic", {"grade": "2"}, {"label": 1}),
    ("clinic", {"grade": "0"}, {"label": 0}),
]


@pytest.mark.parametrize(("use_case", "cells", "features"), ACCEPTED, ids=repr)
def test_an_unusual_but_valid_cell_is_used(
    use_case: str, cells: dict[str, str], features: dict[str, object], read: Read, spoilt: Spoil
) -> None:
    chunk = read(spoilt(use_case, **cells), use_case)
    assert chunk.counts.accepted == 10
    row = chunk.features.row(2, named=True)
    assert {name: row[name] for name in features} == features


def test_the_hospital_s_own_id_is_in_the_vault_alone(read: Read, spoilt: Spoil) -> None:
    chunk = read(spoilt(case=" MRN/12-34 a "))
    assert chunk.vault["source_id"][2] == "MRN/12-34 a"
    assert not any("MRN" in str(cell) for row in chunk.features.iter_rows() for cell in row)


def test_minus_nought_is_nought(read: Read, spoilt: Spoil) -> None:
    for use_case, column in (("ward", "age"), ("clinic", "vessels")):
        assert str(read(spoilt(use_case, **{column: "-0"}), use_case).features[column][2]) == "0.0"
    first, second = (
        read(spoilt("clinic", vessels=text), "clinic").features["record_id"] for text in ("0", "-0.0")
    )
    assert first.to_list() == second.to_list()


def test_rows_that_are_short_or_empty_or_repeat_the_header_are_named(judge: Judge) -> None:
    rows = [",".join(row.values()) for row in good_rows("ward", 10)]
    rows[1] = HEADERS["ward"]
    rows[3] = "9999,67"
    rows[5] = ",,,,,"
    verdict = judge("\n".join([HEADERS["ward"], *rows, ""]).encode())
    assert dict(verdict.reasons) == {"repeated_header": 1, "short_row": 1, "empty_row": 1}
    assert dict(verdict.first_rows) == {"repeated_header": (3,), "short_row": (5,), "empty_row": (7,)}


def test_a_repeated_row_is_used_once(judge: Judge) -> None:
    rows = good_rows("ward", 10)
    verdict = judge(file_of([*rows, rows[4]]))
    assert dict(verdict.reasons) == {"id_repeated:case": 1}
    assert verdict.first_rows["id_repeated:case"] == (12,)


def test_blank_lines_are_no_rows_but_keep_their_numbers(read: Read) -> None:
    rows = [",".join(row.values()) for row in good_rows("ward", 3)]
    chunk = read("\r\n".join([HEADERS["ward"], rows[0], "", "  ", rows[1], rows[2], "", ""]).encode())
    assert chunk.features["row"].to_list() == [2, 5, 6]
    assert chunk.counts.rows == 3


def test_every_rule_that_a_row_violates_is_in_the_quarantine(read: Read, spoilt: Spoil) -> None:
    row = read(spoilt(age="old", lactate="1000", unit="x")).quarantine.row(0, named=True)
    assert (row["rule"], row["column"]) == ("not_a_number", "age")
    assert row["also"] == "out_of_range:lactate; unknown_code:unit"
    assert "old" in row["raw"]


def test_a_quoted_cell_may_hold_the_delimiter_without_harm_to_others(judge: Judge, spoilt: Spoil) -> None:
    verdict = judge(spoilt(unit='"medicine, retired"'))
    assert dict(verdict.reasons) == {"unknown_code:unit": 1}


def test_a_stray_quote_costs_one_row_and_not_the_rest_of_the_file(judge: Judge, spoilt: Spoil) -> None:
    verdict = judge(spoilt(unit='"medicine'))
    assert (verdict.rows_accepted, verdict.rows_quarantined) == (9, 1)


@pytest.mark.parametrize("bad", [19, 20, 21])
def test_a_reason_names_its_first_twenty_rows(bad: int, judge: Judge) -> None:
    rows = [{**row, "age": "x"} for row in good_rows("ward", bad)]
    verdict = judge(file_of([*good_rows("ward", 60)[bad:], *rows]))
    first = verdict.first_rows["not_a_number:age"]
    assert first == tuple(range(62 - bad, 62))[:20]
