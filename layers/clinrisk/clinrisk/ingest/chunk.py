"""One read of a chunk's bytes: features, quarantine, counts, profile and vault, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk import profiles
from clinrisk.ingest import featurize, identity
from clinrisk.ingest.aside import QUARANTINE_SCHEMA, count_rows, kept, quarantine_frame
from clinrisk.ingest.cells import Broken, read_code, read_column
from clinrisk.ingest.counts import Counts
from clinrisk.ingest.head import OUTCOME_COLUMNS
from clinrisk.ingest.lines import LINE, count_rows_roughly, read_lines
from clinrisk.ingest.rules import FileRule, RowRule
from clinrisk.use_cases.base import GROUP_PREFIX, Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.ingest.lines import Lines
    from clinrisk.profiles import Profile
    from clinrisk.use_cases.base import Label, UseCase

_LINES_ALWAYS_READ = 50_000
_FEWEST_BYTES_PER_CELL = 1.25
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@dataclass(frozen=True)
class Chunk:
    """What one chunk became. `features` and `vault` hold the accepted rows, in file order.

    features: record_id, row, label (training only), group_<attribute> ..., then the model's inputs; for
    outcomes record_id, row, label, date. vault: record_id, row, source_id (the hospital's own id; the record
    id where a use case has none).
    """

    features: pl.DataFrame
    quarantine: pl.DataFrame
    counts: Counts
    profile: Profile | None
    vault: pl.DataFrame


def read_chunk(  # noqa: PLR0917  # the six facts of a chunk, in the order of the contract
    data: bytes, use_case: UseCase, purpose: str, header: Sequence[str], first_row: int, pseudonym_key: bytes
) -> Chunk:
    """Read whole lines of a file whose head passed `check_file_head`.

    `data` starts after the header; `first_row` numbers its first line (1 for the line after the header).
    Where a file is cut changes no row, but for repeats (of ids, and of rows without ids), which are found
    within a chunk, and a cell with a line break, whose two halves then count as two bad rows.
    """
    unreadable = _unreadable(data, len(header))
    if unreadable is None:
        lines = read_lines(data, header)
        if purpose == "outcomes":
            return _read_outcomes(lines, use_case, first_row, pseudonym_key)
        return _read_patients(lines, use_case, first_row, pseudonym_key, labelled=purpose == "training")
    # Nothing of it can be trusted: all its rows go, and with them the file.
    rows = count_rows_roughly(data)
    empty = read_chunk(b"", use_case, purpose, header, first_row, pseudonym_key)
    counts = Counts(rows, 0, rows, reasons={str(unreadable): rows})
    return Chunk(empty.features, empty.quarantine, counts, empty.profile, empty.vault)


def _read_patients(lines: Lines, use_case: UseCase, first_row: int, key: bytes, *, labelled: bool) -> Chunk:
    """Read a training or inference chunk."""
    cells = lines.cells
    broken: list[Broken] = []
    ids = None
    if use_case.id_column:
        ids, broken = identity.read_ids(cells[use_case.id_column], use_case.id_column)
    read = {column.name: read_column(cells[column.name], column) for column in use_case.columns}
    broken += [one for values in read.values() for one in values.broken]
    values = {name: column.values for name, column in read.items()}
    content = list(values.values())
    if labelled:
        label, unlabelled = _read_label(cells[use_case.label.column], use_case.label)
        broken += unlabelled
        content.append(label)
    broken = [*_not_patients(cells, values), *broken]
    if ids is not None and use_case.id_column:
        broken += _repeated(ids, content, broken, use_case.id_column)
    keep = kept(cells.height, broken)
    values = {name: series.filter(keep) for name, series in values.items()}
    rows = _row_numbers(cells, keep, first_row)
    if ids is None:
        record_id = identity.ids_from_rows(featurize.canonical_rows(use_case, values), key)
        source_id = record_id
    else:
        source_id = ids.filter(keep)
        record_id = identity.ids_from_texts(source_id, key)
    labels = [label.filter(keep).alias("label")] if labelled else []
    groups = featurize.groups_frame(use_case, values)
    inputs = featurize.features_frame(use_case, values)
    quarantine = quarantine_frame(lines, broken, first_row)
    return Chunk(
        pl.DataFrame([record_id, rows, *labels]).hstack(groups).hstack(inputs),
        quarantine,
        count_rows(
            quarantine,
            len(rows),
            labelled=len(rows) if labelled else 0,
            missing={name: n for name, series in values.items() if (n := series.null_count())},
            read=read,
        ),
        _profile(use_case, inputs, groups, labels[0] if labels else None),
        pl.DataFrame([record_id, rows, source_id.alias("source_id")]),
    )


def _read_outcomes(lines: Lines, use_case: UseCase, first_row: int, key: bytes) -> Chunk:
    """Read an outcomes chunk: whose outcome, which, and when."""
    id_column, label_column, date_column = OUTCOME_COLUMNS
    cells = lines.cells
    own_ids = use_case.id_column is not None
    ids, broken = identity.read_ids(cells[id_column], id_column, of_hospital=own_ids)
    label, unlabelled = _read_label(cells[label_column], use_case.label, label_column)
    text = cells[date_column].str.strip_chars(" \t")
    date = text.str.to_date("%Y-%m-%d", strict=False).alias("date")
    undated = date.is_null() | ~text.str.contains(_DATE)
    broken += unlabelled
    if undated.any():
        broken.append(Broken(date_column, RowRule.NOT_A_DATE, undated.arg_true()))
    broken = [*_repeated_headers(cells), *broken]
    broken += _repeated(ids, [label, date], broken, id_column)
    keep = kept(cells.height, broken)
    rows = _row_numbers(cells, keep, first_row)
    source_id = ids.filter(keep).alias("source_id")
    record_id = identity.ids_from_texts(source_id, key) if own_ids else source_id.alias("record_id")
    quarantine = quarantine_frame(lines, broken, first_row)
    return Chunk(
        pl.DataFrame([record_id, rows, label.filter(keep).alias("label"), date.filter(keep)]),
        quarantine,
        count_rows(quarantine, len(rows), labelled=len(rows)),
        None,
        pl.DataFrame([record_id, rows, source_id]),
    )


def _unreadable(data: bytes, columns: int) -> FileRule | None:
    """Return why the chunk must not even be split into cells: not text, or next to nothing but line ends."""
    if b"\0" in data:
        return FileRule.BINARY
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return FileRule.NOT_UTF8
    lines = data.count(b"\n")
    # A line costs memory however little it holds; real rows have a character per cell and separators.
    mostly_empty = lines > _LINES_ALWAYS_READ and len(data) < lines * columns * _FEWEST_BYTES_PER_CELL
    return FileRule.MOSTLY_EMPTY if mostly_empty else None


def _read_label(cells: pl.Series, label: Label, column: str | None = None) -> tuple[pl.Series, list[Broken]]:
    """Return 0 or 1 per row, and the cells that hold no label."""
    name = column or label.column
    classes = list(label.classes.values())
    read = read_code(cells, Code(name, label.title, dict.fromkeys(label.classes, "")), RowRule.UNKNOWN_LABEL)
    table = dict(enumerate(classes))
    labels = read.values.replace_strict(table, default=None, return_dtype=pl.Int8)
    broken = list(read.broken)
    # What is null without having broken a rule was a missing marker.
    absent = labels.is_null() & kept(len(labels), broken)
    if absent.any():
        broken.append(Broken(name, RowRule.LABEL_MISSING, absent.arg_true()))
    return labels, broken


def _repeated_headers(cells: pl.DataFrame) -> list[Broken]:
    """Find the lines that repeat the header, as files that were put one after the other have them."""
    first, second = [name for name in cells.columns if name != LINE][:2]
    repeated = cells[first] == first
    if repeated.any():
        repeated &= cells[second] == second
    return [Broken("", RowRule.REPEATED_HEADER, repeated.arg_true())] if repeated.any() else []


def _not_patients(cells: pl.DataFrame, values: Mapping[str, pl.Series]) -> list[Broken]:
    """Find the lines that describe nobody: repeated headers, and rows in which nothing was measured."""
    found = _repeated_headers(cells)
    columns = sorted(values, key=lambda name: -values[name].null_count())
    if columns and values[columns[-1]].null_count():
        nothing = pl.DataFrame([values[name].is_null() for name in columns]).select(
            pl.all_horizontal(pl.all())
        )
        blank = pl.DataFrame([cells[name].str.strip_chars(" \t?") for name in columns]).select(
            pl.all_horizontal(pl.all().is_in(["", "N/A", "-9"]))
        )
        empty = nothing.to_series() & blank.to_series()
        if empty.any():
            found.append(Broken("", RowRule.EMPTY_ROW, empty.arg_true()))
    return found


def _repeated(
    ids: pl.Series, content: Sequence[pl.Series], broken: Sequence[Broken], column: str
) -> list[Broken]:
    """Find repeated and conflicting ids among the rows that break no other rule."""
    good = kept(len(ids), broken)
    return identity.repeated_ids(ids if good.all() else ids.set(~good, None), content, column)


def _row_numbers(cells: pl.DataFrame, keep: pl.Series, first_row: int) -> pl.Series:
    """Return the row numbers of the rows that stay."""
    return (cells[LINE].filter(keep) + first_row).cast(pl.UInt32).alias("row")


def _profile(
    use_case: UseCase, inputs: pl.DataFrame, groups: pl.DataFrame, labels: pl.Series | None
) -> Profile:
    """Profile the accepted rows."""
    return profiles.profile_of(
        use_case,
        {series.name: series.to_numpy() for series in inputs},
        {series.name.removeprefix(GROUP_PREFIX): _count(series) for series in groups},
        None if labels is None else {0: 0, 1: 0} | _count(labels),
    )


def _count(series: pl.Series) -> dict[Any, int]:
    """Count rows per value, values sorted."""
    table = series.value_counts().sort(series.name)
    return dict(zip(table[series.name].to_list(), table["count"].to_list(), strict=True))


__all__ = ["QUARANTINE_SCHEMA", "Chunk", "read_chunk"]
