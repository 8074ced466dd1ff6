"""A Parquet or Arrow file, written as CSV to the standard output: a program of its own, for it may be killed.

    python -m clinrisk.core.ingest.table_file.text_program FILE USE_CASE PURPOSE

What a damaged or hostile file makes of the memory ends this process alone (`text_blocks` starts it). The
first line is a JSON list of problems ([rule, columns, detail]); where it is empty, the CSV follows, in slices
that bound the memory. No line of the CSV is more than one row.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from clinrisk import use_cases
from clinrisk.core.ingest.csv_file.content import table_format
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head
from clinrisk.core.ingest.table_file.column_types import as_text, type_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.core.ingest.rules import Problem
    from clinrisk.use_cases.base import UseCase

DAMAGED = 3
"""The exit code where the file cannot be read to its end."""
MEMORY = 2 * 1024**3
"""In bytes, of private memory; the pages of the file itself do not count."""
_ROWS_AT_ONCE = 50_000


def write_text(file: Path, use_case: UseCase, purpose: str, out: BinaryIO) -> None:
    """Write the problems of the columns; where there are none, the table as CSV with a header."""
    table, parquet = _scan(file)
    schema = table.collect_schema()
    header = _header(schema.names())
    problems = [
        *check_file_head(header[:HEAD_BYTES], len(header), use_case, purpose),
        *type_problems(schema, use_case, purpose),
    ]
    out.write(_first_line(problems))
    if problems:
        return
    out.write(header)
    rows_of = _slices if parquet else _batches
    for rows in rows_of(table.select(as_text(schema))):
        rows.write_csv(out, include_header=False)


def _scan(file: Path) -> tuple[pl.LazyFrame, bool]:
    """Return the table, and whether the file is Parquet."""
    with file.open("rb") as opened:
        parquet = "Parquet" in table_format(opened.read(8))
    return (pl.scan_parquet(file) if parquet else pl.scan_ipc(file)), parquet


def _batches(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of an Arrow file in order: each of its batches is unpacked once, and completely."""
    yield from table.collect_batches(chunk_size=_ROWS_AT_ONCE, maintain_order=True)


def _slices(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Yield the rows of a Parquet file in order, some at a time, however large a row group is."""
    height = table.select(pl.len()).collect().item()
    for start in range(0, height, _ROWS_AT_ONCE):
        yield table.slice(start, _ROWS_AT_ONCE).collect()


def _header(names: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(names)
    return line.getvalue().encode(errors="replace")


def _first_line(problems: list[Problem]) -> bytes:
    return json.dumps([[one.rule, one.columns, one.detail] for one in problems]).encode() + b"\n"


def _bound_memory() -> None:
    if sys.platform == "linux":
        import resource  # noqa: PLC0415  # Windows has none

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Return 0 for a file that was read, whatever its problems; DAMAGED for one that could not be."""
    _bound_memory()
    file, use_case, purpose = sys.argv[1:]
    try:
        write_text(Path(file), use_cases.get(use_case), purpose, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        return 0
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main())
