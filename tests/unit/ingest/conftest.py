"""Small well-formed files, to be spoilt one cell at a time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, read_header
from clinrisk.core.ingest.verdict import FileVerdict

KEY = b"k" * 32
STROKE = "9046,Male,67,0,1,Yes,Private,Urban,228.69,36.6,formerly smoked,1"
HEART = "63,1,1,145,233,1,2,150,0,2.3,3,0,6,0"

Judge = Callable[..., FileVerdict]
Read = Callable[..., ParsedChunk]
Spoil = Callable[..., bytes]


def stroke_rows(count: int) -> list[dict[str, str]]:
    header = use_cases.get("stroke").header
    row = dict(zip(header, STROKE.split(","), strict=True))
    return [{**row, "id": str(100 + n), "age": str(20 + n % 60)} for n in range(count)]


def heart_rows(count: int) -> list[dict[str, str]]:
    header = use_cases.get("heart").header
    row = dict(zip(header, HEART.split(","), strict=True))
    return [{**row, "age": str(30 + n % 40), "chol": str(180 + n)} for n in range(count)]


@pytest.fixture
def judge() -> Judge:
    """Judge a file's bytes as the inbox does."""

    def judged(data: bytes, use_case: str = "stroke", purpose: str = "training") -> FileVerdict:
        return check_file(data, use_cases.get(use_case), purpose)

    return judged


@pytest.fixture
def read() -> Read:
    """Read a whole file as one chunk."""

    def chunk(data: bytes, use_case: str = "stroke", purpose: str = "training") -> ParsedChunk:
        header = read_header(data[:HEAD_BYTES])
        return read_chunk(data[header.length :], use_cases.get(use_case), purpose, header.names, 1, KEY)

    return chunk


@pytest.fixture
def spoilt() -> Spoil:
    """A file of ten good rows whose third row has some cells replaced."""

    def file(use_case: str = "stroke", **cells: str) -> bytes:
        rows = {"stroke": stroke_rows, "heart": heart_rows}[use_case](10)
        rows[2].update(cells)
        lines = [",".join(use_cases.get(use_case).header), *(",".join(row.values()) for row in rows)]
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")

    return file


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The user's own copies of the public files."""
    folder = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
    if not (folder / "healthcare-dataset-stroke-data.csv").exists():
        pytest.skip(f"the public files are not in {folder} (CLINRISK_REAL_DATA)")
    return folder
