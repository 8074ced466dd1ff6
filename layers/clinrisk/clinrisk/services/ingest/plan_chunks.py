"""Plan Chunks: a claimed file as byte ranges of complete rows; a Parquet or Arrow file becomes text first.

It reads tables with polars, in a process of its own, so only functions with the Frames and Numeric layers may
import it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest.csv_file.content import table_format
from clinrisk.core.ingest.csv_file.cutting import CHUNK_BYTES, FIRST_ROW, Cut, cut
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, read_header
from clinrisk.core.ingest.table_file.text_blocks import TableRefused, text_blocks
from clinrisk.messages.ingest import Chunk, PlanChunksRequest, PlanChunksResult
from clinrisk.services.ingest import chunk_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinrisk.messages.ingest import Upload

# More chunks than a Map of the same execution runs at a time: theirs are executions of their own.
LARGE = 40


def plan(request: PlanChunksRequest) -> PlanChunksResult:
    """Return the chunks in file order, unless they are many, and the header's column names."""
    upload = request.upload
    version = (upload.bucket, upload.key, upload.version_id)
    head = s3.read_range(*version, 0, min(upload.size, HEAD_BYTES))
    if table_format(head):
        return _plan_table(upload)
    header = read_header(head)
    pieces = [Cut(header.length, upload.size, FIRST_ROW)]
    if upload.size > CHUNK_BYTES:
        blocks = s3.blocks(*version, upload.size)
        pieces = cut(blocks, header.length, upload.size, len(header.names), CHUNK_BYTES)
    found = [
        Chunk(index=index, start=piece.start, end=piece.end, first_row=piece.first_row)
        for index, piece in enumerate(pieces)
    ]
    return _result(chunk_records.store_plan(upload, found), header.names)


def _result(planned: list[Chunk], header: tuple[str, ...]) -> PlanChunksResult:
    large = len(planned) > LARGE
    return PlanChunksResult(large=large, chunks=() if large else tuple(planned), header=header)


def _plan_table(upload: Upload) -> PlanChunksResult:
    """Write a table as text, chunk by chunk, or store why it is rejected."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table"
        with file.open("wb") as copy:
            for block in s3.blocks(upload.bucket, upload.key, upload.version_id, upload.size):
                copy.write(block)
        blocks = text_blocks(file, upload.use_case, upload.purpose)
        try:
            header = _header(blocks)
            # What a redrive would write again may be other text: what is planned stays.
            planned = chunk_records.plan_if_any(upload)
            if planned:
                blocks.close()
            else:
                planned = chunk_records.store_plan(upload, list(_store_text(upload, header, blocks)))
        except TableRefused as refused:
            chunk_records.store_refusal(upload, refused.problems)
            return PlanChunksResult(refused=True, large=False, chunks=(), header=())
    return _result(planned, read_header(header).names)


def _header(blocks: Iterator[bytes]) -> bytes:
    """Return the first bytes of the text: its header, and perhaps rows."""
    first = b""
    for block in blocks:
        first += block
        if b"\n" in first:
            break
    return first


def _store_text(upload: Upload, first: bytes, blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """Store the lines after the header in parts of about CHUNK_BYTES; no line is more than one row."""
    length = read_header(first).length
    waiting, start, row, index = bytearray(first[length:]), length, FIRST_ROW, 0

    def store(lines: bytes) -> Chunk:
        key = object_keys.table_text(upload.use_case, upload.upload_id, index)
        text = s3.store(settings().lake_bucket, key, lines, "text/csv")
        return Chunk(index=index, start=start, end=start + len(lines), first_row=row, text=text)

    for block in blocks:
        waiting += block
        if len(waiting) < CHUNK_BYTES:
            continue
        lines = bytes(waiting[: waiting.rfind(b"\n") + 1])
        yield store(lines)
        del waiting[: len(lines)]
        start, row, index = start + len(lines), row + lines.count(b"\n"), index + 1
    if waiting or not index:
        yield store(bytes(waiting))
