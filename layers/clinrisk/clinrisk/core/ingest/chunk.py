"""The content of a chunk, read once: features, quarantine, counts, profile and vault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest import featurize, identity
from clinrisk.core.ingest.answers.answer_columns import (
    REPLACES_CODE,
    feedback_columns,
    outcome_columns,
    prediction_columns,
)
from clinrisk.core.ingest.answers.labels import label_code, read_label
from clinrisk.core.ingest.cells import Violation, column_type, read_column
from clinrisk.core.ingest.csv_file.head import OUTCOME_COLUMNS
from clinrisk.core.ingest.csv_file.lines import LINE, count_rows_roughly, read_lines
from clinrisk.core.ingest.pseudonyms import hex_of, record_words, words_of
from clinrisk.core.ingest.quarantine import count_rows, quarantine_frame, valid_rows
from clinrisk.core.ingest.row_faults import (
    column_facts,
    essential_missing,
    nothing_measured,
    repeated_headers,
)
from clinrisk.core.ingest.rules import LONGEST_LINE, FileRule, RowRule
from clinrisk.core.profiles.frame_profile import profile_of_frames
from clinrisk.messages.ingest import RowCounts
from clinrisk.use_cases import feedback_codes

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from clinrisk.core.ingest.csv_file.lines import Lines
    from clinrisk.core.ingest.pseudonyms import Words
    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase

_LINES_ALWAYS_READ = 50_000
_FEWEST_BYTES_PER_CELL = 1.25


@dataclass(frozen=True)
class ParsedChunk:
    """The content of one chunk. `features` and `vault` hold the accepted rows, in file order.

    features: record_id, row, label (training only), group_<attribute> ..., then the model's inputs; of
    predictions that others made also risk, flagged, predicted_on and model_version; for outcomes record_id,
    row, label, date, replaces; for feedback record_id (of patient, role and day), row, patient (the record id
    of the prediction), response, reason, role, date. vault: record_id, row, source_id (the hospital's own id;
    the record id where a use case has none). quarantine: QUARANTINE_SCHEMA. profile: None for outcomes and
    feedback.
    """

    features: pl.DataFrame
    quarantine: pl.DataFrame
    counts: RowCounts
    profile: Profile | None
    vault: pl.DataFrame
    duplicates: identity.Duplicates = field(default_factory=identity.Duplicates)
    """The duplicate ids, and what `cross_chunk` compares with the other chunks."""
    scores: ScoreProfile | None = None
    """Of predictions that others made."""


def read_chunk(  # noqa: PLR0917  # the context of a chunk, in the order of the contract
    data: bytes,
    use_case: UseCase,
    purpose: str,
    header: Sequence[str],
    first_row: int,
    pseudonym_key: bytes,
    other_chunks: pl.DataFrame | None = None,
    *,
    arrived_on: dt.date | None = None,
) -> ParsedChunk:
    """Return the content of complete lines of a file whose head has no problems.

    No outcome and no response may be dated after the day of `arrived_on`, where it is given.

    `data` starts after the header; `first_row` numbers its first line (2 for the line after the header).
    Where a file is cut changes no row, once a chunk that shares ids (or equal rows, where there are none)
    with other chunks is read again with what they hold (`other_chunks`, from `cross_chunk`).
    """
    unreadable = _unreadable(data, len(header))
    if unreadable is None:
        lines = read_lines(data, header, _types(use_case, purpose, header))
        context = _Context(
            use_case, first_row, pseudonym_key, other_chunks, use_case.id_in(header), _ending(data)
        )
        if purpose in {"outcomes", "feedback"}:
            return _read_answers(lines, context, arrived_on, purpose)
        return _read_patients(lines, context, arrived_on, labelled=purpose == "training")
    # Not parsed at all: all its rows are quarantined and the file is rejected.
    rows = count_rows_roughly(data)
    empty = read_chunk(b"", use_case, purpose, header, first_row, pseudonym_key, arrived_on=arrived_on)
    counts = RowCounts(rows, 0, rows, reasons={str(unreadable): rows})
    return ParsedChunk(empty.features, empty.quarantine, counts, empty.profile, empty.vault)


def _types(use_case: UseCase, purpose: str, header: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the types that columns are parsed as; ids and dates stay text."""
    label = column_type(label_code(use_case.label))
    if purpose == "feedback":
        return {column.name: column_type(column) for column in feedback_codes.CODES}
    if purpose == "outcomes":
        types = {OUTCOME_COLUMNS[1]: label, REPLACES_CODE.name: column_type(REPLACES_CODE)}
        return {name: kind for name, kind in types.items() if name in header}
    types = {column.name: column_type(column) for column in use_case.file_columns}
    return types | {use_case.label.column: label} if purpose == "training" else types


@dataclass(frozen=True)
class _Context:
    """What a chunk is read with besides its lines."""

    use_case: UseCase
    first_row: int
    key: bytes
    other_chunks: pl.DataFrame | None
    id_column: str | None
    ending: dict[str, int]
    """The facts that the chunk has no line end, and that it ends inside a line of more than LONGEST_LINE."""


def _ending(data: bytes) -> dict[str, int]:
    if not data or data.endswith(b"\n"):
        return {}
    return {"unended": 1, "cut_line": int(len(data) - data.rfind(b"\n") - 1 > LONGEST_LINE)}


def _read_patients(
    lines: Lines, context: _Context, arrived_on: dt.date | None, *, labelled: bool
) -> ParsedChunk:
    """Return the content of a chunk of patients, with or without an outcome, or with another model's risk."""
    cells, use_case = lines.cells, context.use_case
    violations: list[Violation] = []
    ids = None
    id_column = context.id_column
    if id_column:
        ids, violations = identity.read_ids(
            cells[id_column], id_column, unlike_ours=use_case.id_column is None
        )
    read = {column.name: read_column(lines, column) for column in use_case.file_columns}
    violations += [one for values in read.values() for one in values.violations]
    values = {name: column.values for name, column in read.items()}
    content = list(values.values())
    if labelled:
        label, unlabelled = read_label(lines, use_case.label)
        violations += unlabelled
        content.append(label)
    predicted: list[pl.Series] = []
    if use_case.external is not None:
        predicted, wrong = prediction_columns(lines, arrived_on)
        violations += wrong
        content += predicted
    # A patient of whom nothing is known, but who has an id, is answered; a row of commas is nobody.
    nothing = nothing_measured(read) if labelled or ids is None else []
    violations = [*repeated_headers(lines), *nothing, *violations]
    absent = essential_missing(read, use_case)
    if labelled:
        violations += absent
    if ids is not None and id_column:
        words, _ = record_words(ids, context.key)
        duplicates = _find_duplicates(ids, words, content, violations, context)
        violations += duplicates.violations(id_column)
    keep = valid_rows(cells.height, violations)
    every = keep.all()
    if not every:
        values = {name: series.filter(keep) for name, series in values.items()}
    if ids is None:
        words, duplicates = identity.number_equal_rows(
            featurize.canonical_rows(use_case, values), context.key, context.other_chunks
        )
        record_id = source_id = hex_of(words)
    else:
        source_id = ids if every else ids.filter(keep)
        record_id = hex_of(words if every else words[keep.to_numpy()])
    rows = _row_numbers(cells, keep, context.first_row)
    labels = [label.filter(keep).alias("label")] if labelled else []
    groups = featurize.groups_frame(use_case, values)
    inputs = featurize.features_frame(use_case, values)
    risks, scores = featurize.predictions_frame(
        use_case, values, groups, [column.filter(keep) for column in predicted]
    )
    quarantine = quarantine_frame(lines, violations, context.first_row)
    return ParsedChunk(
        pl.DataFrame([record_id, rows, *labels]).hstack(risks).hstack(groups).hstack(inputs),
        quarantine,
        count_rows(
            quarantine,
            len(rows),
            labelled=len(rows) if labelled else 0,
            not_scorable=_count_rows_of(absent, keep),
            missing={name: n for name, series in values.items() if (n := series.null_count())},
            facts=context.ending
            | {"ids": 0 if ids is None else len(keep)}
            | column_facts(read, violations, label if labelled else None, keep),
        ),
        profile_of_frames(use_case, inputs, groups, labels[0] if labels else None),
        pl.DataFrame([record_id, rows, source_id.alias("source_id")]),
        duplicates,
        scores,
    )


def _read_answers(lines: Lines, context: _Context, arrived_on: dt.date | None, purpose: str) -> ParsedChunk:
    """Return the content of a chunk of outcomes or feedback: whom each row is about, and its columns.

    A patient has one outcome in a file, and one response per role and day.
    """
    id_column, use_case = OUTCOME_COLUMNS[0], context.use_case
    of_hospital = bool(use_case.id_column or use_case.optional_id_column)
    ids, violations = identity.read_ids(lines.cells[id_column], id_column, of_hospital=of_hospital)
    words = record_words(ids, context.key)[0] if of_hospital else words_of(ids)
    if of_hospital and not use_case.id_column:
        # Of patients who came without an id, these files name the record ids of the results.
        ours = identity.are_record_ids(ids)
        words = np.where(ours.to_numpy()[:, None], words_of(ids.set(~ours, None)), words)
    if purpose == "outcomes":
        columns, wrong = outcome_columns(lines, use_case.label, arrived_on)
        content, conflict = columns, RowRule.ID_CONFLICTING
    else:
        values, wrong = feedback_columns(lines, arrived_on)
        patient = hex_of(words).alias("patient")
        columns = [patient, *values]
        *content, role, date = values
        ids = patient.set(ids.is_null(), None) + "|" + role + "|" + date.cast(pl.String)
        words, conflict = record_words(ids, context.key)[0], RowRule.RESPONSES_CONFLICT
    violations = [*repeated_headers(lines), *violations, *wrong]
    duplicates = _find_duplicates(ids, words, content, violations, context)
    violations += duplicates.violations(id_column, conflict)
    keep = valid_rows(lines.cells.height, violations)
    rows = _row_numbers(lines.cells, keep, context.first_row)
    record_id = hex_of(words[keep.to_numpy()])
    quarantine = quarantine_frame(lines, violations, context.first_row)
    labelled = len(rows) if purpose == "outcomes" else 0
    return ParsedChunk(
        pl.DataFrame([record_id, rows, *(column.filter(keep) for column in columns)]),
        quarantine,
        count_rows(quarantine, len(rows), labelled=labelled, facts=context.ending),
        None,
        pl.DataFrame([record_id, rows, ids.filter(keep).alias("source_id")]),
        duplicates,
    )


def _unreadable(data: bytes, columns: int) -> FileRule | None:
    """Return why the chunk is not parsed: it is not text, or its lines are nearly all empty."""
    if b"\0" in data:
        return FileRule.BINARY
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return FileRule.NOT_UTF8
    lines = int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))
    # A line costs memory however little it holds; real rows have a character per cell and separators.
    mostly_empty = lines > _LINES_ALWAYS_READ and len(data) < lines * columns * _FEWEST_BYTES_PER_CELL
    return FileRule.MOSTLY_EMPTY if mostly_empty else None


def _count_rows_of(violations: Sequence[Violation], keep: pl.Series) -> int:
    """Return how many of the kept rows any violation is about."""
    return int((keep & ~valid_rows(len(keep), violations)).sum()) if violations else 0


def _find_duplicates(
    ids: pl.Series,
    words: Words,
    content: Sequence[pl.Series],
    violations: Sequence[Violation],
    context: _Context,
) -> identity.Duplicates:
    """Return repeated and conflicting ids among the rows that violate no other rule."""
    return identity.find_duplicates(
        ids, words, content, valid_rows(len(ids), violations), context.other_chunks
    )


def _row_numbers(cells: pl.DataFrame, keep: pl.Series, first_row: int) -> pl.Series:
    """Return the row numbers of the accepted rows."""
    return (cells[LINE].filter(keep) + first_row).cast(pl.UInt32).alias("row")
