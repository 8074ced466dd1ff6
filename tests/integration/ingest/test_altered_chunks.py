"""What one step of an ingest leaves for the next is proved before it is used."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk.core.digests import sha256
from clinrisk.errors import CountsDisagree
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import Ingest, stroke_batch

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def built(stack: Stack) -> dict[str, Any]:
    """Return the events of an inference file whose one chunk is built and not yet written."""
    FakeFeatureStore().install()
    upload = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(5)).claim()["upload"]
    plan = stack.call("plan_chunks", {"upload": upload})
    event = {"upload": upload, "header": plan["header"], "chunk": plan["chunks"][0]}
    stack.call("build_features", event)
    stack.call("reconcile_chunks", {"upload": upload})
    return event | {"used": True}


def document_key(event: dict[str, Any], name: str) -> str:
    return f"chunks/stroke/{event['upload']['upload_id']}/{name}.json"


def document(stack: Stack, event: dict[str, Any], name: str) -> Any:
    return stack.read_json(f"s3://clinrisk-lake/{document_key(event, name)}")


def alter(stack: Stack, event: dict[str, Any], name: str, changed: Any) -> None:
    stack.put("lake", document_key(event, name), json.dumps(changed).encode())


def test_a_plan_that_does_not_cover_the_file_is_refused(stack: Stack, built: dict[str, Any]) -> None:
    plan = document(stack, built, "plan")
    alter(stack, built, "plan", [plan[0] | {"end": plan[0]["end"] - 1}])
    with pytest.raises(CountsDisagree, match=r"^The chunks of the file are not complete\.$"):
        stack.call("commit_upload", {"upload": built["upload"]})


def test_a_chunk_that_was_built_from_other_bytes_is_refused(stack: Stack, built: dict[str, Any]) -> None:
    chunk = document(stack, built, "built-00000")
    alter(stack, built, "built-00000", chunk | {"chunk": chunk["chunk"] | {"first_row": 3}})
    with pytest.raises(CountsDisagree, match=r"^Chunk 0 was built from other bytes than planned\.$"):
        stack.call("write_features", built)


def test_a_chunk_with_other_rows_than_it_counted_is_not_written(stack: Stack, built: dict[str, Any]) -> None:
    chunk = document(stack, built, "built-00000")
    alter(stack, built, "built-00000", chunk | {"counts": chunk["counts"] | {"rows": 4, "accepted": 4}})
    with pytest.raises(CountsDisagree, match=r"^Chunk 0 has 5 rows stored, other than it counted\.$"):
        stack.call("write_features", built)


def test_a_chunk_that_holds_a_record_twice_is_not_written(stack: Stack, built: dict[str, Any]) -> None:
    chunk = document(stack, built, "built-00000")
    rows = pl.read_parquet(io.BytesIO(stack.read(chunk["features"]["uri"])))
    stream = io.BytesIO()
    rows.with_columns(record_id=pl.lit(rows["record_id"][0])).write_parquet(stream)
    stack.put("lake", chunk["features"]["uri"].removeprefix("s3://clinrisk-lake/"), stream.getvalue())
    features = chunk["features"] | {"sha256": sha256(stream.getvalue())}
    alter(stack, built, "built-00000", chunk | {"features": features})
    with pytest.raises(CountsDisagree, match=r"^A record occurs more than once in chunk 0\.$"):
        stack.call("write_features", built)
