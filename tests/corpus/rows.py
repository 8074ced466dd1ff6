"""Files with rows that must not pass and rows that must."""

from __future__ import annotations

from tests.corpus.cases import (
    HEART,
    STROKE,
    Case,
    cell,
    changed,
    good,
    heart_cell,
    heart_rows,
    lines,
    stroke_rows,
    text,
)

_ALL = range(40)


def _bad(name: str, reason: str, **cells: str) -> Case:
    return Case(name, cell(name, **cells), "PARTIAL", 39, 1, {reason: 1})


def _fine(name: str, **cells: str) -> Case:
    return Case(name, cell(name, **cells), "ACCEPTED", 40)


def _heart(name: str, reason: str, **cells: str) -> Case:
    fate = ("PARTIAL", 39, 1, {reason: 1}) if reason else ("ACCEPTED", 40, 0, {})
    return Case(name, heart_cell(name, **cells), *fate, use_case="heart")


def _more(name: str, reason: str, *added: str) -> Case:
    """Make a case of good rows with one bad row, in one line or several, behind the tenth."""
    body = lines(stroke_rows(name))
    return Case(name, text([*body[:10], *added, *body[10:]]), "PARTIAL", 40, 1, {reason: 1})


def _in_another_unit(name: str, column: str, factor: float, reason: str) -> Case:
    """Make a case in which a column is in another unit."""
    data = changed(name, lambda row: row | {column: f"{float(row[column]) * factor:.2f}"}, _ALL)
    return Case(name, data, "REJECTED", 0, 40, {reason: 40})


_ROW = lines([stroke_rows("row", 1)[0] | {"id": "{}", "gender": "Male"}])[0]
_AGAIN = stroke_rows("again")
_OTHER_AGE = _AGAIN[0] | {"age": "19"}
ROWS: tuple[Case, ...] = (
    Case("nothing-wrong", good("right"), "ACCEPTED", 40, 0, {}),
    # More than 1 MB, which is where training rows take the other way into the Feature Store.
    Case("many-rows", good("many", 20_000), "ACCEPTED", 20_000, 0, {}),
    *(_bad(f"age-is-{n}", "not_a_number:age", age=value) for n, value in enumerate(
        ("1_0", "inf", "Infinity", "1e999", "0x20", "5 5", "55y", "1.2.3", "'55")
    )),
    _bad("full-width-digits", "unexpected_characters:age", age="\uff15\uff15"),
    _bad("arabic-digits", "unexpected_characters:age", age="\u0665\u0665"),
    _bad("minus-look-alike", "unexpected_characters:age", age="\u221255"),
    _bad("no-break-space", "unexpected_characters:age", age="\u00a055"),
    _bad("decimal-comma", "decimal_comma:bmi", bmi='"25,5"'),
    _bad("decimal-comma-unquoted", "long_row", bmi="25,5"),
    _bad("too-old", "out_of_range:age", age="130"),
    _bad("negative", "out_of_range:age", age="-1"),
    _bad("formula", "formula:gender", gender="=HYPERLINK(1)"),
    _bad("formula-at", "formula:gender", gender="@SUM(1)"),
    _bad("formula-in-the-id", "formula:id", id="=1+1"),
    _bad("homoglyph", "unexpected_characters:gender", gender="M\u0430le"),
    _bad("invisible", "unexpected_characters:gender", gender="Ma\u200ble"),
    _bad("right-to-left", "unexpected_characters:gender", gender="\u202eMale"),
    _bad("unknown-code", "unknown_code:gender", gender="male"),
    _bad("markup", "unknown_code:gender", gender="<b>Male</b>"),
    _bad("half-a-code", "unknown_code:hypertension", hypertension="0.5"),
    _bad("no-outcome-in-a-row", "label_missing:stroke", stroke=""),
    _bad("unknown-outcome", "unknown_label:stroke", stroke="2"),
    _bad("blank-id", "id_blank:id", id=" "),
    _bad("an-id-that-says-missing", "id_blank:id", id="N/A"),
    _bad("an-id-that-climbs", "id_malformed:id", id="../7"),
    _bad("a-cell-of-300-characters", "cell_too_long:gender", gender="M" * 300),
    _fine("blanks-around", age=" 55\t"),
    _fine("one-as-a-decimal", hypertension="1.0"),
    *(_fine(f"missing-{n}", bmi=text) for n, text in enumerate(("", "?", "N/A", "NA", ".", "null", "nan"))),
    _bad("a-number-that-often-means-missing", "likely_missing_marker:bmi", bmi="-9"),
    _bad("training-without-what-is-essential", "essential_missing:age", age="NA"),
    *(_heart(f"heart-{n}", reason, **cells) for n, (reason, cells) in enumerate((
        ("", {"chol": "0"}),
        ("", {"trestbps": "0"}),
        ("", {"ca": "4"}),
        ("", {"thal": "0"}),
        ("not_whole:ca", {"ca": "1.5"}),
        ("unknown_code:thal", {"thal": "4"}),
        ("", {"oldpeak": "-2.6"}),
        ("label_missing:num", {"num": "-9"}),
    ))),
    Case("heart-twice", text(lines(heart_rows("twice") * 2, HEART), HEART), "ACCEPTED", 80, use_case="heart"),
    Case("the-same-row-again", text(lines([*_AGAIN, _AGAIN[0]])), "PARTIAL", 40, 1, {"id_repeated:id": 1}),
    Case("two-stories", text(lines([*_AGAIN, _OTHER_AGE])), "PARTIAL", 39, 2, {"id_conflicting:id": 2}),
    _more("header-again", "repeated_header", ",".join(STROKE)),
    _more("file-behind-file", "repeated_header", "\ufeff" + ",".join(STROKE)),
    _more("short-row", "short_row", "7,Male,50"),
    _more("long-row", "long_row", _ROW.format(7) + ",0"),
    _more("row-of-commas", "empty_row", "," * (len(STROKE) - 1)),
    _more("line-break-in-a-cell", "line_break_in_cell", _ROW.format(7).replace("Male", '"Ma\nle"')),
    _more("two-line-breaks-in-a-cell", "line_break_in_cell", _ROW.format(7).replace("Male", '"M\nal\r\ne"')),
    _more("a-quote-that-never-ends", "unbalanced_quotes", _ROW.format(7).replace("Male", '"Male')),
    _more("a-quote-inside", "unbalanced_quotes", _ROW.format(7).replace("Male", 'Ma"le')),
    _more("a-return-inside", "unexpected_characters:gender", _ROW.format(7).replace("Male", "Ma\rle")),
    _more("a-footer", "short_row", "40 rows selected."),
    _in_another_unit("glucose-in-mmol", "avg_glucose_level", 1 / 18.016, "wrong_unit:avg_glucose_level"),
    _in_another_unit("age-in-months", "age", 12, "wrong_unit:age"),
    Case("more-bad-than-good", changed("share", lambda row: row | {"age": "x"}, range(21)), "REJECTED", 0, 40,
         {"not_a_number:age": 21, "set_aside_with_file": 19}),
    Case("half-of-it-bad", changed("half", lambda row: row | {"age": "x"}, range(20)), "HELD", 20, 20),
    Case("some-of-it-bad", changed("some", lambda row: row | {"age": "x"}, range(3)), "PARTIAL", 37, 3),
    Case("counted-from-nought", heart_cell("nought", cp="0"), "HELD", 39, 1, {"unknown_code:cp": 1}, "heart"),
    Case("inference-with-outcomes", good("inference"), "ACCEPTED", 40, purpose="inference"),
    Case("inference-without", text(lines(stroke_rows("without"), STROKE[:-1]), STROKE[:-1]), "ACCEPTED", 40,
         purpose="inference"),
    Case("outcomes", text(["1,0,2024-01-31", "2,1,2024-02-29", "3,1,2023-02-29"], "id,label,date"),
         "PARTIAL", 2, 1, {"not_a_date:date": 1}, purpose="outcomes"),
    Case("feedback", text(["1,accepted,,nurse,2024-01-31", "2,overridden,free text,nurse,2024-02-29"],
         "id,response,reason,role,date"),
         "PARTIAL", 1, 1, {"unknown_feedback_code:reason": 1}, purpose="feedback"),
)  # fmt: skip
