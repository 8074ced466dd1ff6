"""Plan Chunks: cut a claimed file into byte ranges of whole lines.

AWS calls: s3:GetObjectVersion on Inbox; kms:Decrypt (DataKey).
Environment: INBOX_BUCKET.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import objects
from clinrisk.aws.telemetry import step
from clinrisk.ingest import HEAD_BYTES, read_header
from clinrisk.ingest.cutting import CHUNK_BYTES, Cut, cut
from clinrisk.messages import Chunk, PlanChunksRequest, PlanChunksResult


@step(PlanChunksRequest)
def handler(request: PlanChunksRequest) -> PlanChunksResult:
    """Give the chunks in file order, and the header's column names."""
    upload = request.upload
    place = (upload.bucket, upload.key, upload.version_id)
    header = read_header(objects.read_range(*place, 0, min(upload.size, HEAD_BYTES)))
    pieces = [Cut(header.length, upload.size, 1)]
    # Where rows carry no id, equal rows are told apart by counting them: that takes the whole file at once.
    if upload.size > CHUNK_BYTES and use_cases.get(upload.use_case).id_column:
        pieces = cut(objects.blocks(*place), header.length, upload.size)
    return PlanChunksResult(
        chunks=tuple(
            Chunk(index=index, start=piece.start, end=piece.end, first_row=piece.first_row)
            for index, piece in enumerate(pieces)
        ),
        header=header.names,
    )
