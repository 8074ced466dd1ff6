"""The head of a file, checked before anything is parsed: a CSV with the agreed header, or the problems.

Standard library only.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.core.ingest.csv_file import content, header_names
from clinrisk.core.ingest.rules import LARGEST_FILE, LARGEST_TABLE, LONGEST_LINE, FileRule, Problem
from clinrisk.use_cases import feedback_codes
from clinrisk.use_cases.external_model import MODEL_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinrisk.use_cases.base import UseCase

HEAD_BYTES = 256 * 1024
"""How many bytes of a file are checked (fewer when the file is shorter)."""
MOST_COLUMNS = 500
_POSITIONS_SHOWN = 20
_CHARACTERS_COMPARED = 16_384
OUTCOME_COLUMNS = ("id", "label", "date")
REPLACES = "replaces"
"""The optional column of an outcomes file: a row with yes takes the place of what was sent earlier."""


@dataclass(frozen=True)
class Header:
    """The first line of a file: its column names, and where the data begin."""

    names: tuple[str, ...]
    length: int
    """Bytes up to and including the header's line end."""


def check_file_head(head: bytes, size: int, use_case: UseCase, purpose: str) -> list[Problem]:
    """Return why a file is rejected by its first HEAD_BYTES bytes and its size; empty when it is not.

    >>> check_file_head(b"", 0, use_cases.get("heart"), "training")[0].rule.value
    'empty_file'
    """
    if size == 0 or not head:
        return [Problem(FileRule.EMPTY)]
    if size > LARGEST_FILE:
        return [Problem(FileRule.TOO_LARGE, detail=f"{LARGEST_FILE // 1024**3} GB")]
    if content.table_format(head):
        # Its columns are described at its end: they are checked where it is read (`table_file`).
        too_large = [Problem(FileRule.TOO_LARGE, detail=f"{LARGEST_TABLE // 1024**3} GB")]
        return too_large if size > LARGEST_TABLE else []
    cut = size > len(head)
    return (
        content.problems_of(head, cut=cut)
        or _line_problems(head, size)
        or _header_problems(head, use_case, purpose)
    )


def read_header(head: bytes) -> Header:
    """Return the column names and the length of the header of a file without problems in its head."""
    start = len(content.BOM) if head.startswith(content.BOM) else 0
    end = head.find(b"\n", start)
    end = len(head) if end < 0 else end
    # A lone carriage return belongs to no name; the csv module would read it as a line end.
    line = (
        head[start:end].decode(errors="replace").removesuffix("\r").replace("\r", "\N{REPLACEMENT CHARACTER}")
    )
    names = next(csv.reader([line], skipinitialspace=True), [])
    return Header(tuple(name.strip(" \t") for name in names), min(end + 1, len(head)))


def expected_columns(use_case: UseCase, purpose: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that a file of this purpose must have, and those that it may have."""
    if purpose == "outcomes":
        return OUTCOME_COLUMNS, (REPLACES,)
    if purpose == "feedback":
        return feedback_codes.COLUMNS, ()
    optional = (use_case.optional_id_column,) if use_case.optional_id_column else ()
    if purpose == "predictions":
        return use_case.header, (MODEL_VERSION,)
    if purpose == "training":
        return use_case.header, optional
    label = use_case.label.column
    return tuple(name for name in use_case.header if name != label), (*optional, label)


def _line_problems(head: bytes, size: int) -> list[Problem]:
    """Return the problems with the lengths and the ends of lines."""
    lines = head.split(b"\n")
    complete = lines if size <= len(head) else lines[:-1]
    if len(lines[0]) > LONGEST_LINE:
        return [Problem(FileRule.LINE_TOO_LONG, detail=f"{LONGEST_LINE:,} bytes")]
    if len(lines) == 1 and head.count(b"\r") > 1:
        return [Problem(FileRule.LINE_ENDS)]
    return [] if any(line.strip() for line in complete) else [Problem(FileRule.EMPTY)]


def _header_problems(head: bytes, use_case: UseCase, purpose: str) -> list[Problem]:
    """Return how the header differs from what the purpose needs; the order of columns is free."""
    names = read_header(head).names
    required, optional = expected_columns(use_case, purpose)
    known = (*required, *optional)
    if len(names) > MOST_COLUMNS:
        return [Problem(FileRule.TOO_MANY_COLUMNS, detail=f"{MOST_COLUMNS}")]
    misspelt = header_names.misspelt(names, known)
    found = set(known).intersection(names)
    if len(found) + len(misspelt) < 2:
        return [_unrecognised(head, names, use_case, purpose)]
    problems: list[Problem] = []
    missing = tuple(name for name in required if name not in names and name not in misspelt.values())
    unknown = [n for n, name in enumerate(names) if name and name not in found and n not in misspelt]
    other = _owner(names, use_case)
    if other and len(unknown) > len(found):
        return [Problem(FileRule.HEADER_OF_OTHER, detail=other)]
    if not missing and (wider := header_names.one_cell_more(_lines(head), len(names))):
        problems.append(Problem(FileRule.ONE_CELL_MORE, detail=wider))
    if misspelt:
        problems.append(Problem(FileRule.COLUMNS_MISSPELT, tuple(misspelt.values()), _positions(misspelt)))
    if missing == (use_case.label.column,) and purpose == "training":
        problems.append(Problem(FileRule.LABEL_COLUMN_MISSING, missing))
    elif missing:
        problems.append(Problem(FileRule.COLUMNS_MISSING, missing))
    return [*problems, *_surplus(names, known, unknown)]


def _surplus(names: tuple[str, ...], known: tuple[str, ...], unknown: list[int]) -> list[Problem]:
    """Return the problems with columns that nobody asked for: without a name, unknown, or there twice."""
    unnamed = [position for position, name in enumerate(names) if not name]
    repeated = tuple(sorted({name for name in names if name in known and names.count(name) > 1}))
    return [
        *([Problem(FileRule.COLUMN_UNNAMED, detail=_positions(unnamed))] if unnamed else []),
        *([Problem(FileRule.COLUMNS_UNKNOWN, detail=_positions(unknown))] if unknown else []),
        *([Problem(FileRule.COLUMNS_REPEATED, repeated)] if repeated else []),
    ]


def _positions(columns: Iterable[int]) -> str:
    return ", ".join(str(position + 1) for position in list(columns)[:_POSITIONS_SHOWN])


def _lines(head: bytes) -> list[str]:
    """Return the first lines of a file."""
    lines = header_names.lines_of(head.removeprefix(content.BOM).decode("utf-8", "replace"))
    return [line[:_CHARACTERS_COMPARED] for line in lines[: header_names.LINES_SEARCHED]]


def _unrecognised(head: bytes, names: tuple[str, ...], use_case: UseCase, purpose: str) -> Problem:
    """Return the problem with a first line that has at most one of the expected columns."""
    required, optional = expected_columns(use_case, purpose)
    dialect = header_names.dialect(_lines(head), (*required, *optional))
    if dialect:
        rule, detail = dialect
        return Problem(rule, detail=detail)
    other = _owner(names, use_case) or _other_purpose(names, use_case, purpose)
    if other:
        return Problem(FileRule.HEADER_OF_OTHER, detail=other)
    if len(names) == len(required) and any(map(_is_data, names)):
        return Problem(FileRule.HEADER_ABSENT)
    return Problem(FileRule.COLUMNS_MISSING, tuple(name for name in required if name not in names))


def _other_purpose(names: tuple[str, ...], use_case: UseCase, purpose: str) -> str | None:
    """Return which other files of the use case have these columns, if any have."""
    patients = len(set(use_case.header).intersection(names)) > len(use_case.header) // 2
    if purpose in {"outcomes", "feedback"} and patients:
        return f"patients ({use_case.title}), not {purpose}"
    if set(feedback_codes.COLUMNS) <= set(names):
        return "feedback of clinicians, not patients"
    return "outcomes, not patients" if set(OUTCOME_COLUMNS) <= set(names) else None


def _owner(names: tuple[str, ...], use_case: UseCase) -> str | None:
    """Return the title of the other use case whose columns these are, if there is one."""
    for name in use_cases.names():
        other = use_cases.get(name)
        if (
            other.name != use_case.name
            and len(set(other.header).intersection(names)) > len(other.header) // 2
        ):
            return other.title
    return None


def _is_data(cell: str) -> bool:
    """Whether a cell of the first line is a number or a missing marker."""
    return re.fullmatch(r"\s*(-?[0-9]+(\.[0-9]*)?|\?|N/A|)\s*", cell) is not None
