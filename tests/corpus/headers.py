"""Files whose first line is not the agreed header."""

from __future__ import annotations

from tests.corpus.cases import HEART, STROKE, Case, good, heart_rows, lines, stroke_rows, text

_REVERSED = STROKE[::-1]


def _header(name: str, header: str, reasons: dict[str, int], more: str = "") -> Case:
    body = [line + more for line in lines(stroke_rows(name))]
    return Case(name, text(body, header), "REJECTED", reasons=reasons)


def _separated(name: str, delimiter: bytes) -> Case:
    return Case(name, good(name).replace(b",", delimiter), "REJECTED", reasons={"wrong_delimiter": 1})


_PLAIN = ",".join(STROKE)
_MISSPELT = {"columns_misspelt:age": 1}
_LACKS_AGE = {"columns_missing:age": 1, "columns_unknown": 1}
HEADERS: tuple[Case, ...] = (
    _separated("semicolons", b";"),
    _separated("tabs", b"\t"),
    _separated("bars", b"|"),
    Case("columns-in-another-order", text(lines(stroke_rows("order"), _REVERSED), _REVERSED), "ACCEPTED", 40),
    _header("a-column-twice", _PLAIN + ",age", {"columns_repeated:age": 1}, ",50"),
    _header("a-column-that-names-people", _PLAIN + ",surname", {"columns_unknown": 1}, ",Example"),
    _header("a-column-without-a-name", "," + _PLAIN, {"column_without_name": 1}),
    _header(
        "another-spelling",
        _PLAIN.replace("age,", "Age,", 1),
        _MISSPELT,
    ),
    _header("a-look-alike-in-the-header", _PLAIN.replace("age,", "\u0430ge,", 1), _MISSPELT),
    _header("an-invisible-character-in-the-header", _PLAIN.replace("age,", "a\u200bge,", 1), _MISSPELT),
    _header("a-formula-in-the-header", _PLAIN.replace("age,", "=1+1,", 1), _LACKS_AGE),
    _header("a-column-short", _PLAIN.replace("age,", "", 1), {"columns_missing:age": 1}),
    _header("no-outcome", _PLAIN.removesuffix(",stroke"), {"label_column_missing:stroke": 1}),
    Case("no-header", text(lines(stroke_rows("none")[1:]), lines(stroke_rows("none"))[0]), "REJECTED"),
    Case("only-a-header", text([]), "REJECTED", reasons={"no_rows": 1}),
    Case(
        "the-other-use-case",
        text(lines(heart_rows("other"), HEART), HEART),
        "REJECTED",
        reasons={"header_of_other_use_case": 1},
    ),
    Case(
        "outcomes-among-the-patients",
        text(["1,0,2024-01-01"], "id,label,date"),
        "REJECTED",
        reasons={"header_of_other_use_case": 1},
    ),
    Case(
        "patients-among-the-outcomes",
        good("among"),
        "REJECTED",
        reasons={"header_of_other_use_case": 1},
        purpose="outcomes",
    ),
)
