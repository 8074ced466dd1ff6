"""Plan Chunks: a claimed file as byte ranges of complete rows."""

from __future__ import annotations

from clinrisk.aws import s3
from clinrisk.core.ingest.csv_file.cutting import CHUNK_BYTES, FIRST_ROW, Cut, cut
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, read_header
from clinrisk.messages.ingest import Chunk, PlanChunksRequest, PlanChunksResult
from clinrisk.services.ingest import chunk_records

# More chunks than a Map of the same execution runs at a time: theirs are executions of their own.
LARGE = 40


def plan(request: PlanChunksRequest) -> PlanChunksResult:
    """Return the chunks in file order, unless they are many, and the header's column names."""
    upload = request.upload
    version = (upload.bucket, upload.key, upload.version_id)
    header = read_header(s3.read_range(*version, 0, min(upload.size, HEAD_BYTES)))
    pieces = [Cut(header.length, upload.size, FIRST_ROW)]
    if upload.size > CHUNK_BYTES:
        blocks = s3.blocks(*version, upload.size)
        pieces = cut(blocks, header.length, upload.size, len(header.names), CHUNK_BYTES)
    found = [
        Chunk(index=index, start=piece.start, end=piece.end, first_row=piece.first_row)
        for index, piece in enumerate(pieces)
    ]
    planned = tuple(chunk_records.store_plan(upload, found))
    large = len(planned) > LARGE
    return PlanChunksResult(large=large, chunks=() if large else planned, header=header.names)
