"""The sentence for each rule: what is wrong with a file or its rows, and what to do; never a value.

Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.rules import REJECTED_WITH_FILE, FileRule, Problem, RowRule
from clinrisk.use_cases.base import Code, Number

if TYPE_CHECKING:
    from clinrisk.core.ingest.verdict import FileVerdict
    from clinrisk.use_cases.base import UseCase

_MEND = "`clinrisk mend FILE --as USE_CASE/PURPOSE --out NEW.csv`."
# {columns} are names of agreed columns, {detail} a fact that holds no text of the file.
_FILE_SENTENCES: dict[FileRule, str] = {
    FileRule.KEY_SHAPE: (
        "The file is not in a folder that is read. Send it with `clinrisk drop FILE --as USE_CASE/PURPOSE`, "
        "or upload it to inbox/<use case>/<purpose>/, without further folders."
    ),
    FileRule.KEY_CHARACTERS: (
        "The file name has control, invisible, markup or formula characters. Rename the file with letters, "
        "digits, hyphens and underscores only, and send it again."
    ),
    FileRule.KEY_TOO_LONG: "The file name is too long. Shorten it and send the file again.",
    FileRule.UNKNOWN_USE_CASE: (
        "The folder does not name a known use case. `clinrisk use-cases` lists them."
    ),
    FileRule.UNKNOWN_PURPOSE: (
        "The folder does not name a known purpose. Use training, inference or outcomes."
    ),
    FileRule.TOO_LARGE: (
        "The file is larger than {detail}. Split it into smaller files, each with the header, and send all "
        "of them."
    ),
    FileRule.EMPTY: "The file is empty. Export it again and check that the export finished.",
    FileRule.COMPRESSED: (
        "The file is {detail}, whatever its name says. Unpack it and send the CSV file inside; nothing is "
        "unpacked here."
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
        "The file is {detail}, often the login or error page of the site that the export came from. Log in "
        "there and export again as CSV (UTF-8, commas)."
    ),
    FileRule.XML: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.JSON: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.PICKLE: (
        "The file is {detail}, which can run a program when it is opened, so it was not opened. Export the "
        "table as CSV (UTF-8, commas) and send that."
    ),
    FileRule.DATA_FILE: "The file is {detail}. Export the table as CSV (UTF-8, commas) and send that.",
    FileRule.NOT_CSV: (
        "The file is {detail}, not a CSV file. Export the data as CSV (UTF-8, commas) and send that."
    ),
    FileRule.UTF16: (
        "The file is encoded in UTF-16 or UTF-32 (spreadsheets call it Unicode text). Save it as CSV UTF-8 "
        "and send it again."
    ),
    FileRule.NOT_UTF8: "The file is not encoded in UTF-8. Export it as CSV UTF-8 and send it again.",
    FileRule.BINARY: "The file has bytes that are not text. Export it as CSV UTF-8 and send it again.",
    FileRule.LINE_TOO_LONG: (
        "A line is longer than {detail}. Check that the export writes one patient per line."
    ),
    FileRule.LINE_ENDS: (
        "The lines end with a carriage return alone, as only very old programs write them. Save the file "
        "with Windows or Unix line endings."
    ),
    FileRule.HEADER_BELOW: (
        "The column names are in {detail}, not in the first line. Remove the lines above them: " + _MEND
    ),
    FileRule.LINES_QUOTED: (
        "Every line is in quotes from end to end, so it is one cell. Remove the outer quotes: " + _MEND
    ),
    FileRule.ONE_CELL_MORE: (
        "Every row has one cell more than the header: {detail}. Remove it, or export without row names: "
        + _MEND
    ),
    FileRule.DELIMITER: (
        "The columns are separated by {detail}. Export the file with commas between columns and decimal "
        "points in numbers, or write it so: " + _MEND
    ),
    FileRule.TOO_MANY_COLUMNS: (
        "The file has more than {detail} columns. Send only the agreed columns; `clinrisk use-cases` lists "
        "them."
    ),
    FileRule.HEADER_ABSENT: (
        "The first line looks like data, not like a header. Put the column names in the first line; "
        "`clinrisk convert` does it for the public files."
    ),
    FileRule.HEADER_OF_OTHER: (
        "These are the columns of another kind of file: {detail}. Send the file to the folder for that kind."
    ),
    FileRule.COLUMNS_MISSING: (
        "The header lacks {columns}. Names must match exactly, in any order; `clinrisk use-cases` lists them."
    ),
    FileRule.COLUMNS_MISSPELT: (
        "The header has {columns} in another spelling (at position {detail}). Write the names exactly so: "
        + _MEND
    ),
    FileRule.COLUMN_UNNAMED: (
        "The header has a column without a name (at position {detail}). Export without row names and without "
        "a comma at the end of lines: " + _MEND
    ),
    FileRule.COLUMNS_UNKNOWN: (
        "The header has columns that were not agreed (at position {detail}). Rename those that are an agreed "
        "column under another name. Remove the others, which might identify patients."
    ),
    FileRule.COLUMNS_REPEATED: "The header has {columns} more than once. Keep one of each.",
    FileRule.LABEL_COLUMN_MISSING: (
        "A training file needs the outcome column {columns}. Add it, or send the file for inference."
    ),
    FileRule.MOSTLY_EMPTY: ("Nearly all lines are empty. Check that the export writes one patient per line."),
    FileRule.NO_ROWS: "The file has a header but no rows. Check the filter of the export.",
    FileRule.WRONG_UNIT: (
        "Nearly all numbers in {columns} look like {detail}. Convert the column to the agreed unit{unit} "
        "and send the file again; none of its rows was used."
    ),
    FileRule.COLUMN_EMPTY: (
        "The column {columns} has no value at all. Check the join and the filter of the export."
    ),
    FileRule.COLUMN_SPARSE: (
        "The column {columns} has a value in {detail}. Check whether the export took it from the right place."
    ),
    FileRule.COLUMN_CONSTANT: (
        "The column {columns} has one and the same value in {detail} of its cells. Check whether the export "
        "took it from the right place."
    ),
    FileRule.COLUMN_DAMAGED: (
        "The column {columns} is damaged: {detail} are impossible, so the others may be wrong as well. Look "
        "for lost decimal points, another unit or other codes, and export the column again{unit}."
    ),
    FileRule.COLUMN_UNUSUAL: (
        "In the column {columns}, {detail} are outside what nearly every patient has. Check the decimal "
        "point and the unit{unit}."
    ),
    FileRule.CODES_SHIFTED: (
        "The column {columns} looks counted from another number than agreed: {detail}. Check the first code "
        "in the export, and recode the column; `clinrisk use-cases` lists the codes."
    ),
    FileRule.FRACTIONS_LOST: (
        "In the column {columns}, {detail} have no decimals, where decimals are the rule. Export the column "
        "again without rounding it."
    ),
    FileRule.ROWS_LOST: (
        "Of this training file, {detail} cannot be used. Correct them, or let the file through without them."
    ),
    FileRule.LOSS_DIFFERS: (
        "The rows that cannot be used differ from the others: {detail}. Correct them: without them a model "
        "would learn from other patients than there were."
    ),
    FileRule.TOO_MANY_BAD_ROWS: (
        "Too many rows cannot be used ({detail}), so none of the rows was used. Correct what is listed and "
        "send the file again."
    ),
    FileRule.CHECKSUM: "The file does not have the sha256 that was declared for it. Send it again.",
}

# {n} reads "1 row has" or "2 rows have".
_ROW_SENTENCES: dict[RowRule | str, str] = {
    RowRule.SHORT_ROW: "{n} too few cells. Look for a line break or a missing comma.",
    RowRule.LONG_ROW: "{n} too many cells. Look for a comma inside a value, such as a decimal comma.",
    RowRule.QUOTES: "{n} a quotation mark without its partner. Remove it.",
    RowRule.LINE_BREAK: "{n} a line break inside a cell. Remove it.",
    RowRule.REPEATED_HEADER: "{n} the header again in place of data. Remove every such row.",
    RowRule.EMPTY_ROW: "{n} no measured value at all. Remove every such row.",
    RowRule.CELL_TOO_LONG: "{n} far too much text{in_column}. Send only measured values and codes.",
    RowRule.LINE_TOO_LONG: "{n} more text than one line of a file may have. Look for a missing line end.",
    RowRule.CHARACTERS: (
        "{n} characters{in_column} that are invisible or only resemble letters or digits. Type the value "
        "again."
    ),
    RowRule.FORMULA: "{n} a spreadsheet formula{in_column}. Send its value instead.",
    RowRule.DECIMAL_COMMA: "{n} a decimal comma{in_column}. Use a decimal point.",
    RowRule.NOT_A_NUMBER: (
        "{n} something that is not a number{in_column}. Write plain digits; leave the cell empty when it "
        "was not measured."
    ),
    RowRule.NOT_INTEGER: "{n} a fraction{in_column}. Only whole numbers are accepted there.",
    RowRule.OUT_OF_RANGE: "{n} a value outside {range}{in_column}. Check the value and its unit.",
    RowRule.UNKNOWN_CODE: "{n} an unknown code{in_column}. The accepted codes are {codes}.",
    RowRule.LIKELY_MARKER: (
        '{n} a number{in_column} that often means "not measured" (-9, 99, 999 and the like), which is not '
        "agreed here. Leave such a cell empty; if it was measured, check the value and its unit."
    ),
    RowRule.ESSENTIAL_MISSING: (
        "{n} no value{in_column}, without which no patient can teach a model. Add it, or leave the row out."
    ),
    RowRule.LABEL_MISSING: "{n} no outcome{in_column}. Add it, or send the row for inference.",
    RowRule.UNKNOWN_LABEL: "{n} an unknown outcome{in_column}. The accepted outcomes are {codes}.",
    RowRule.ID_BLANK: "{n} no id{in_column}. Give every row its id.",
    RowRule.ID_MALFORMED: (
        "{n} an invalid id{in_column}. An id has at most 64 letters and digits, with spaces or . _ : / # - "
        "only between them. Send the hospital's plain id."
    ),
    RowRule.ID_REPEATED: (
        "{n} an id{in_column} that an earlier row has with the same values. The earlier row was used."
    ),
    RowRule.ID_CONFLICTING: (
        "{n} an id{in_column} that other rows have with different values. None of these rows was used: find "
        "out which one is right."
    ),
    RowRule.NOT_A_DATE: "{n} no valid date{in_column}. Write dates as YYYY-MM-DD.",
    RowRule.DATE_TOO_OLD: (
        "{n} a date{in_column} before 1990. Databases and spreadsheets write 1900-01-01 where no date is "
        "known. Give the day of the outcome, or leave the row out."
    ),
    RowRule.DATE_IN_FUTURE: (
        "{n} a date{in_column} after the day the file arrived. Give the day of the outcome."
    ),
    RowRule.REPLACES_UNCLEAR: (
        "{n} something else than yes or no{in_column}. Write yes where the row takes the place of the "
        "outcome that was sent earlier for the patient, otherwise no or nothing."
    ),
    REJECTED_WITH_FILE: "{n} nothing wrong, but the file was rejected. Send the corrected file with them.",
}
_ROWS_SHOWN = 5
UNENDED = (
    "The last line has no line end: was the export cut off? Compare the last row with the source, and send "
    "the file again if they differ."
)


def problem_sentence(problem: Problem, use_case: UseCase | None = None) -> str:
    """Return why a file is rejected and what to do.

    >>> problem_sentence(Problem(FileRule.COLUMNS_REPEATED, ("age", "sex")))
    'The header has age, sex more than once. Keep one of each.'
    """
    columns, detail = ", ".join(problem.columns), problem.detail
    unit = ""
    if use_case and "{unit}" in _FILE_SENTENCES[problem.rule] and problem.columns:
        column = use_case.column(problem.columns[0])
        unit = f" ({column.unit})" if isinstance(column, Number) else ""
    return _FILE_SENTENCES[problem.rule].format(columns=columns, detail=detail, unit=unit)


def reason_sentence(
    reason: str, count: int, rows: tuple[int, ...] = (), use_case: UseCase | None = None
) -> str:
    """Return why some rows are quarantined, which ones, and what to do.

    >>> reason_sentence("short_row", 1, (4,))
    'Row 4: 1 row has too few cells. Look for a line break or a missing comma.'
    """
    name, _, column = reason.partition(":")
    sentence = _ROW_SENTENCES[name].format(
        n=f"{count:,} row{'s have' if count != 1 else ' has'}",
        in_column=f" in {column}" if column else "",
        range=_range(column, use_case),
        codes=_codes(column, use_case),
    )
    return f"{_first_rows(rows, count)}{sentence}"


def explain(verdict: FileVerdict, use_case: UseCase | None = None) -> list[str]:
    """Return the sentences of a receipt: the problems of the file, each reason of its rows, and remarks."""
    found = details(verdict, use_case)
    problems = len(verdict.problems)
    rows = [_first_rows(tuple(one["rows"]), one["count"]) + one["say"] for one in found[problems:]]
    return [*(str(one["say"]) for one in found[:problems]), *rows, *remarks(verdict, use_case)]


def remarks(verdict: FileVerdict, use_case: UseCase | None = None) -> list[str]:
    """Return what is to be known about a file besides its problems: rows without a risk, an end cut off."""
    found = []
    if verdict.rows_not_scorable and use_case:
        count, names = verdict.rows_not_scorable, ", ".join(use_case.essential)
        rows = f"{count:,} row{'s lack' if count != 1 else ' lacks'}"
        found.append(
            f'{rows} a value without which no risk is stated ({names}): the results say "not scored".'
        )
    return [*found, UNENDED] if verdict.unended else found


def details(verdict: FileVerdict, use_case: UseCase | None = None) -> list[dict[str, Any]]:
    """Return, per problem and reason: its rule, how many rows, the numbers of the first, what to do.

    A problem of the file that counts no rows has the count 0.
    """
    sentences = [(problem.reason, problem_sentence(problem, use_case)) for problem in verdict.problems]
    sentences += [
        (reason, reason_sentence(reason, count, (), use_case))
        for reason, count in verdict.reasons.items()
        if reason.partition(":")[0] in _ROW_SENTENCES
    ]
    return [
        {
            "rule": rule,
            "count": verdict.reasons.get(rule, 0) if verdict.rows_quarantined else 0,
            "rows": list(verdict.first_rows.get(rule, ())),
            "say": sentence,
        }
        for rule, sentence in sentences
    ]


def _first_rows(rows: tuple[int, ...], count: int) -> str:
    """Return the first row numbers (the header is row 1) as the start of a sentence."""
    if not rows:
        return ""
    shown = ", ".join(str(row) for row in rows[:_ROWS_SHOWN])
    return f"Row{'s' if len(rows) > 1 else ''} {shown}{' ...' if count > len(rows[:_ROWS_SHOWN]) else ''}: "


def _range(name: str, use_case: UseCase | None) -> str:
    """Return the accepted range of a column of numbers, with its unit."""
    column = _column(name, use_case)
    if not isinstance(column, Number):
        return "the accepted range"
    return f"{column.low:g} to {column.high:g} {column.unit}"


def _codes(name: str, use_case: UseCase | None) -> str:
    """Return the accepted codes of a column, or those of the label."""
    if use_case and name in {use_case.label.column, "label"}:
        return ", ".join(use_case.label.classes)
    column = _column(name, use_case)
    return ", ".join(column.values) if isinstance(column, Code) else "the codes of the use case"


def _column(name: str, use_case: UseCase | None) -> Number | Code | None:
    """Return the declared column of that name, if there is one."""
    return next((column for column in use_case.columns if column.name == name), None) if use_case else None
