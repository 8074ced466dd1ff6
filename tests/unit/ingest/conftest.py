"""Small well-formed files of the small use cases, to be spoilt one cell at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.cutting import FIRST_ROW
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, read_header
from clinrisk.core.ingest.verdict import FileVerdict

from .small_use_cases import GOOD, HEADERS, SMALL

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

KEY = b"k" * 32

Row = dict[str, str]
Judge = Callable[..., FileVerdict]
Read = Callable[..., ParsedChunk]
Spoil = Callable[..., bytes]


def named(use_case: str) -> UseCase:
    """Find a small use case, or one that ships."""
    return SMALL[use_case] if use_case in SMALL else use_cases.get(use_case)


def good_rows(use_case: str, count: int) -> list[Row]:
    """Make good rows that differ from one another."""
    row = dict(zip(HEADERS[use_case].split(","), GOOD[use_case].split(","), strict=True))
    # A column of one and the same number is a fault of its own.
    own: list[Row] = [
        {"case": str(100 + n), "lactate": f"{1.3 + n % 10 / 10:.1f}"}
        if use_case == "ward"
        else {"vessels": str((n + 1) % 5 - 1)}
        for n in range(count)
    ]
    return [row | {"age": str(20 + n % 60)} | cells for n, cells in enumerate(own)]


def file_of(rows: Sequence[Row]) -> bytes:
    """Write rows, one of them at least, as a file."""
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


@pytest.fixture
def judge() -> Judge:
    """Judge a file's bytes as the inbox does."""

    def judged(data: bytes, use_case: str = "ward", purpose: str = "training") -> FileVerdict:
        return check_file(data, named(use_case), purpose)

    return judged


@pytest.fixture
def read() -> Read:
    """Read a complete file as one chunk."""

    def chunk(data: bytes, use_case: str = "ward", purpose: str = "training") -> ParsedChunk:
        header = read_header(data[:HEAD_BYTES])
        return read_chunk(data[header.length :], named(use_case), purpose, header.names, FIRST_ROW, KEY)

    return chunk


@pytest.fixture
def spoilt() -> Spoil:
    """Make a file of ten good rows whose third row has some cells replaced."""

    def file(use_case: str = "ward", **cells: str) -> bytes:
        rows = good_rows(use_case, 10)
        rows[2].update(cells)
        return file_of(rows)

    return file


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The user's own copies of the public files."""
    folder = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
    if not (folder / "healthcare-dataset-stroke-data.csv").exists():
        pytest.skip(f"the public files are not in {folder} (CLINRISK_REAL_DATA)")
    return folder
