"""A complete file in memory, checked as one chunk: the verdict of the inbox before anything is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file import content
from clinrisk.core.ingest.csv_file.cutting import FIRST_ROW
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head, read_header
from clinrisk.core.ingest.quarantine import QUARANTINE_SCHEMA
from clinrisk.core.ingest.table_file import text_blocks
from clinrisk.core.ingest.verdict import FileVerdict, decide, refuse

if TYPE_CHECKING:
    import datetime as dt

    from clinrisk.use_cases.base import UseCase

# The record ids made here are thrown away, so any key will do.
_KEY = b"offline"


def check_file(
    data: bytes, use_case: UseCase, purpose: str, arrived_on: dt.date | None = None
) -> FileVerdict:
    """Return the verdict of `check_rows` alone.

    >>> from clinrisk import use_cases
    >>> dict(check_file(b"", use_cases.get("heart"), "training").reasons)
    {'empty_file': 1}
    """
    return check_rows(data, use_case, purpose, arrived_on)[0]


def check_rows(
    data: bytes, use_case: UseCase, purpose: str, arrived_on: dt.date | None = None
) -> tuple[FileVerdict, pl.DataFrame]:
    """Return the verdict on the bytes of a file, and its quarantined rows (QUARANTINE_SCHEMA).

    Outcomes and feedback are held against the day of arrival where it is given. A file with problems in its
    head has no rows: nothing behind its head is read.
    """
    head = data[:HEAD_BYTES]
    problems = check_file_head(head, len(data), use_case, purpose)
    if problems:
        return refuse(problems), pl.DataFrame(schema=QUARANTINE_SCHEMA)
    if content.table_format(head):
        try:
            data = text_blocks.text_of(data, use_case.name, purpose)
        except text_blocks.TableRefused as refused:
            return refuse(refused.problems), pl.DataFrame(schema=QUARANTINE_SCHEMA)
    header = read_header(data[:HEAD_BYTES])
    chunk = read_chunk(
        data[header.length :], use_case, purpose, header.names, FIRST_ROW, _KEY, arrived_on=arrived_on
    )
    return decide(chunk.counts, use_case), chunk.quarantine
