"""Who a row is about: ids checked, repeats and contradictions found, record ids made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.cells import Broken
from clinrisk.core.ingest.pseudonyms import RECORD_ID_LENGTH, hex_of, record_words
from clinrisk.core.ingest.rules import RowRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.ingest.pseudonyms import Words

# Printable ASCII that starts and ends with a letter or a digit: nothing that a spreadsheet runs, nothing
# invisible, no look-alikes; ids go back to people in the results.
_ID = r"^[A-Za-z0-9](?:[A-Za-z0-9 ._:/#-]{0,62}[A-Za-z0-9])?$"
_RECORD_ID = f"^[0-9a-f]{{{RECORD_ID_LENGTH}}}$"
_BLANKS = " \t"
# What programs write where there is no id; as an id it would make one patient of many.
_NOBODY = ["", "?", "-", "-9", "-9.0", "n/a", "na", "nan", "nil", "none", "null", "unknown"]

CONTESTED = {"record_id": pl.String(), "occurrences": pl.UInt32(), "conflicting": pl.Boolean()}
"""Ids of which a chunk has more to say than that they occur: rows in conflict, or how many equal rows."""
ELSEWHERE = {"record_id": pl.String(), "before": pl.UInt32(), "conflicting": pl.Boolean()}
"""What the other chunks say of a chunk's ids: how often they came before, whether anything contradicts."""


def _none() -> pl.Series:
    return pl.Series("position", [], dtype=pl.get_index_type())


@dataclass(frozen=True)
class Repeats:
    """Rows that must go because of their id, by position, and what other chunks have to know."""

    conflicts: pl.Series = field(default_factory=_none)
    repeats: pl.Series = field(default_factory=_none)
    seen: Words = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    """The hashes of all good rows, for the comparison with other chunks."""
    contested: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CONTESTED))

    def broken(self, column: str) -> list[Broken]:
        """Return the rows as broken rules."""
        found = ((RowRule.ID_CONFLICTING, self.conflicts), (RowRule.ID_REPEATED, self.repeats))
        return [Broken(column, rule, where) for rule, where in found if where.len()]


def read_ids(cells: pl.Series, column: str, *, of_hospital: bool = True) -> tuple[pl.Series, list[Broken]]:
    """Return the ids, null where broken, and the broken cells: blank ones and ones that are no id."""
    pattern = _ID if of_hospital else _RECORD_ID
    if of_hospital and _all_numbers(cells):
        return cells, []
    ids = cells.str.strip_chars(_BLANKS)
    blank = ids.str.to_lowercase().is_in(_NOBODY)
    bad = blank | ~ids.str.contains(pattern)
    if not bad.any():
        return ids, []
    formula = bad & ~blank & ids.str.contains(r"^[=+@-]")
    strange = bad & ~blank & ~formula & ids.str.contains(r"[^\x20-\x7e]")
    other = bad & ~blank & ~formula & ~strange
    rules = (
        (RowRule.ID_BLANK, blank),
        (RowRule.FORMULA, formula),
        (RowRule.CHARACTERS, strange),
        (RowRule.ID_MALFORMED, other),
    )
    broken = [Broken(column, rule, test.arg_true()) for rule, test in rules if test.any()]
    return ids.set(bad, None), broken


def _all_numbers(cells: pl.Series) -> bool:
    """Whether every id is nothing but digits, as most are: far quicker to see than what else an id may be."""
    whole = not cells.cast(pl.UInt64, strict=False).null_count()
    return whole and not cells.str.starts_with("+").any()


def repeated(
    ids: pl.Series,
    words: Words,
    content: Sequence[pl.Series],
    good: pl.Series,
    elsewhere: pl.DataFrame | None,
) -> Repeats:
    """Find ids that occur more than once among good rows, here or (`elsewhere`) in other chunks of the file.

    The first of several equal rows stays and the others are repeats; rows of one id that contradict each
    other all go, since nobody here can tell which is right.
    """
    seen = words if good.all() else words[good.to_numpy()]
    found = _within(ids.set(~good, None), words, content) if _any_equal(seen) else Repeats()
    if elsewhere is not None:
        found = _with_others(found, words, good, elsewhere)
    return replace(found, seen=seen)


def numbered(canonical: pl.Series, key: bytes, elsewhere: pl.DataFrame | None) -> tuple[Words, Repeats]:
    """Give record ids to rows without an id: the row's text and how often it occurred before in the file."""
    words, _ = record_words(canonical + "#0", key)
    if elsewhere is None and not _any_equal(words):
        return words, Repeats(seen=words)
    first = pl.Series("record_id", hex_of(words))
    frame = pl.DataFrame([canonical.alias("row"), first]).with_columns(
        number=pl.int_range(pl.len()).over("row"), occurrences=pl.len().over("row")
    )
    if elsewhere is not None:
        before = frame.select("record_id").join(elsewhere, on="record_id", how="left", maintain_order="left")[
            "before"
        ]
        frame = frame.with_columns(number=pl.col("number") + before.fill_null(0))
    again = (frame["number"] > 0).arg_true()
    text = frame[again].select(pl.concat_str("row", pl.col("number").cast(pl.String), separator="#"))
    seen = words.copy()
    words[again.to_numpy()], _ = record_words(text.to_series(), key)
    several = frame.filter(pl.col("occurrences") > 1).unique("record_id", maintain_order=True)
    contested = several.select("record_id", pl.col("occurrences").cast(pl.UInt32), conflicting=False)
    return words, Repeats(seen=seen, contested=contested.cast(CONTESTED))  # type: ignore[arg-type]  # see above


def _any_equal(words: Words) -> bool:
    """Whether two rows agree in the first half of their hash, as equal ids do and others hardly ever."""
    return pl.Series(words[:, 0]).n_unique() < len(words)


def _within(ids: pl.Series, words: Words, content: Sequence[pl.Series]) -> Repeats:
    """Find the repeats and contradictions within the chunk (null ids are left out)."""
    positions = (ids.is_duplicated() & ids.is_not_null()).arg_true()
    frame = pl.DataFrame(
        {"position": positions, "id": ids.gather(positions)}
        | {f"value_{n}": values.gather(positions) for n, values in enumerate(content)}
    )
    everything = pl.struct(pl.exclude("position", "id"))
    frame = frame.with_columns(
        conflicting=everything.n_unique().over("id") > 1, repeat=pl.int_range(pl.len()).over("id") > 0
    )
    conflicts = frame.filter("conflicting")["position"]
    repeats = frame.filter(~pl.col("conflicting") & pl.col("repeat"))["position"]
    ids_in_conflict = hex_of(words[conflicts.to_numpy()]).unique(maintain_order=True)
    contested = pl.DataFrame([ids_in_conflict]).with_columns(occurrences=1, conflicting=True).cast(CONTESTED)  # type: ignore[arg-type]  # polars' stub wants the classes, not instances
    return Repeats(conflicts, repeats, contested=contested)


def _with_others(found: Repeats, words: Words, good: pl.Series, elsewhere: pl.DataFrame) -> Repeats:
    """Add what other chunks say: ids that contradict one another there, and ids that came before."""
    positions = good.arg_true()
    rows = pl.DataFrame([positions.alias("position"), hex_of(words[positions.to_numpy()])])
    told = rows.join(elsewhere, on="record_id", maintain_order="left")
    conflicts = pl.concat([found.conflicts, told.filter("conflicting")["position"]]).unique().sort()
    repeats = pl.concat([found.repeats, told.filter(pl.col("before") > 0)["position"]]).unique().sort()
    repeats = repeats.filter(~repeats.is_in(conflicts.implode()))
    return Repeats(conflicts, repeats, contested=found.contested)
