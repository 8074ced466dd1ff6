"""A header that differs is answered by how it differs, and nothing of its text is repeated."""

from __future__ import annotations

import pytest

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.rules import FileRule
from clinrisk.core.ingest.sentences.rule_sentences import explain

from .conftest import Judge, file_of, good_rows
from .small_use_cases import WARD

HEADER, *ROWS = file_of(good_rows("ward", 4)).decode().splitlines()


def _file(header: str, rows: list[str]) -> bytes:
    return ("\n".join([header, *rows]) + "\n").encode()


MADE = {
    "capitals": (_file(HEADER.upper(), ROWS), FileRule.COLUMNS_MISSPELT, "case, age, lactate, unit"),
    "hyphens": (_file(HEADER.replace("lactate", "Lac-Tate"), ROWS), FileRule.COLUMNS_MISSPELT, "lactate"),
    "single quotes": (_file(HEADER.replace("age", "'age'"), ROWS), FileRule.COLUMNS_MISSPELT, "age"),
    "a letter less": (_file(HEADER.replace("lactate", "lactat"), ROWS), FileRule.COLUMNS_MISSPELT, "lactate"),
    "semicolons": (
        _file(HEADER.replace(",", ";").title(), [row.replace(",", ";").replace(".", ",") for row in ROWS]),
        FileRule.DELIMITER,
        "semicolons, numbers have decimal commas, names differ in capitals",
    ),
    "a title": (_file("Report of Ward Anna\n\n" + HEADER, ROWS), FileRule.HEADER_BELOW, "row 3"),
    "a title of two lines in one cell": (
        _file('"Report\nof Ward Anna"\n' + HEADER, ROWS),
        FileRule.HEADER_BELOW,
        "row 2",
    ),
    "a title above semicolons": (
        _file("Report\n" + HEADER.replace(",", ";"), [row.replace(",", ";") for row in ROWS]),
        FileRule.HEADER_BELOW,
        "row 2",
    ),
    "row names": (
        _file(HEADER, [f'"{n}",{row}' for n, row in enumerate(ROWS)]),
        FileRule.ONE_CELL_MORE,
        "row names in front",
    ),
    "a comma at each end": (_file(HEADER, [row + "," for row in ROWS]), FileRule.ONE_CELL_MORE, "at the end"),
    "an index column": (
        _file("," + HEADER, [f"{n},{row}" for n, row in enumerate(ROWS)]),
        FileRule.COLUMN_UNNAMED,
        "position 1",
    ),
    "lines in quotes": (_file(f'"{HEADER}"', [f'"{row}"' for row in ROWS]), FileRule.LINES_QUOTED, "outer"),
    "another column": (
        _file(HEADER + ",Anna Example", [row + ",1" for row in ROWS]),
        FileRule.COLUMNS_UNKNOWN,
        "position 7",
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_a_difference_is_named_as_what_it_is(name: str, judge: Judge) -> None:
    data, rule, shown = MADE[name]
    verdict = judge(data)
    assert verdict.disposition == "REJECTED"
    assert [problem.rule for problem in verdict.problems] == [rule]
    [sentence] = explain(verdict, WARD)
    assert shown in sentence
    assert "Anna" not in sentence
    assert ("emove" in sentence) <= (rule is not FileRule.COLUMNS_MISSPELT)


@pytest.mark.parametrize("header", [HEADER.replace(",", " , "), HEADER.replace(",", ",\t"), f" {HEADER} "])
def test_blanks_around_names_do_no_harm(header: str) -> None:
    assert check_file(_file(header, ROWS), WARD, "training").disposition == "ACCEPTED"


@pytest.mark.parametrize(("end", "said"), [("\n", False), ("", True), ("\r\n", False)])
def test_a_last_line_without_an_end_is_remarked_on(end: str, said: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    verdict = check_file(("\n".join([HEADER, *ROWS]) + end).encode(), WARD, "training")
    assert verdict.disposition == "ACCEPTED"
    assert any("no line end" in sentence for sentence in explain(verdict, WARD)) == said


def test_one_row_with_a_cell_more_is_a_row_and_no_header() -> None:
    verdict = check_file(_file(HEADER, [ROWS[0] + ",", *ROWS[1:]]), WARD, "training")
    assert verdict.reasons == {"long_row": 1}
