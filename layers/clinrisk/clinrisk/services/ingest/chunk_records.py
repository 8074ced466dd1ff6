"""What the steps of an ingest leave each other in the Lake: the plan, and one document per chunk and step."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.errors import CountsDisagree, ObjectMissing
from clinrisk.messages.ingest import (
    BuiltChunk,
    Chunk,
    Reconciliation,
    RefusedTable,
    Upload,
    WrittenChunk,
)
from clinrisk.messages.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

MessageT = TypeVar("MessageT", bound=Message)


def store_plan(upload: Upload, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Store how a file is cut unless it has been cut before, and give the cut that holds.

    A redrive keeps the first cut, whatever the rule is by then: parts of two cuts would lie side by side in
    folders that are read completely, and their patients would be there twice.
    """
    document = [chunk.model_dump(mode="json") for chunk in chunks]
    key = object_keys.chunk_plan(upload.use_case, upload.upload_id)
    s3.store_json(settings().lake_bucket, key, document, once=True)
    return plan(upload)


def store_refusal(upload: Upload, problems: Sequence[Problem]) -> None:
    """Store why a Parquet or Arrow file is rejected."""
    why = RefusedTable(problems=tuple((str(one.rule), one.columns, one.detail) for one in problems))
    key = object_keys.table_refusal(upload.use_case, upload.upload_id)
    s3.store_json(settings().lake_bucket, key, why.model_dump(mode="json"))


def refusal(upload: Upload) -> list[Problem]:
    """Read why a Parquet or Arrow file is rejected; empty where its chunks are planned."""
    try:
        why = RefusedTable.model_validate_json(
            _read(object_keys.table_refusal(upload.use_case, upload.upload_id))
        )
    except ObjectMissing:
        return []
    return [Problem(FileRule(rule), columns, detail) for rule, columns, detail in why.problems]


def plan_if_any(upload: Upload) -> list[Chunk]:
    """Read how a file is cut; empty where it is not cut yet."""
    try:
        return plan(upload)
    except ObjectMissing:
        return []


def plan(upload: Upload) -> list[Chunk]:
    """Read how a file is cut; raises CountsDisagree unless the chunks cover it to its last byte."""
    key = object_keys.chunk_plan(upload.use_case, upload.upload_id)
    found = [Chunk.model_validate(each) for each in json.loads(_read(key))]
    follows = all(one.end == other.start for one, other in pairwise(found))
    # The text of a table has a size of its own: each part is read by its digest.
    end = upload.size if found[-1].text is None else found[-1].end
    if not follows or found[-1].end != end or [one.index for one in found] != list(range(len(found))):
        raise CountsDisagree("The chunks of the file are not complete.")
    return found


def store_built(upload: Upload, built: BuiltChunk) -> None:
    """Store what a chunk became."""
    _store(upload, "built", built.chunk.index, built)


def built(upload: Upload, chunk: Chunk) -> BuiltChunk:
    """Read what a chunk became; raises CountsDisagree when it was cut otherwise than planned."""
    found = _load(upload, "built", chunk.index, BuiltChunk)
    if found.chunk != chunk:
        raise CountsDisagree(f"Chunk {chunk.index} was built from other bytes than planned.")
    return found


def store_written(upload: Upload, index: int, written: WrittenChunk) -> None:
    """Store that a chunk is where it is used."""
    _store(upload, "written", index, written)


def written(upload: Upload, index: int) -> WrittenChunk:
    """Read that a chunk is where it is used."""
    return _load(upload, "written", index, WrittenChunk)


def store_reconciliation(upload: Upload, reconciled: Reconciliation) -> None:
    """Store which ids several chunks of a file hold."""
    key = object_keys.reconciliation(upload.use_case, upload.upload_id)
    s3.store_json(settings().lake_bucket, key, reconciled.model_dump(mode="json"))


def reconciliation(upload: Upload) -> Reconciliation:
    """Read which ids several chunks of a file hold."""
    return Reconciliation.model_validate_json(
        _read(object_keys.reconciliation(upload.use_case, upload.upload_id))
    )


def _store(upload: Upload, part: str, index: int, document: Message) -> None:
    key = object_keys.chunk_part(upload.use_case, upload.upload_id, part, index) + ".json"
    s3.store_json(settings().lake_bucket, key, document.model_dump(mode="json"))


def _load(upload: Upload, part: str, index: int, kind: type[MessageT]) -> MessageT:
    try:
        return kind.model_validate_json(
            _read(object_keys.chunk_part(upload.use_case, upload.upload_id, part, index) + ".json")
        )
    except ObjectMissing as error:
        raise CountsDisagree(f"Chunk {index} of the file is missing.") from error


def _read(key: str) -> bytes:
    return s3.fetch_current(s3.uri_of(settings().lake_bucket, key))
