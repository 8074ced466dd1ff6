"""A whole file at once, offline: the same verdict as the inbox gives, before anything is uploaded.

`elsewhere_of` compares chunks that are all in memory; the inbox does the same with stored ones, bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.ingest import cross_chunk
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head, read_header
from clinrisk.core.ingest.verdict import Verdict, decide, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from clinrisk.core.ingest.chunk import Chunk
    from clinrisk.use_cases.base import UseCase

# Record ids made here go nowhere, so they need no secret.
_NO_SECRET = b"offline"


def check_file(data: bytes, use_case: UseCase, purpose: str) -> Verdict:
    """Return the verdict on a file's bytes.

    >>> from clinrisk import use_cases
    >>> from clinrisk.core.ingest import rule_sentences
    >>> rule_sentences.explain(check_file(b"", use_cases.get("heart"), "training"))
    ['The file is empty. Export it again and look whether the export ended.']
    """
    head = data[:HEAD_BYTES]
    problems = check_file_head(head, len(data), use_case, purpose)
    if problems:
        return refuse(problems)
    header = read_header(head)
    chunk = read_chunk(data[header.length :], use_case, purpose, header.names, 1, _NO_SECRET)
    return decide(chunk.counts, use_case)


def elsewhere_of(chunks: Sequence[Chunk], *, own_ids: bool) -> dict[int, pl.DataFrame]:
    """Return, per chunk to be read again, what the others say of its ids (`own_ids`: rows carry one)."""
    sheets = [cross_chunk.sheet(chunk.identities.seen) for chunk in chunks]
    [cut] = cross_chunk.spans([cross_chunk.table_of(sheet) for sheet in sheets])
    found = cross_chunk.shared([sheet[start:end] for sheet, (start, end) in zip(sheets, cut, strict=True)])
    contested = {index: chunk.identities.contested for index, chunk in enumerate(chunks)}
    said = {
        index: cross_chunk.contents(chunk.features, found["record_id"])
        for index, chunk in enumerate(chunks)
        if own_ids
    }
    return cross_chunk.verdicts(found, contested, said)
