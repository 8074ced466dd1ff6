"""A complete file in memory, checked as one chunk: the verdict of the inbox before anything is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.cutting import FIRST_ROW
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head, read_header
from clinrisk.core.ingest.verdict import FileVerdict, decide, refuse

if TYPE_CHECKING:
    import datetime as dt

    from clinrisk.use_cases.base import UseCase

# The record ids made here are thrown away, so any key will do.
_KEY = b"offline"


def check_file(
    data: bytes, use_case: UseCase, purpose: str, arrived_on: dt.date | None = None
) -> FileVerdict:
    """Return the verdict on the bytes of a file; outcomes are held against its day of arrival where given.

    >>> from clinrisk import use_cases
    >>> dict(check_file(b"", use_cases.get("heart"), "training").reasons)
    {'empty_file': 1}
    """
    head = data[:HEAD_BYTES]
    problems = check_file_head(head, len(data), use_case, purpose)
    if problems:
        return refuse(problems)
    header = read_header(head)
    chunk = read_chunk(
        data[header.length :], use_case, purpose, header.names, FIRST_ROW, _KEY, arrived_on=arrived_on
    )
    return decide(chunk.counts, use_case)
