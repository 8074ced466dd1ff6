"""Which patient a row is about: ids checked, duplicate and conflicting rows found, record ids made.

The comparison between the chunks of a file is in `cross_chunk`; the hash itself in `pseudonyms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.cells import Violation
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
_NO_ID = ["", "?", "-", "-9", "-9.0", "n/a", "na", "nan", "nil", "none", "null", "unknown"]

REPEATED_IDS = pl.Schema({"record_id": pl.String(), "occurrences": pl.UInt32(), "conflicting": pl.Boolean()})
"""The ids that a chunk holds more than once: in how many equal rows, or in rows that conflict."""
OTHER_CHUNKS = pl.Schema({"record_id": pl.String(), "before": pl.UInt32(), "conflicting": pl.Boolean()})
"""What the other chunks of a file hold of a chunk's ids: how many rows before, and whether any conflict."""


def _no_positions() -> pl.Series:
    return pl.Series("position", [], dtype=pl.get_index_type())


@dataclass(frozen=True)
class Duplicates:
    """Rows that are quarantined because of their id, by position, and what other chunks are compared with."""

    conflicting: pl.Series = field(default_factory=_no_positions)
    repeated: pl.Series = field(default_factory=_no_positions)
    hashes: Words = field(default_factory=lambda: np.zeros((0, 2), np.uint64))
    """The hash of the id (without ids: of the values) of each row that breaks no other rule."""
    ids: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REPEATED_IDS))
    """Of the schema REPEATED_IDS."""

    def violations(self, column: str, conflict: RowRule = RowRule.ID_CONFLICTING) -> list[Violation]:
        """Return the rows as violations of the rules on ids; `conflict` is that of rows that conflict."""
        found = ((conflict, self.conflicting), (RowRule.ID_REPEATED, self.repeated))
        return [Violation(column, rule, positions) for rule, positions in found if positions.len()]


def read_ids(
    cells: pl.Series, column: str, *, of_hospital: bool = True, unlike_ours: bool = False
) -> tuple[pl.Series, list[Violation]]:
    """Return the ids, null where invalid, and the invalid cells: blank, a formula, or not an id.

    `of_hospital` says that ids are the hospital's own; otherwise they must be record ids of ours. Where
    outcomes or feedback may name patients by either, the hospital's own must be `unlike_ours`.
    """
    pattern = _ID if of_hospital else _RECORD_ID
    if of_hospital and _all_digits(cells):
        return cells, []
    ids = cells.str.strip_chars(_BLANKS)
    blank = ids.str.to_lowercase().is_in(_NO_ID)
    invalid = blank | ~ids.str.contains(pattern)
    if unlike_ours:
        invalid |= are_record_ids(ids)
    if not invalid.any():
        return ids, []
    formula = invalid & ~blank & ids.str.contains(r"^[=+@-]")
    characters = invalid & ~blank & ~formula & ids.str.contains(r"[^\x20-\x7e]")
    malformed = invalid & ~blank & ~formula & ~characters
    rules = (
        (RowRule.ID_BLANK, blank),
        (RowRule.FORMULA, formula),
        (RowRule.CHARACTERS, characters),
        (RowRule.ID_MALFORMED, malformed),
    )
    violations = [Violation(column, rule, mask.arg_true()) for rule, mask in rules if mask.any()]
    return ids.set(invalid, None), violations


def are_record_ids(ids: pl.Series) -> pl.Series:
    """Return which ids have the form of a record id."""
    return ids.str.contains(_RECORD_ID).fill_null(value=False)


def _all_digits(cells: pl.Series) -> bool:
    """Whether every id is a plain number, as most are: much quicker to find out than the full pattern."""
    return not cells.cast(pl.UInt64, strict=False).null_count() and not cells.str.starts_with("+").any()


def find_duplicates(
    ids: pl.Series,
    words: Words,
    content: Sequence[pl.Series],
    valid: pl.Series,
    other_chunks: pl.DataFrame | None,
) -> Duplicates:
    """Find ids that occur more than once among valid rows, in this chunk or in other chunks of the file.

    `words` holds each id's hash, `content` the values that equal rows share, `other_chunks` (of the schema
    OTHER_CHUNKS) what the other chunks hold. Of several equal rows the first is used; rows of one id that
    conflict are all quarantined, because only the sender can say which is right.
    """
    hashes = words if valid.all() else words[valid.to_numpy()]
    found = _duplicates_within(ids.set(~valid, None), words, content) if _any_equal(hashes) else Duplicates()
    if other_chunks is not None:
        found = _add_other_chunks(found, words, valid, other_chunks)
    return replace(found, hashes=hashes)


def number_equal_rows(
    row_texts: pl.Series, key: bytes, other_chunks: pl.DataFrame | None
) -> tuple[Words, Duplicates]:
    """Return record ids for rows without an id: of the row's text and how many equal rows came before it.

    Equal rows are different patients here, so none of them is quarantined.
    """
    words, _ = record_words(row_texts + "#0", key)
    if other_chunks is None and not _any_equal(words):
        return words, Duplicates(hashes=words)
    # Rows that are alone in their hash need no number; comparing the others' texts is what costs.
    shared = pl.Series(words[:, 0]).is_duplicated()
    if other_chunks is not None:
        shared |= hex_of(words).is_in(other_chunks["record_id"].implode())
    positions = shared.arg_true()
    texts, hashed = row_texts.gather(positions), hex_of(words[positions.to_numpy()])
    frame = pl.DataFrame([texts.alias("row"), hashed]).with_columns(
        number=pl.int_range(pl.len()).over("row"), occurrences=pl.len().over("row")
    )
    if other_chunks is not None:
        joined = frame.select("record_id").join(
            other_chunks, on="record_id", how="left", maintain_order="left"
        )
        frame = frame.with_columns(number=pl.col("number") + joined["before"].fill_null(0))
    again = (frame["number"] > 0).arg_true()
    text = frame[again].select(pl.concat_str("row", pl.col("number").cast(pl.String), separator="#"))
    hashes = words.copy()
    words[positions.gather(again).to_numpy()], _ = record_words(text.to_series(), key)
    several = frame.filter(pl.col("occurrences") > 1).unique("record_id", maintain_order=True)
    ids = several.select("record_id", "occurrences", conflicting=False).cast(REPEATED_IDS)
    return words, Duplicates(hashes=hashes, ids=ids)


def _any_equal(words: Words) -> bool:
    """Whether two rows agree in the first half of their hash, as equal ids do and others hardly ever."""
    return pl.Series(words[:, 0]).n_unique() < len(words)


def _duplicates_within(ids: pl.Series, words: Words, content: Sequence[pl.Series]) -> Duplicates:
    """Find the repeated and the conflicting rows of one chunk (null ids are left out)."""
    positions = (ids.is_duplicated() & ids.is_not_null()).arg_true()
    frame = pl.DataFrame(
        {"position": positions, "id": ids.gather(positions)}
        | {f"value_{n}": values.gather(positions) for n, values in enumerate(content)}
    )
    all_values = pl.struct(pl.exclude("position", "id"))
    frame = frame.with_columns(
        conflicting=all_values.n_unique().over("id") > 1, repeated=pl.int_range(pl.len()).over("id") > 0
    )
    conflicting = frame.filter("conflicting")["position"]
    repeated = frame.filter(~pl.col("conflicting") & pl.col("repeated"))["position"]
    record_ids = hex_of(words[conflicting.to_numpy()]).unique(maintain_order=True)
    found = pl.DataFrame([record_ids]).with_columns(occurrences=1, conflicting=True).cast(REPEATED_IDS)
    return Duplicates(conflicting, repeated, ids=found)


def _add_other_chunks(
    found: Duplicates, words: Words, valid: pl.Series, other_chunks: pl.DataFrame
) -> Duplicates:
    """Add the rows whose id conflicts with a row of another chunk, or came before in one."""
    positions = valid.arg_true()
    rows = pl.DataFrame([positions.alias("position"), hex_of(words[positions.to_numpy()])])
    shared = rows.join(other_chunks, on="record_id", maintain_order="left")
    conflicting = pl.concat([found.conflicting, shared.filter("conflicting")["position"]]).unique().sort()
    repeated = pl.concat([found.repeated, shared.filter(pl.col("before") > 0)["position"]]).unique().sort()
    repeated = repeated.filter(~repeated.is_in(conflicting.implode()))
    return Duplicates(conflicting, repeated, ids=found.ids)
