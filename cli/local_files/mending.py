"""A corrected copy of a file whose fault is one of dialect: no measured value changes, each change is named.

What it cannot know (a unit, a recoded column, a value that is wrong) stays as it is, for `check` to name.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file import header_names
from clinrisk.core.ingest.csv_file.head import expected_columns
from clinrisk.use_cases.columns import MARKER_NUMBERS, Code, Number

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

# Three digits behind a comma may be thousands.
_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]+),([0-9]{1,2}|[0-9]{4,})")
_MARKER = re.compile(r"-?9+(\.0*)?")


def mend(data: bytes, use_case: UseCase, purpose: str) -> tuple[bytes, list[str]]:
    """Return the corrected file and what was changed, in sentences; no sentence when nothing had to be.

    Raises ValueError when no line has at least two of the agreed column names.
    """
    changes: list[str] = []
    text = _decoded(data, changes)
    required, optional = expected_columns(use_case, purpose)
    agreed = (*required, *optional)
    lines = _unquoted(header_names.lines_of(text), agreed, changes)
    found = header_names.find(lines[: header_names.LINES_SEARCHED], agreed)
    if found is None:
        raise ValueError("no line has the agreed column names")
    position, delimiter = found
    if position:
        above = "line" if position == 1 else f"{position} lines"
        changes.append(f"Left out: the {above} above the column names.")
    if delimiter != ",":
        changes.append(f"Commas separate the columns, where {header_names.DELIMITERS[delimiter]} did.")
    names = [name.strip() for name in header_names.split(lines[position], delimiter)]
    texts = header_names.rows_of(lines[position + 1 :], delimiter, len(names))
    every = [header_names.split(text, delimiter) for text in texts]
    rows = [row for row in every if any(cell.strip() for cell in row)]
    if len(rows) < len(every):
        changes.append(f"{len(every) - len(rows):,} empty rows were left out.")
    names = _without_index(names, rows, changes)
    for at, name in header_names.misspelt(names, agreed, nearly=1).items():
        names[at] = name
        changes.append(f"Column {at + 1} is named {name}.")
    for column in use_case.columns:
        if column.name in names:
            _mend_cells(rows, names.index(column.name), column, changes)
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([names, *rows])
    return made.getvalue().encode(), changes


def _decoded(data: bytes, changes: list[str]) -> str:
    """Return the text of a file: UTF-8, UTF-16 with its mark, or else Windows' Western European."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        changes.append("The encoding is UTF-8, where UTF-16 was.")
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        changes.append("The encoding is UTF-8, where Windows-1252 probably was.")
        return data.decode("cp1252", "replace")


def _unquoted(lines: list[str], agreed: tuple[str, ...], changes: list[str]) -> list[str]:
    """Return the lines without quotes around them as a whole."""
    cells = header_names.split(lines[0], ",") if lines else []
    if len(cells) != 1 or '"' not in lines[0] or not header_names.is_header(cells[0].split(","), agreed):
        return lines
    changes.append("The quotes around every line were left out.")
    return [(header_names.split(line, ",") or [""])[0] for line in lines]


def _without_index(names: list[str], rows: list[list[str]], changes: list[str]) -> list[str]:
    """Remove a column that has no name, and the cell that every row has more than the header."""
    wider = bool(rows) and all(len(row) == len(names) + 1 for row in rows)
    if wider:
        surplus = 0 if any(row[-1].strip() for row in rows) else len(names)
    elif "" in names:
        surplus = names.index("")
        names = [name for at, name in enumerate(names) if at != surplus]
    else:
        return names
    for row in rows:
        del row[surplus : surplus + 1]
    changes.append(f"Column {surplus + 1}, which has no name, was left out.")
    return names


def _mend_cells(rows: list[list[str]], at: int, column: Column, changes: list[str]) -> None:
    """Write decimal points, and leave cells empty that hold a number by which senders mean "not measured"."""
    points = emptied = 0
    for row in rows:
        if at >= len(row):
            continue
        cell = row[at].strip()
        comma = _DECIMAL_COMMA.fullmatch(cell) if isinstance(column, Number) else None
        if comma:
            row[at] = f"{comma[1]}.{comma[2]}"
            points += 1
        elif _MARKER.fullmatch(cell) and _is_marker(float(cell), column):
            row[at] = ""
            emptied += 1
    if points:
        changes.append(f"{column.name}: {points:,} decimal commas are points.")
    if emptied:
        changes.append(f'{column.name}: {emptied:,} cells with a number that means "not measured" are empty.')


def _is_marker(number: float, column: Column) -> bool:
    if number not in MARKER_NUMBERS or number in column.missing:
        return False
    if isinstance(column, Code):
        return f"{number:g}" not in column.values
    return not column.low <= number <= column.high
