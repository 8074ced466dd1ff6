"""One bad cell costs one row, is named, and never becomes a number."""

from __future__ import annotations

import pytest

from clinrisk import use_cases

from .conftest import Judge, Read, Spoil, stroke_rows

ROW_RULES = [
    ("stroke", {"age": "1_0"}, "not_a_number:age"),
    ("stroke", {"age": "nan"}, "not_a_number:age"),
    ("stroke", {"age": "NaN"}, "not_a_number:age"),
    ("stroke", {"age": "inf"}, "not_a_number:age"),
    ("stroke", {"age": "-Infinity"}, "formula:age"),
    ("stroke", {"age": "1e400"}, "not_a_number:age"),
    ("stroke", {"age": "0x1F"}, "not_a_number:age"),
    ("stroke", {"age": "\uff15\uff15"}, "unexpected_characters:age"),
    ("stroke", {"age": "\u0665\u0665"}, "unexpected_characters:age"),
    ("stroke", {"age": "55\u200b"}, "unexpected_characters:age"),
    ("stroke", {"age": "\xa055"}, "unexpected_characters:age"),
    ("stroke", {"age": "55\x07"}, "unexpected_characters:age"),
    ("stroke", {"age": "5\r5"}, "unexpected_characters:age"),
    ("stroke", {"age": '"55,5"'}, "decimal_comma:age"),
    ("stroke", {"age": "55,5"}, "long_row"),
    ("stroke", {"age": "=1+54"}, "formula:age"),
    ("stroke", {"age": "@SUM(A1)"}, "formula:age"),
    ("stroke", {"age": "+cmd|' /C calc'!A0"}, "formula:age"),
    ("stroke", {"age": "-1"}, "out_of_range:age"),
    ("stroke", {"age": "121"}, "out_of_range:age"),
    ("stroke", {"age": "9" * 300}, "out_of_range:age"),
    ("stroke", {"age": "fifty"}, "not_a_number:age"),
    ("stroke", {"age": "67 years"}, "not_a_number:age"),
    ("stroke", {"age": "1" + "0" * 5000}, "cell_too_long"),
    ("stroke", {"gender": "male"}, "unknown_code:gender"),
    ("stroke", {"gender": "M\u0430le"}, "unexpected_characters:gender"),
    ("stroke", {"gender": "Male\u202e"}, "unexpected_characters:gender"),
    ("stroke", {"gender": "gender"}, "unknown_code:gender"),
    ("stroke", {"hypertension": "2"}, "unknown_code:hypertension"),
    ("stroke", {"hypertension": "0.5"}, "unknown_code:hypertension"),
    ("stroke", {"hypertension": "nan"}, "unknown_code:hypertension"),
    ("stroke", {"stroke": ""}, "label_missing:stroke"),
    ("stroke", {"stroke": "N/A"}, "label_missing:stroke"),
    ("stroke", {"stroke": "yes"}, "unknown_label:stroke"),
    ("stroke", {"stroke": "2"}, "unknown_label:stroke"),
    ("stroke", {"id": ""}, "id_blank:id"),
    ("stroke", {"id": "  "}, "id_blank:id"),
    ("stroke", {"id": "NULL"}, "id_blank:id"),
    ("stroke", {"id": "nan"}, "id_blank:id"),
    ("stroke", {"id": "=1+1"}, "formula:id"),
    ("stroke", {"id": "\uff19\uff10\uff14\uff16"}, "unexpected_characters:id"),
    ("stroke", {"id": "a" * 65}, "id_malformed:id"),
    ("stroke", {"id": "101"}, "id_conflicting:id"),
    ("stroke", {"stroke": '1"'}, "unbalanced_quotes"),
    ("stroke", {"gender": '"Ma\nle"'}, "line_break_in_cell"),
    ("heart", {"cp": "0"}, "unknown_code:cp"),
    ("heart", {"cp": "5"}, "unknown_code:cp"),
    ("heart", {"slope": "0"}, "unknown_code:slope"),
    ("heart", {"thal": "1"}, "unknown_code:thal"),
    ("heart", {"ca": "1.5"}, "not_whole:ca"),
    ("heart", {"ca": "5"}, "out_of_range:ca"),
    ("heart", {"num": "5"}, "unknown_label:num"),
    ("heart", {"chol": "6.2"}, "out_of_range:chol"),
]


@pytest.mark.parametrize(("use_case", "cells", "reason"), ROW_RULES, ids=repr)
def test_a_bad_cell_quarantines_its_row_under_its_rule(  # noqa: PLR0917  # three facts, three fixtures
    use_case: str, cells: dict[str, str], reason: str, judge: Judge, read: Read, spoilt: Spoil
) -> None:
    data = spoilt(use_case, **cells)
    verdict = judge(data, use_case)
    assert verdict.disposition == "PARTIAL"
    expected = 2 if reason.startswith("id_conflicting") else 1
    assert dict(verdict.reasons) == {reason: expected}
    assert (verdict.rows_accepted, verdict.rows_quarantined) == (10 - expected, expected)
    chunk = read(data, use_case)
    assert 3 in chunk.quarantine["row"].to_list()
    assert 3 not in chunk.features["row"].to_list()
    assert verdict.first_rows[reason][-1] == 3


MISSING = [
    ("stroke", "bmi", "N/A"),
    ("stroke", "bmi", ""),
    ("stroke", "bmi", "?"),
    ("stroke", "bmi", "-9"),
    ("stroke", "bmi", " N/A "),
    ("stroke", "avg_glucose_level", "-9.0"),
    ("stroke", "work_type", "?"),
    ("stroke", "work_type", "-9"),
    ("stroke", "work_type", "-9.0"),
    ("stroke", "hypertension", "-9"),
    ("heart", "chol", "0"),
    ("heart", "chol", "0.0"),
    ("heart", "trestbps", "0"),
    ("heart", "ca", "?"),
    ("heart", "ca", "4"),
    ("heart", "thal", "0"),
    ("heart", "thal", "?"),
    ("heart", "oldpeak", "-9"),
]


@pytest.mark.parametrize(("use_case", "column", "cell"), MISSING)
def test_missing_is_null_and_never_a_number_or_a_code(  # noqa: PLR0917  # three facts, three fixtures
    use_case: str, column: str, cell: str, judge: Judge, read: Read, spoilt: Spoil
) -> None:
    data = spoilt(use_case, **{column: cell})
    verdict = judge(data, use_case)
    assert (verdict.disposition, dict(verdict.missing)) == ("ACCEPTED", {column: 1})
    row = read(data, use_case).features.row(2, named=True)
    made = [
        feature.name
        for feature in use_cases.get(use_case).features
        if feature.column == column and feature.kind != "missing"
    ]
    assert {row[name] for name in made} == {None}
    if column == "bmi":
        assert row["bmi_missing"] == 1


ACCEPTED = [
    ("stroke", {"age": "0.08"}),
    ("stroke", {"age": " 67 "}),
    ("stroke", {"age": "6.7e1"}),
    ("stroke", {"age": '"67"'}),
    ("stroke", {"gender": "Other"}),
    ("stroke", {"gender": '"Male"'}),
    ("stroke", {"hypertension": "1.0"}),
    ("stroke", {"bmi": "97.6"}),
    ("stroke", {"id": "MRN/12-34 a"}),
    ("heart", {"oldpeak": "-2.6"}),
    ("heart", {"sex": "1.0", "cp": "4.0", "thal": "7.0"}),
    ("heart", {"num": "4"}),
]


@pytest.mark.parametrize(("use_case", "cells"), ACCEPTED, ids=repr)
def test_unusual_but_right_cells_are_used(
    use_case: str, cells: dict[str, str], judge: Judge, spoilt: Spoil
) -> None:
    assert judge(spoilt(use_case, **cells), use_case).disposition == "ACCEPTED"


def test_minus_nought_is_nought(read: Read, spoilt: Spoil) -> None:
    for use_case, column in (("stroke", "age"), ("heart", "oldpeak")):
        value = read(spoilt(use_case, **{column: "-0"}), use_case).features[column][2]
        assert str(value) == "0.0"
    first, second = (
        read(spoilt("heart", oldpeak=text), "heart").features["record_id"] for text in ("0", "-0.0")
    )
    assert first.to_list() == second.to_list()


def test_rows_that_are_short_or_empty_or_repeat_the_header_are_named(judge: Judge) -> None:
    header = ",".join(use_cases.get("stroke").header)
    rows = [",".join(row.values()) for row in stroke_rows(10)]
    rows[1] = header
    rows[3] = "9999,Male,67"
    rows[5] = ",,,,,,,,,,,"
    verdict = judge("\n".join([header, *rows, ""]).encode())
    assert dict(verdict.reasons) == {"repeated_header": 1, "short_row": 1, "empty_row": 1}
    assert dict(verdict.first_rows) == {"repeated_header": (2,), "short_row": (4,), "empty_row": (6,)}


def test_a_repeated_row_is_used_once(judge: Judge) -> None:
    header = ",".join(use_cases.get("stroke").header)
    rows = [",".join(row.values()) for row in stroke_rows(10)]
    verdict = judge("\n".join([header, *rows, rows[4]]).encode())
    assert dict(verdict.reasons) == {"id_repeated:id": 1}
    assert verdict.first_rows["id_repeated:id"] == (11,)


def test_blank_lines_are_no_rows_but_keep_their_numbers(read: Read) -> None:
    header = ",".join(use_cases.get("stroke").header)
    rows = [",".join(row.values()) for row in stroke_rows(3)]
    chunk = read("\r\n".join([header, rows[0], "", "  ", rows[1], rows[2], "", ""]).encode())
    assert chunk.features["row"].to_list() == [1, 4, 5]
    assert chunk.counts.rows == 3


def test_every_rule_that_a_row_breaks_is_in_the_quarantine(read: Read, spoilt: Spoil) -> None:
    row = read(spoilt(age="old", bmi="1000", gender="x")).quarantine.row(0, named=True)
    assert (row["rule"], row["column"]) == ("unknown_code", "gender")
    assert row["also"] == "not_a_number:age; out_of_range:bmi"
    assert "old" in row["raw"]


def test_a_quoted_row_may_hold_the_delimiter_without_hurting_others(judge: Judge, spoilt: Spoil) -> None:
    verdict = judge(spoilt(work_type='"Private, retired"'))
    assert dict(verdict.reasons) == {"unknown_code:work_type": 1}


def test_a_stray_quote_costs_one_row_and_not_the_rest_of_the_file(judge: Judge, spoilt: Spoil) -> None:
    verdict = judge(spoilt(gender='"Male'))
    assert (verdict.rows_accepted, verdict.rows_quarantined) == (9, 1)
