"""The row counts of a chunk or of a file, which add up and hold no value. Standard library only."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clinrisk.errors import CountsDisagree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIRST_ROWS = 20


@dataclass(frozen=True)
class RowCounts:
    """How many rows were accepted and quarantined: the two always add up to `rows`.

    Raises CountsDisagree where they do not, or where the reasons do not add up to `quarantined`.
    """

    rows: int
    accepted: int
    quarantined: int
    labelled: int = 0
    not_scorable: int = 0
    """Accepted rows without a value that is essential: no risk is stated for them."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Per column, the accepted rows in which it was not measured."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Per reason, the rows quarantined for it (each row counts for its first reason only)."""
    first_rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per reason, the first row numbers, at most FIRST_ROWS."""
    measured: Mapping[str, int] = field(default_factory=dict)
    """Per column that has other units, how many numbers were read, accepted or not."""
    foreign: Mapping[str, int] = field(default_factory=dict)
    """Per "column:unit", how many numbers are usual only in that other unit."""

    def __post_init__(self) -> None:
        if self.accepted + self.quarantined != self.rows or sum(self.reasons.values()) != self.quarantined:
            message = f"{self.rows} rows, but {self.accepted} accepted and {self.quarantined} quarantined."
            raise CountsDisagree(message)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


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
        _add(part.measured for part in chunks),
        _add(part.foreign for part in chunks),
    )


def _add(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts per name; names keep the order in which they came."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)
