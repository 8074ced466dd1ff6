"""RowCounts to a verdict: is the file used, used in part, or set aside as a whole, and why.

Standard library only. Decided once per file, from the added counts of its chunks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clinrisk.core.ingest.rules import LONGEST_LINE, FileRule, Problem, RowRule
from clinrisk.use_cases.base import Number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.ingest.counts import RowCounts
    from clinrisk.use_cases.base import UseCase

SET_ASIDE = "set_aside_with_file"
"""The reason of a good row in a file that is set aside."""
UNREADABLE = (FileRule.NOT_UTF8, FileRule.BINARY, FileRule.MOSTLY_EMPTY)
"""What makes a chunk unreadable as a whole, and with it the file."""
FOREIGN_SHARE = 0.8
"""From this share of a column's numbers on, the whole column is in another unit, not single cells wrong."""
FEWEST_FOREIGN = 5
"""That many numbers at least (or all rows, in a smaller file): one odd number is no unit."""
HARMLESS = (RowRule.EMPTY_ROW, RowRule.REPEATED_HEADER, RowRule.ID_REPEATED)
"""Rows with which no patient is lost: however many there are, they do not speak against the file."""


@dataclass(frozen=True)
class FileVerdict:
    """What becomes of a file: `rows_accepted + rows_quarantined` are its rows, and reasons add up too."""

    disposition: Literal["ACCEPTED", "PARTIAL", "REJECTED"]
    rows_accepted: int
    rows_quarantined: int
    missing: Mapping[str, int]
    reasons: Mapping[str, int]
    first_rows: Mapping[str, tuple[int, ...]]
    problems: tuple[Problem, ...] = ()


def refuse(problems: Sequence[Problem]) -> FileVerdict:
    """Return the verdict on a file whose head has problems: set aside unread, so no row is counted."""
    return FileVerdict("REJECTED", 0, 0, {}, {problem.reason: 1 for problem in problems}, {}, tuple(problems))


def decide(counts: RowCounts, use_case: UseCase) -> FileVerdict:
    """Return the verdict on a file from the counts of all its chunks.

    >>> from clinrisk import use_cases
    >>> from clinrisk.core.ingest.counts import RowCounts
    >>> counts = RowCounts(10, 9, 1, reasons={"short_row": 1}, first_rows={"short_row": (4,)})
    >>> decide(counts, use_cases.get("heart")).disposition
    'PARTIAL'
    """
    problems = _file_problems(counts, use_case)
    if problems:
        return _set_aside(counts, problems)
    return FileVerdict(
        "PARTIAL" if counts.quarantined else "ACCEPTED",
        counts.accepted,
        counts.quarantined,
        counts.missing,
        counts.reasons,
        counts.first_rows,
    )


def _file_problems(counts: RowCounts, use_case: UseCase) -> tuple[Problem, ...]:
    """List what sets the whole file aside."""
    if not counts.rows:
        return (Problem(FileRule.NO_ROWS),)
    unreadable = [Problem(rule) for rule in UNREADABLE if rule in counts.reasons]
    if FileRule.LINE_TOO_LONG in counts.reasons:
        unreadable.append(Problem(FileRule.LINE_TOO_LONG, detail=f"{LONGEST_LINE:,} bytes"))
    if unreadable:
        return tuple(unreadable)
    units = _wrong_units(counts, use_case)
    if units:
        return units
    harmless = sum(n for reason, n in counts.reasons.items() if reason.split(":")[0] in HARMLESS)
    rows, bad = counts.rows - harmless, counts.quarantined - harmless
    if not rows:
        return (Problem(FileRule.NO_ROWS),)
    share = bad / rows
    if share > use_case.max_quarantine_share or not counts.accepted:
        limit = f"{use_case.max_quarantine_share:.0%}"
        return (Problem(FileRule.TOO_MANY_BAD_ROWS, detail=f"{share:.0%} of the rows, more than {limit}"),)
    return ()


def _wrong_units(counts: RowCounts, use_case: UseCase) -> tuple[Problem, ...]:
    """List the columns nearly all of whose numbers fit another unit, with each unit that they fit."""
    problems = []
    for column in use_case.columns:
        if not isinstance(column, Number):
            continue
        enough = max(FOREIGN_SHARE * counts.measured.get(column.name, 0), min(FEWEST_FOREIGN, counts.rows))
        # Where several fit, the one that is least far away is the likeliest.
        units = sorted(column.other_units, key=lambda other: abs(math.log(other.factor)))
        fitting = [
            other.unit for other in units if counts.foreign.get(f"{column.name}:{other.unit}", 0) >= enough
        ]
        if fitting:
            problems.append(Problem(FileRule.WRONG_UNIT, (column.name,), " or ".join(fitting)))
    return tuple(problems)


def _set_aside(counts: RowCounts, problems: tuple[Problem, ...]) -> FileVerdict:
    """Set the whole file aside: its good rows too, under a reason of their own, so that all add up."""
    reasons = dict(counts.reasons)
    first_rows = dict(counts.first_rows)
    rest = counts.accepted
    for problem in problems:
        if problem.rule is FileRule.WRONG_UNIT:
            # What the unit did to single cells is told once, as the unit.
            was = f"out_of_range:{problem.columns[0]}"
            reasons[problem.reason] = reasons.pop(was, 0)
            first_rows[problem.reason] = first_rows.pop(was, ())
    if rest:
        told = next(
            (problem.reason for problem in problems if problem.rule is FileRule.WRONG_UNIT), SET_ASIDE
        )
        reasons[told] = reasons.get(told, 0) + rest
    if not counts.rows:
        reasons = {problem.reason: 1 for problem in problems}
    return FileVerdict("REJECTED", 0, counts.rows, {}, reasons, first_rows, problems)
