"""Who a row is about: ids checked, repeats and contradictions found, record ids made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.ingest.cells import Broken
from clinrisk.ingest.rules import RowRule
from clinrisk.pseudonyms import RECORD_ID_LENGTH, record_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

# Printable ASCII that starts and ends with a letter or a digit: nothing that a spreadsheet runs, nothing
# invisible, no look-alikes; ids go back to people in the results.
_ID = r"^[A-Za-z0-9](?:[A-Za-z0-9 ._:/#-]{0,62}[A-Za-z0-9])?$"
_RECORD_ID = f"^[0-9a-f]{{{RECORD_ID_LENGTH}}}$"
_BLANKS = " \t"
_SLICE = 100_000


def read_ids(cells: pl.Series, column: str, *, of_hospital: bool = True) -> tuple[pl.Series, list[Broken]]:
    """Return the ids, null where broken, and the broken cells: blank ones and ones that are no id."""
    ids = cells.str.strip_chars(_BLANKS)
    bad = ~ids.str.contains(_ID if of_hospital else _RECORD_ID)
    if not bad.any():
        return ids, []
    blank = bad & (ids.is_in(["", "?", "N/A"]))
    formula = bad & ids.str.contains(r"^[=+@-]")
    strange = bad & ~formula & ids.str.contains(r"[^\x20-\x7e]")
    other = bad & ~blank & ~formula & ~strange
    rules = (
        (RowRule.ID_BLANK, blank),
        (RowRule.FORMULA, formula),
        (RowRule.CHARACTERS, strange),
        (RowRule.ID_MALFORMED, other),
    )
    broken = [Broken(column, rule, test.arg_true()) for rule, test in rules if test.any()]
    return ids.set(bad, None), broken


def repeated_ids(ids: pl.Series, content: Sequence[pl.Series], column: str) -> list[Broken]:
    """Find ids that occur more than once among good rows (null ids are left out).

    The first of several equal rows stays and the others are repeats; rows of one id that contradict each
    other all go, since nobody here can tell which is right.
    """
    unknown = ids.null_count()
    # Counting distinct ids is seven times faster than finding the repeats, and there are hardly ever any.
    if ids.n_unique() - bool(unknown) == len(ids) - unknown:
        return []
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
    found = ((RowRule.ID_CONFLICTING, conflicts), (RowRule.ID_REPEATED, repeats))
    return [Broken(column, rule, where) for rule, where in found if where.len()]


def ids_from_texts(ids: pl.Series, key: bytes) -> pl.Series:
    """Return the record ids of texts that name a patient or a row."""
    # Slice by slice: a text of Python takes three times the memory of one of polars.
    slices = [ids.slice(start, _SLICE) for start in range(0, len(ids), _SLICE)]
    made = [pl.Series("record_id", record_ids(part.to_list(), key), dtype=pl.String) for part in slices]
    return pl.concat(made) if made else pl.Series("record_id", [], dtype=pl.String)


def ids_from_rows(canonical: pl.Series, key: bytes) -> pl.Series:
    """Return the record ids of rows without an id: the row's text and how often it occurred before."""
    numbered = (
        pl.DataFrame([canonical.alias("row")])
        .select(pl.concat_str("row", pl.int_range(pl.len()).over("row").cast(pl.String), separator="#"))
        .to_series()
    )
    return ids_from_texts(numbered, key)
