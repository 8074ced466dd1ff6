"""A file of so many chunks that each is an execution of its own: the whole workflow, with small chunks."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3

from tests.integration.conftest import handler_of
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import stroke_batch
from tests.integration.ingest_workflow import Faults, IngestWorkflow, answers_with, drop

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

KEY = "inbox/stroke/inference/large.csv"


@pytest.fixture
def workflow(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> IngestWorkflow:
    FakeFeatureStore().install()
    faults = Faults()
    faults.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 400)

    def read(**location: str) -> Any:
        faults.armed = False
        found = stack.s3.get_object(Bucket="clinrisk-lake", Key=location["Key"])
        faults.armed = True
        return found

    client = SimpleNamespace(get_object=read)
    monkeypatch.setattr(resource_eval_s3, "boto_client_for", lambda **_: client)
    made = IngestWorkflow(stack, faults, monkeypatch)
    plan = handler_of("plan_chunks")
    plan.__wrapped__.__globals__.update(LARGE=3)
    made.use("plan_chunks", plan)
    return made


def receipt_of(stack: Stack) -> Any:
    [key] = stack.keys("results")
    return stack.read_json(f"s3://clinrisk-results/{key}")


def test_a_large_file_is_settled_as_a_small_one_is(stack: Stack, workflow: IngestWorkflow) -> None:
    assert workflow.run(drop(stack, KEY, stroke_batch(60))).status == "SUCCEEDED"
    assert (receipt_of(stack)["disposition"], receipt_of(stack)["rows_accepted"]) == ("ACCEPTED", 60)


@pytest.mark.parametrize("where", ["/features/", "/transform/"])
def test_a_large_file_that_fails_names_the_error_of_its_chunk(
    stack: Stack, workflow: IngestWorkflow, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """One kind of object is refused; receipt, queue and mail say by whom, as those of a small file do."""
    from clinrisk.aws import s3  # noqa: PLC0415

    store = s3.store

    def refuse(bucket: str, key: str, *rest: Any, **more: Any) -> Any:
        if f"/{key}".startswith(where):
            answers_with("AccessDenied")("PutObject")
        return store(bucket, key, *rest, **more)

    monkeypatch.setattr(s3, "store", refuse)
    event = drop(stack, KEY, stroke_batch(60))
    assert workflow.run(event).error == "UploadFailed"
    reason = "AWS answered PutObject with AccessDenied."
    receipt = receipt_of(stack)
    assert receipt["disposition"] == "FAILED"
    assert f"What failed: {reason}" in receipt["explanation"]
    assert (workflow.dead_letters, workflow.reasons) == ([event], [reason])
    assert reason in json.loads(workflow.mails[-1])["Message"]
    monkeypatch.setattr(s3, "store", store)
    assert workflow.run(workflow.dead_letters.pop(), "redriven").status == "SUCCEEDED"
    assert receipt_of(stack)["disposition"] == "ACCEPTED"


@pytest.mark.parametrize("first", [400, 1_000_000])
def test_a_redrive_under_another_cut_doubles_nobody(
    stack: Stack, workflow: IngestWorkflow, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """All is written when the commit breaks; before the redrive, an upgrade changes how files are cut."""
    from clinrisk.aws import s3  # noqa: PLC0415

    def chunks_of(size: int) -> None:
        monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", size)
        plan.__wrapped__.__globals__.update(CHUNK_BYTES=size)

    def refuse(bucket: str, key: str, *rest: Any, **more: Any) -> Any:
        if key.startswith("profiles/"):
            answers_with("AccessDenied")("PutObject")
        return store(bucket, key, *rest, **more)

    plan, store = handler_of("plan_chunks"), s3.store
    plan.__wrapped__.__globals__.update(LARGE=3)
    workflow.use("plan_chunks", plan)
    monkeypatch.setattr(s3, "store", refuse)
    chunks_of(first)
    event = drop(stack, KEY, stroke_batch(60))
    assert workflow.run(event).error == "UploadFailed"
    before = parts_of(stack)
    chunks_of(1_000_400 - first)
    monkeypatch.setattr(s3, "store", store)
    assert workflow.run(workflow.dead_letters.pop(), "redriven").status == "SUCCEEDED"
    assert (receipt_of(stack)["disposition"], receipt_of(stack)["rows_accepted"]) == ("ACCEPTED", 60)
    assert parts_of(stack) == before
    assert {folder: sum(rows) for folder, rows in before.items()} == dict.fromkeys(FOLDERS, 60)
    assert (len(before["vault"]) > 3) == (first == 400)


FOLDERS = ("features", "vault", "transform")


def parts_of(stack: Stack) -> dict[str, list[int]]:
    """Count the rows of each part in the folders that are read whole."""
    found: dict[str, list[int]] = {}
    for key in stack.keys("lake"):
        if (folder := key.partition("/")[0]) in FOLDERS:
            data = stack.read(f"s3://clinrisk-lake/{key}")
            rows = data.count(b"\n") if folder == "transform" else pl.read_parquet(io.BytesIO(data)).height
            found.setdefault(folder, []).append(rows)
    return found
