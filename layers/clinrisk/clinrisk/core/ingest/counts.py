"""What a chunk counted; counts add up, and they never carry a value. Standard library only."""

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
    """How many rows went where: `rows` = `accepted` + `quarantined`, always."""

    rows: int
    accepted: int
    quarantined: int
    labelled: int = 0
    missing: Mapping[str, int] = field(default_factory=dict)
    """Per column, the accepted rows in which it was not measured."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Per reason, the quarantined rows for which it comes first: they add up to `quarantined`."""
    first_rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Per reason, the first row numbers, at most 20."""
    measured: Mapping[str, int] = field(default_factory=dict)
    """Per column that could be in another unit, how many numbers were read, accepted or not."""
    foreign: Mapping[str, int] = field(default_factory=dict)
    """Per "column:unit", how many numbers fit only that other unit."""

    def __post_init__(self) -> None:
        if self.accepted + self.quarantined != self.rows or sum(self.reasons.values()) != self.quarantined:
            message = f"{self.rows} rows, but {self.accepted} accepted and {self.quarantined} quarantined."
            raise CountsDisagree(message)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def add_counts(parts: Iterable[RowCounts]) -> RowCounts:
    """Add the counts of chunks, given in file order.

    >>> part = RowCounts(2, 1, 1, reasons={"short_row": 1}, first_rows={"short_row": (2,)})
    >>> add_counts([part, part]).reasons
    {'short_row': 2}
    """
    whole = list(parts)
    return RowCounts(
        sum(part.rows for part in whole),
        sum(part.accepted for part in whole),
        sum(part.quarantined for part in whole),
        sum(part.labelled for part in whole),
        _add(part.missing for part in whole),
        _add(part.reasons for part in whole),
        {
            reason: tuple(
                sorted(row for part in whole for row in part.first_rows.get(reason, ()))[:FIRST_ROWS]
            )
            for reason in _add(part.reasons for part in whole)
        },
        _add(part.measured for part in whole),
        _add(part.foreign for part in whole),
    )


def _add(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts per name; names keep the order in which they came."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)
