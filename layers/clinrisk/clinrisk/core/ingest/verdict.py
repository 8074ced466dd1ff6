"""The verdict on a file from its counts: accepted, accepted in part, or rejected, and why.

Given once per file, from the sum of its chunks' counts. Without polars and numpy.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clinrisk.core.ingest.column_faults import column_faults
from clinrisk.core.ingest.rules import (
    HARMLESS,
    LONGEST_LINE,
    REJECTED_WITH_FILE,
    FileRule,
    Problem,
    RowRule,
)
from clinrisk.messages.ingest import RowCounts
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clinrisk.use_cases.base import UseCase

UNREADABLE = (FileRule.NOT_UTF8, FileRule.BINARY, FileRule.MOSTLY_EMPTY)
"""Reasons for which a chunk is not parsed at all; they reject the file."""
FOREIGN_SHARE = 0.8
"""From this share of a column's numbers on, the column is taken to be in another unit."""
FEWEST_FOREIGN = 5
"""The numbers needed for that (in a smaller file: one for each row)."""
FIRST_ROWS = 20
"""How many row numbers are kept per reason."""


@dataclass(frozen=True)
class FileVerdict:
    """What becomes of a file, and the problems for which it is REJECTED or HELD.

    `reasons` add up to `rows_quarantined` where rows were read.
    """

    disposition: Literal["ACCEPTED", "PARTIAL", "HELD", "REJECTED"]
    rows_accepted: int
    rows_quarantined: int
    missing: Mapping[str, int]
    reasons: Mapping[str, int]
    first_rows: Mapping[str, tuple[int, ...]]
    problems: tuple[Problem, ...] = ()
    rows_not_scorable: int = 0
    """Accepted rows for which no risk will be stated, because an essential value is missing."""
    unended: bool = False
    """Whether the last line has no line end."""


def refuse(problems: Sequence[Problem]) -> FileVerdict:
    """Return the verdict on a file that is rejected by its key or its head: no row is read or counted."""
    return FileVerdict("REJECTED", 0, 0, {}, {problem.reason: 1 for problem in problems}, {}, tuple(problems))


def add_counts(parts: Iterable[RowCounts]) -> RowCounts:
    """Return the sum of the counts of chunks, given in file order.

    >>> part = RowCounts(2, 1, 1, reasons={"short_row": 1}, first_rows={"short_row": (2,)})
    >>> add_counts([part, part]).reasons
    {'short_row': 2}
    """
    chunks = list(parts)
    return RowCounts(
        sum(part.rows for part in chunks),
        sum(part.accepted for part in chunks),
        sum(part.quarantined for part in chunks),
        sum(part.labelled for part in chunks),
        sum(part.not_scorable for part in chunks),
        _add(part.missing for part in chunks),
        _add(part.reasons for part in chunks),
        {
            reason: tuple(
                sorted(row for part in chunks for row in part.first_rows.get(reason, ()))[:FIRST_ROWS]
            )
            for reason in _add(part.reasons for part in chunks)
        },
        _add(part.facts for part in chunks),
    )


def _add(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts per name; names keep the order in which they came."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)


def decide(counts: RowCounts, use_case: UseCase) -> FileVerdict:
    """Return the verdict on a file from the sum of the counts of its chunks.

    >>> from clinrisk import use_cases
    >>> counts = RowCounts(10, 9, 1, reasons={"short_row": 1}, first_rows={"short_row": (4,)})
    >>> decide(counts, use_cases.get("heart")).disposition
    'PARTIAL'
    """
    problems, faults = _file_problems(counts, use_case), column_faults(counts, use_case)
    if problems:
        named = {column for problem in problems for column in problem.columns}
        return _reject(counts, (*problems, *(one for one in faults if named.isdisjoint(one.columns))))
    return FileVerdict(
        "HELD" if faults else "PARTIAL" if counts.quarantined else "ACCEPTED",
        counts.accepted,
        counts.quarantined,
        counts.missing,
        counts.reasons,
        counts.first_rows,
        faults,
        rows_not_scorable=counts.not_scorable,
        unended=bool(counts.facts.get("unended")),
    )


def _file_problems(counts: RowCounts, use_case: UseCase) -> tuple[Problem, ...]:
    """Return the problems for which the file is rejected."""
    if not counts.rows:
        return (Problem(FileRule.NO_ROWS),)
    unreadable = [Problem(rule) for rule in UNREADABLE if rule in counts.reasons]
    if counts.facts.get("cut_line"):
        unreadable.append(Problem(FileRule.LINE_TOO_LONG, detail=f"{LONGEST_LINE:,} bytes"))
    if unreadable:
        return tuple(unreadable)
    units = _wrong_units(counts, use_case)
    if units:
        return units
    harmless = sum(n for reason, n in counts.reasons.items() if reason.split(":")[0] in HARMLESS)
    rows, quarantined = counts.rows - harmless, counts.quarantined - harmless
    if not rows:
        return (Problem(FileRule.NO_ROWS),)
    share = quarantined / rows
    if share > use_case.max_quarantine_share or not counts.accepted:
        limit = f"{use_case.max_quarantine_share:.0%}"
        return (Problem(FileRule.TOO_MANY_BAD_ROWS, detail=f"{share:.0%} of the rows, more than {limit}"),)
    return ()


def _wrong_units(counts: RowCounts, use_case: UseCase) -> tuple[Problem, ...]:
    """Return the columns nearly all of whose numbers fit another unit, with each unit that they fit."""
    problems = []
    for column in use_case.file_columns:
        if not isinstance(column, Number):
            continue
        enough = max(
            FOREIGN_SHARE * counts.facts.get(f"numbers:{column.name}", 0), min(FEWEST_FOREIGN, counts.rows)
        )
        # Where several fit, the one that is least far away is the likeliest.
        units = sorted(column.other_units, key=lambda other: abs(math.log(other.factor)))
        fitting = [
            other.unit for other in units if counts.facts.get(f"unit:{other.unit}:{column.name}", 0) >= enough
        ]
        if fitting:
            problems.append(Problem(FileRule.WRONG_UNIT, (column.name,), " or ".join(fitting)))
    return tuple(problems)


def _reject(counts: RowCounts, problems: tuple[Problem, ...]) -> FileVerdict:
    """Return the verdict of a rejected file: its valid rows get a reason of their own, so that all add up."""
    reasons = dict(counts.reasons)
    first_rows = dict(counts.first_rows)
    rest = counts.accepted
    for problem in problems:
        if problem.rule is FileRule.WRONG_UNIT:
            # Cells out of range because of the unit count as the unit's, once.
            out_of_range = f"{RowRule.OUT_OF_RANGE}:{problem.columns[0]}"
            reasons[problem.reason] = reasons.pop(out_of_range, 0)
            first_rows[problem.reason] = first_rows.pop(out_of_range, ())
    if rest:
        units = (problem.reason for problem in problems if problem.rule is FileRule.WRONG_UNIT)
        reason = next(units, REJECTED_WITH_FILE)
        reasons[reason] = reasons.get(reason, 0) + rest
    if not counts.rows:
        reasons = {problem.reason: 1 for problem in problems}
    return FileVerdict("REJECTED", 0, counts.rows, {}, reasons, first_rows, problems)
