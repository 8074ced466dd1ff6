"""A complete file in memory, checked as one chunk: the verdict of the inbox before anything is uploaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head, read_header
from clinrisk.core.ingest.verdict import FileVerdict, decide, refuse

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

# Record ids made here go nowhere, so they need no secret.
_NO_SECRET = b"offline"


def check_file(data: bytes, use_case: UseCase, purpose: str) -> FileVerdict:
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
