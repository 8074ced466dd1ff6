"""Rules in words: what was wrong, and what to do about it; never a value. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.rules import FileRule, Problem, RowRule
from clinrisk.core.ingest.verdict import SET_ASIDE
from clinrisk.use_cases.base import Code, Number

if TYPE_CHECKING:
    from clinrisk.core.ingest.verdict import FileVerdict
    from clinrisk.use_cases.base import UseCase

# {columns} are column names, {detail} a fact that is safe anywhere.
_FILES: dict[FileRule, str] = {
    FileRule.KEY_SHAPE: (
        "The file does not lie where files are expected. Put it into inbox/<use case>/<purpose>/, without"
        " further folders."
    ),
    FileRule.KEY_CHARACTERS: (
        "The file's name holds control, invisible, markup or formula characters. Rename it with letters, "
        "digits, hyphens and underscores, and send it again."
    ),
    FileRule.KEY_TOO_LONG: "The file's name is too long. Give it a shorter one and send it again.",
    FileRule.UNKNOWN_USE_CASE: "The folder names no known use case. `clinrisk use-cases` lists them.",
    FileRule.UNKNOWN_PURPOSE: "The folder names no known purpose. Use training, inference or outcomes.",
    FileRule.TOO_LARGE: (
        "The file is larger than {detail}. Split it into files of at most that size, each with the header, "
        "and send each of them."
    ),
    FileRule.EMPTY: "The file is empty. Export it again and look whether the export ended.",
    FileRule.COMPRESSED: (
        "The file is {detail}, whatever its name says. Unpack it first and send the CSV in it: nothing is "
        "ever unpacked here."
    ),
    FileRule.SPREADSHEET: (
        "The file is {detail}, whatever its name says. Open it, save the sheet as CSV UTF-8 with commas, and "
        "send that."
    ),
    FileRule.DOCUMENT: (
        "The file is {detail}, not a table. Ask for the data it was made from, exported as CSV (UTF-8, "
        "commas)."
    ),
    FileRule.HTML: (
        "The file is {detail}: often the login or error page of the site that the export came from. Open it "
        "to see, log in there and export again as CSV (UTF-8, commas)."
    ),
    FileRule.XML: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.JSON: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.PICKLE: (
        "The file is {detail}, which could run a program when it is opened, so nobody opens it. Write the "
        "table as CSV (UTF-8, commas) and send that."
    ),
    FileRule.DATA_FILE: "The file is {detail}. Export the table as CSV (UTF-8, commas) and send that.",
    FileRule.NOT_CSV: "The file is not a CSV but {detail}. Export it as CSV (UTF-8, commas) and send that.",
    FileRule.UTF16: (
        "The file is encoded in UTF-16 or UTF-32 (what spreadsheets call Unicode text). Save it as CSV "
        "UTF-8 and send it again."
    ),
    FileRule.NOT_UTF8: "The file is not encoded in UTF-8. Export it as CSV UTF-8 and send it again.",
    FileRule.BINARY: "The file holds bytes that no text has. Export it as CSV UTF-8 and send it again.",
    FileRule.LINE_TOO_LONG: (
        "A line is longer than {detail}. Check that the export puts one patient on each line."
    ),
    FileRule.LINE_ENDS: (
        "The lines end in a way that only old programs use (carriage return alone). Save the file with "
        "Windows or Unix line ends."
    ),
    FileRule.DELIMITER: (
        "The columns are separated by {detail}. Export the file with commas, and with decimal points."
    ),
    FileRule.TOO_MANY_COLUMNS: "The file has more than {detail} columns. Send the agreed columns only.",
    FileRule.HEADER_ABSENT: (
        "The first line looks like data and not like a header. Put the column names in the first line; "
        "`clinrisk convert` does it for the public files."
    ),
    FileRule.HEADER_OF_OTHER: (
        "These are the columns of another kind of file: {detail}. Put the file into the folder where that"
        " one belongs."
    ),
    FileRule.COLUMNS_MISSING: "The header lacks {columns}. Names must match exactly; their order is free.",
    FileRule.COLUMNS_UNKNOWN: (
        "The header has columns that were not agreed ({detail}){columns}. They might name patients: "
        "remove them and send the file again."
    ),
    FileRule.COLUMNS_REPEATED: "The header has {columns} more than once. Keep one of each.",
    FileRule.LABEL_COLUMN_MISSING: (
        "A training file needs the outcome column {columns}. Add it, or send the file for inference."
    ),
    FileRule.MOSTLY_EMPTY: (
        "Nearly all lines are empty or next to it. Check that the export puts one patient on each line."
    ),
    FileRule.NO_ROWS: "The file has a header but no rows. Check the export's filter.",
    FileRule.WRONG_UNIT: (
        "Nearly all numbers in {columns} look like {detail}. Convert the column to the agreed unit{unit} "
        "and send the file again; none of it was used."
    ),
    FileRule.TOO_MANY_BAD_ROWS: (
        "Too many rows cannot be used ({detail}), so nothing of the file was used. Mend what is listed "
        "and send the file again."
    ),
    FileRule.CHECKSUM: "The file's bytes do not have the sha256 that was declared for them. Send it again.",
}

_ROWS: dict[RowRule | str, str] = {
    RowRule.SHORT_ROW: "{n} too few cells. Look for a line break or a missing delimiter.",
    RowRule.LONG_ROW: "{n} too many cells. Look for a comma inside a value (a decimal comma, perhaps).",
    RowRule.QUOTES: "{n} a quotation mark without its partner. Remove it.",
    RowRule.LINE_BREAK: "{n} a line break inside a cell. Remove it.",
    RowRule.REPEATED_HEADER: "{n} nothing but the header again. Remove it.",
    RowRule.EMPTY_ROW: "{n} nothing measured at all. Remove it.",
    RowRule.CELL_TOO_LONG: "{n} far too much text{in_column}. Send measured values and codes only.",
    RowRule.LINE_TOO_LONG: "{n} more text than a file may have in one line. Look for a missing line end.",
    RowRule.CHARACTERS: (
        "{n} characters{in_column} that only look like letters or digits, or that cannot be seen. Type "
        "the value again."
    ),
    RowRule.FORMULA: "{n} a spreadsheet formula{in_column}. Send its value.",
    RowRule.DECIMAL_COMMA: "{n} a decimal comma{in_column}. Use a decimal point.",
    RowRule.NOT_A_NUMBER: (
        "{n} something that is not a number{in_column}. Write plain digits; leave the cell empty when it "
        "was not measured."
    ),
    RowRule.NOT_WHOLE: "{n} a fraction{in_column}, where whole numbers are expected.",
    RowRule.OUT_OF_RANGE: "{n} a value outside {range}{in_column}. Check the value and its unit.",
    RowRule.UNKNOWN_CODE: "{n} an unknown code{in_column}. Accepted are {codes}.",
    RowRule.LABEL_MISSING: "{n} no outcome{in_column}. Add it, or send the row for inference.",
    RowRule.UNKNOWN_LABEL: "{n} an unknown outcome{in_column}. Accepted are {codes}.",
    RowRule.ID_BLANK: "{n} no id{in_column}. Give every row its id.",
    RowRule.ID_MALFORMED: (
        "{n} an id{in_column} that is too long, or has other characters than letters, digits, spaces and "
        ". _ : / # - between them. Send the hospital's plain id."
    ),
    RowRule.ID_REPEATED: "{n} an id{in_column} that came before with the same values. The first was kept.",
    RowRule.ID_CONFLICTING: (
        "{n} an id{in_column} that other rows have with other values. None was used: find out which is right."
    ),
    RowRule.NOT_A_DATE: "{n} no date{in_column}. Write dates as YYYY-MM-DD.",
    SET_ASIDE: "{n} nothing wrong, but went with the file. They come back when the mended file is sent.",
}


def problem_sentence(problem: Problem, use_case: UseCase | None = None) -> str:
    """Say why a whole file is set aside, and what to do.

    >>> problem_sentence(Problem(FileRule.COLUMNS_MISSING, ("age", "sex")))
    'The header lacks age, sex. Names must match exactly; their order is free.'
    """
    columns, detail = ", ".join(problem.columns), problem.detail
    if problem.rule is FileRule.COLUMNS_UNKNOWN and columns:
        columns = f": {columns}"
    unit = ""
    if use_case and problem.rule is FileRule.WRONG_UNIT and problem.columns:
        column = use_case.column(problem.columns[0])
        unit = f" ({column.unit})" if isinstance(column, Number) else ""
    return _FILES[problem.rule].format(columns=columns, detail=detail, unit=unit)


def reason_sentence(
    reason: str, count: int, rows: tuple[int, ...] = (), use_case: UseCase | None = None
) -> str:
    """Say why some rows are set aside, which, and what to do.

    >>> reason_sentence("short_row", 1, (4,))
    'Row 4: 1 row has too few cells. Look for a line break or a missing delimiter.'
    """
    name, _, column = reason.partition(":")
    template = _row_templates().get(name)
    if template is None:
        return f"{count:,} rows are set aside for {reason}."
    told = template.format(
        n=f"{count:,} row{'s have' if count != 1 else ' has'}",
        in_column=f" in {column}" if column else "",
        range=_range(column, use_case),
        codes=_codes(column, use_case),
    )
    return f"{_places(rows, count)}{told}"


def explain(verdict: FileVerdict, use_case: UseCase | None = None) -> list[str]:
    """Return the sentences of a receipt: the file's problems first, then each reason of its rows."""
    told = details(verdict, use_case)
    problems = len(verdict.problems)
    return [str(one["say"]) for one in told[:problems]] + [
        _places(tuple(one["rows"]), one["count"]) + one["say"] for one in told[problems:]
    ]


def details(verdict: FileVerdict, use_case: UseCase | None = None) -> list[dict[str, Any]]:
    """Return, per problem and reason: its rule, how many rows, the numbers of the first, what to do.

    A problem of the file as a whole that counts no rows has the count 0.
    """
    told = [(problem.reason, problem_sentence(problem, use_case)) for problem in verdict.problems]
    names = _row_templates()
    told += [
        (reason, reason_sentence(reason, count, (), use_case))
        for reason, count in verdict.reasons.items()
        if reason.partition(":")[0] in names
    ]
    return [
        {
            "rule": rule,
            "count": verdict.reasons.get(rule, 0) if verdict.rows_quarantined else 0,
            "rows": list(verdict.first_rows.get(rule, ())),
            "say": sentence,
        }
        for rule, sentence in told
    ]


def _row_templates() -> dict[str, str]:
    """Return the sentences by plain rule name."""
    return {str(rule): sentence for rule, sentence in _ROWS.items()}


def _places(rows: tuple[int, ...], count: int) -> str:
    """Name the first rows (row 1 is the line after the header)."""
    if not rows:
        return ""
    shown = ", ".join(str(row) for row in rows[:5])
    return f"Row{'s' if len(rows) > 1 else ''} {shown}{' ...' if count > len(rows[:5]) else ''}: "


def _range(name: str, use_case: UseCase | None) -> str:
    """Name what a number's column accepts."""
    column = _column(name, use_case)
    if not isinstance(column, Number):
        return "the accepted range"
    return f"{column.low:g} to {column.high:g} {column.unit}"


def _codes(name: str, use_case: UseCase | None) -> str:
    """Name what a code's column accepts."""
    if use_case and name in {use_case.label.column, "label"}:
        return ", ".join(use_case.label.classes)
    column = _column(name, use_case)
    return ", ".join(column.values) if isinstance(column, Code) else "the codes of the use case"


def _column(name: str, use_case: UseCase | None) -> Number | Code | None:
    """Find a declared column, if there is one."""
    return next((column for column in use_case.columns if column.name == name), None) if use_case else None
