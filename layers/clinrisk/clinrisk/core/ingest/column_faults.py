"""Faults of a complete column, or of the rows that a training file would lose: a file with one is HELD.

Judged from the facts of a file's columns (`RowCounts.facts`, which add up over chunks) by the contract alone:
what a model was trained on is compared later, before a batch is scored. A file of fewer than FEWEST_ROWS rows
shows nothing about a column. Standard library only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.messages.ingest import RowCounts
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

    Count = Callable[[str], int]
    """How often a fact of the column was counted."""

FEWEST_ROWS = 20
FEWEST_ODD = 3
"""Cells of a column; fewer are mistakes in single rows."""
ODD_SHARE = 0.1
"""Of a column's values: so many impossible ones make the column damaged, and not only some of its cells."""
UNUSUAL_SHARE = 0.25
"""The largest share of values that are possible, but not usual, in any population."""
NEIGHBOUR_SHARE = 0.004
"""The same for codes just below the lowest or just above the highest one, which a shifted count makes."""
SURPRISE = 1e-4
"""How improbable a column must be by chance, given what its contract states about shares."""
LARGEST_LOSS = 0.1
"""The share of its rows that a training file may lose without anybody's word."""
FEWEST_LOST = 5
SURE = 3.29
"""Standard errors between the outcomes of lost and of kept rows (two-sided p = .001)."""


def column_faults(counts: RowCounts, use_case: UseCase) -> tuple[Problem, ...]:
    """Return what is wrong with columns of patients, and with the loss of a training file."""
    if counts.facts.get("read", 0) < FEWEST_ROWS:
        return ()
    found = (_fault(counts.facts, column) for column in use_case.file_columns)
    return tuple(problem for problem in (*found, _loss(counts.facts)) if problem)


def _fault(facts: Mapping[str, int], column: Column) -> Problem | None:
    """Return the most telling fault of one column."""

    def count(fact: str) -> int:
        return facts.get(f"{fact}:{column.name}", 0)

    for rule, test in _TESTS:
        detail = test(count, facts["read"], column)
        if detail:
            return Problem(rule, (column.name,), detail)
    return None


def _empty(count: Count, read: int, _: Column) -> str:
    return "" if count("filled") else f"{read:,}"


def _shifted(count: Count, _: int, column: Column) -> str:
    filled = count("filled")
    for side in ("below", "above"):
        if count(side) > NEIGHBOUR_SHARE * filled:
            return f"{count(side):,} of {filled:,} values are one {side} the agreed codes"
    counted = isinstance(column, Number) and column.integer and filled - count("impossible") >= FEWEST_ROWS
    return f"none of {filled:,} values is the lowest one" if counted and not count("lowest") else ""


def _damaged(count: Count, _: int, __: Column) -> str:
    odd, filled = count("impossible"), count("filled")
    return _shown(odd, filled) if odd >= max(FEWEST_ODD, ODD_SHARE * filled) else ""


def _sparse(count: Count, read: int, column: Column) -> str:
    share = count("filled") / read
    return (
        f"{share:.0%} of the rows, less than {column.least_filled:.0%}" if share < column.least_filled else ""
    )


def _constant(count: Count, _: int, column: Column) -> str:
    sampled = count("sampled")
    share = count("alike") / sampled if sampled else 0.0
    common = share > column.commonest and _surprising(share, column.commonest, sampled)
    return f"{share:.0%}" if common else ""


def _unusual(count: Count, _: int, __: Column) -> str:
    unusual, filled = count("unusual"), count("filled")
    share = unusual / filled
    surprising = share > UNUSUAL_SHARE and _surprising(share, UNUSUAL_SHARE, filled)
    return _shown(unusual, filled) if surprising else ""


def _rounded(count: Count, _: int, column: Column) -> str:
    numbers, rule = count("numbers"), column.fractions if isinstance(column, Number) else 0.0
    share = count("fractions") / numbers if numbers else 1.0
    if share >= rule or not _surprising(share, rule, numbers):
        return ""
    return _shown(numbers - count("fractions"), numbers)


_TESTS = (
    (FileRule.COLUMN_EMPTY, _empty),
    (FileRule.CODES_SHIFTED, _shifted),
    (FileRule.COLUMN_DAMAGED, _damaged),
    (FileRule.COLUMN_SPARSE, _sparse),
    (FileRule.COLUMN_CONSTANT, _constant),
    (FileRule.COLUMN_UNUSUAL, _unusual),
    (FileRule.FRACTIONS_LOST, _rounded),
)


def _shown(count: int, of: int) -> str:
    return f"{count:,} of {of:,} values ({count / of:.0%})"


def _surprising(found: float, rule: float, of: int) -> bool:
    """Whether a share so far from the rule is improbable among so many (Chernoff's bound on the binomial)."""
    parts = ((found, rule), (1 - found, 1 - rule))
    divergence = sum(share * math.log(share / expected) for share, expected in parts if share and expected)
    return math.exp(-of * divergence) < SURPRISE


def _loss(facts: Mapping[str, int]) -> Problem | None:
    """Return why a training file's quarantined rows matter: too many, or of another outcome."""
    used, used_ill, lost, lost_ill = (facts.get(fact, 0) for fact in ("used", "used_ill", "lost", "lost_ill"))
    if not used or lost < FEWEST_LOST:
        return None
    if lost > LARGEST_LOSS * (used + lost):
        return Problem(FileRule.ROWS_LOST, detail=f"{lost / (used + lost):.0%} of the rows")
    pooled = (used_ill + lost_ill) / (used + lost)
    error = math.sqrt(pooled * (1 - pooled) * (1 / used + 1 / lost))
    gap = abs(used_ill / used - lost_ill / lost) - (1 / used + 1 / lost) / 2
    if gap <= SURE * error:
        return None
    shares = (
        f"{lost_ill / lost:.0%} of the lost rows and {used_ill / used:.0%} of the others have the outcome"
    )
    return Problem(FileRule.LOSS_DIFFERS, detail=shares)
