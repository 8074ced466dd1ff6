"""A Parquet file in the inbox: the rows of the same CSV, over several chunks, or a receipt that says why."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk.services.ingest import plan_chunks
from tests.integration.inbox_files import Ingest, stroke_batch

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

CSV, TABLE = "inbox/stroke/inference/a.csv", "inbox/stroke/inference/b.csv"


def parquet(**columns: Any) -> bytes:
    frame = pl.read_csv(stroke_batch(40), null_values=["N/A"], infer_schema_length=None).with_columns(
        **columns
    )
    made = io.BytesIO()
    frame.write_parquet(made)
    return made.getvalue()


def rows_of(stack: Stack, upload: dict[str, Any], folder: str) -> pl.DataFrame:
    prefix = f"{folder}/{upload['upload_id']}/"
    keys = sorted(key for key in stack.keys("lake") if key.startswith(prefix))
    return pl.concat([pl.read_parquet(io.BytesIO(stack.read(f"s3://clinrisk-lake/{key}"))) for key in keys])


def test_a_parquet_file_becomes_the_rows_of_the_same_csv_whatever_its_chunks(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, result = Ingest.of(stack, CSV, stroke_batch(40)).run()
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 1000)
    monkeypatch.setattr("clinrisk.core.ingest.table_file.text_blocks._BLOCK", 700)
    table, of_table = Ingest.of(stack, TABLE, parquet()).run()
    parts = [key for key in stack.keys("lake") if key.startswith("table-text/")]
    assert len(parts) > 1
    assert of_table["rows_accepted"] == result["rows_accepted"] == 40
    for folder in ("features/stroke/inference", "vault/stroke"):
        assert rows_of(stack, table, folder).equals(rows_of(stack, upload, folder))
    # A redrive keeps the plan.
    again = stack.call("plan_chunks", {"upload": table})
    assert [one["text"]["uri"].removeprefix("s3://clinrisk-lake/") for one in again["chunks"]] == sorted(
        parts
    )


def test_a_parquet_file_of_other_types_is_rejected_by_a_receipt_that_names_them(stack: Stack) -> None:
    ingest = Ingest.of(stack, TABLE, parquet(age=pl.col("age").cast(pl.String) + " Canary"))
    upload = ingest.claim()["upload"]
    plan = stack.call("plan_chunks", {"upload": upload})
    assert (plan["refused"], plan["chunks"]) == (True, [])
    result = stack.call("commit_upload", {"upload": upload, "refused": True})
    receipt = stack.read(result["receipt"]["uri"]).decode()
    assert (result["disposition"], result["rows_accepted"]) == ("REJECTED", 0)
    assert '"column_type_differs:age": 1' in receipt
    assert "is stored as text, where numbers are agreed" in receipt
    assert "Canary" not in receipt + repr(result)


def test_a_small_table_is_one_part_and_one_without_rows_is_planned_too(stack: Stack) -> None:
    upload, result = Ingest.of(stack, TABLE, parquet()).run()
    assert result["rows_accepted"] == 40
    parts = [key for key in stack.keys("lake") if key.startswith("table-text/")]
    assert len(parts) == 1
    header = stack.read(f"s3://clinrisk-lake/{parts[0]}").split(b"\n")[0]
    assert not header.startswith(b"id,")
    assert upload["upload_id"] in parts[0]


@pytest.mark.parametrize(
    ("blocks", "first"), [([b"id,a", b"ge\n1,2", b"\n"], b"id,age\n1,2"), ([b"id,age"], b"id,age"), ([], b"")]
)
def test_the_first_lines_are_read_up_to_the_names(blocks: list[bytes], first: bytes) -> None:
    assert plan_chunks._header(iter(blocks)) == first
