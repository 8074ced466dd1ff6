"""Files of several chunks: the same receipt and the same rows as in one, whatever repeats across the cuts."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.aws import feature_store, s3
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.errors import CountsDisagree
from clinrisk.jobs.training.assemble import as_of, read_offline
from clinrisk.messages.ingest import Upload
from clinrisk.services.ingest import chunk_records
from clinrisk.services.ingest.plan_chunks import LARGE
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import STROKE_HEADER, Ingest, csv, heart_rows, stroke_rows
from tools import contracts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Stack

SMALL = 400
KEYS = {"stroke": "inbox/stroke/training/a.csv", "heart": "inbox/heart/training/a.csv"}


@pytest.fixture
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", SMALL)


def features_of(stack: Stack, upload: dict[str, Any]) -> pl.DataFrame:
    folder = f"features/{upload['use_case']}/{upload['purpose']}/{upload['upload_id']}/"
    keys = [key for key in stack.keys("lake") if key.startswith(folder)]
    return pl.concat([pl.read_parquet(io.BytesIO(stack.read(f"s3://clinrisk-lake/{key}"))) for key in keys])


def stroke_file() -> bytes:
    """Rows of which some come again far away, some equal, some contradicting."""
    rows = stroke_rows(60)
    other = rows[7].replace("Urban", "x").replace("Rural", "Urban").replace("x", "Rural")
    return csv(STROKE_HEADER, [*rows, rows[3], other, rows[3], rows[50]])


def heart_file() -> bytes:
    """Rows without ids of which some come again far away."""
    rows = heart_rows(60)
    return csv(",".join(use_cases.get("heart").header), [*rows, rows[3], rows[40], rows[3], rows[3]])


def ingested(
    stack: Stack, use_case: str
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], pl.DataFrame]:
    data = {"stroke": stroke_file, "heart": heart_file}[use_case]()
    upload, result = Ingest.of(stack, KEYS[use_case], data).run()
    receipt = stack.read_json(result["receipt"]["uri"])
    return upload, result, receipt, features_of(stack, upload)


@pytest.mark.parametrize("use_case", ["stroke", "heart"])
def test_chunks_give_the_receipt_and_the_rows_of_an_uncut_file(
    stack: Stack, store: FakeFeatureStore, use_case: str, request: pytest.FixtureRequest
) -> None:
    _, _, uncut, rows = ingested(stack, use_case)
    records = {record["record_id"]: record for record in store.records}
    store.records.clear()
    request.getfixturevalue("small_chunks")
    # Other bytes, or the file would be a duplicate; a blank line at the end is no row.
    data = {"stroke": stroke_file, "heart": heart_file}[use_case]() + b"\n"
    upload, result = Ingest.of(stack, KEYS[use_case], data).run()
    cut = stack.read_json(result["receipt"]["uri"])
    assert len(chunk_records.plan(Upload.model_validate(upload))) > 5
    compared = ("disposition", "rows_accepted", "rows_quarantined", "reasons", "rows", "missing")
    assert {name: cut[name] for name in compared} == {name: uncut[name] for name in compared}
    assert features_of(stack, upload).equals(rows)
    assert len(store.records) == len(records) == rows.height
    for record in store.records:
        same = records[record["record_id"]]
        assert record | {"upload_id": "", "event_time": ""} == same | {"upload_id": "", "event_time": ""}


def test_reasons_count_repeats_and_contradictions_between_chunks(
    stack: Stack, store: FakeFeatureStore, small_chunks: None
) -> None:
    _, result, receipt, _ = ingested(stack, "stroke")
    assert receipt["reasons"] == {"id_repeated:id": 3, "id_conflicting:id": 2}
    assert receipt["rows"]["id_conflicting:id"] == [9, 63]
    assert result["rows_accepted"] == 59


def test_a_file_that_repeats_itself_is_rejected_and_leaves_nothing_in_the_feature_store(
    stack: Stack, store: FakeFeatureStore, small_chunks: None
) -> None:
    rows = stroke_rows(40)
    other = [row[:-1] + str(1 - int(row[-1])) for row in rows]
    _, result = Ingest.of(stack, KEYS["stroke"], csv(STROKE_HEADER, [*rows, *other])).run()
    receipt = stack.read_json(result["receipt"]["uri"])
    assert (receipt["disposition"], receipt["reasons"]) == ("REJECTED", {"id_conflicting:id": 80})
    assert store.records == []
    assert not [key for key in stack.keys("lake") if key.startswith(("transform/", "profiles/"))]


def test_a_batch_of_several_chunks_is_scored_file_by_file(
    stack: Stack, store: FakeFeatureStore, small_chunks: None
) -> None:
    data = csv(STROKE_HEADER.removesuffix(",stroke"), stroke_rows(60, label=False))
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/a.csv", data).run()
    folder = f"transform/stroke/{upload['upload_id']}/"
    lines = [
        line
        for key in stack.keys("lake")
        if key.startswith(folder)
        for line in stack.read(f"s3://clinrisk-lake/{key}").decode().splitlines()
    ]
    assert [line.split(",")[0] for line in lines] == features_of(stack, upload)["record_id"].to_list()
    assert set("".join(lines)) <= set("0123456789abcdef,.")


def test_a_second_run_over_the_chunks_ends_in_the_same_bytes(
    stack: Stack, store: FakeFeatureStore, small_chunks: None
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    upload = ingest.claim()["upload"]
    ingest.build(upload)
    lake = {
        key: stack.read(f"s3://clinrisk-lake/{key}") for key in stack.keys("lake") if "offline" not in key
    }
    ingest.build(upload)
    again = {
        key: stack.read(f"s3://clinrisk-lake/{key}") for key in stack.keys("lake") if "offline" not in key
    }
    assert again == lake


@pytest.mark.parametrize("part", ["built", "written"])
def test_a_chunk_that_is_missing_is_never_committed(
    stack: Stack, store: FakeFeatureStore, small_chunks: None, part: str
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    event = ingest.build(ingest.claim()["upload"])
    key = f"chunks/stroke/{event['upload']['upload_id']}/{part}-00003.json"
    stack.s3.delete_object(Bucket="clinrisk-lake", Key=key)
    with pytest.raises(CountsDisagree):
        stack.call("commit_upload", event)


def test_a_chunk_that_was_not_reconciled_with_the_others_is_never_committed(
    stack: Stack, store: FakeFeatureStore, small_chunks: None
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    upload = ingest.claim()["upload"]
    event = ingest.build(upload)
    plan = stack.call("plan_chunks", {"upload": upload})
    last = plan["chunks"][-1]
    stack.call("build_features", {"upload": upload, "header": plan["header"], "chunk": last})
    with pytest.raises(CountsDisagree):
        stack.call("commit_upload", event)


def test_the_plan_covers_the_file(stack: Stack, store: FakeFeatureStore, small_chunks: None) -> None:
    ingest = Ingest.of(stack, KEYS["heart"], heart_file())
    upload = ingest.claim()["upload"]
    plan = stack.call("plan_chunks", {"upload": upload})
    ends = [(one["end"], other["start"]) for one, other in itertools.pairwise(plan["chunks"])]
    assert all(end == start for end, start in ends)
    assert plan["chunks"][-1]["end"] == upload["size"]
    assert not plan["large"]


@pytest.mark.parametrize(("count", "large"), [(LARGE - 1, False), (LARGE, False), (LARGE + 1, True)])
def test_a_file_of_more_than_forty_chunks_is_a_large_one(
    stack: Stack,
    store: FakeFeatureStore,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    large: bool,  # noqa: FBT001 - expected
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], csv(STROKE_HEADER, ["7" * 40] * count))
    upload = ingest.claim()["upload"]
    # A cut is made after the first row that ends at this distance or beyond.
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 1)
    plan = stack.call("plan_chunks", {"upload": upload})
    chunks = chunk_records.plan(Upload.model_validate(upload))
    assert (len(chunks), plan["large"]) == (count, large)
    # The chunks of a large file are read from the plan, each by an execution of its own.
    assert len(plan["chunks"]) == (0 if large else count)


@pytest.mark.parametrize(("more", "cut"), [(-1, True), (0, False), (1, False)], ids=["above", "at", "below"])
def test_a_file_is_cut_when_it_is_larger_than_a_chunk(
    stack: Stack,
    store: FakeFeatureStore,
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    cut: bool,  # noqa: FBT001 - expected
) -> None:
    read: list[int] = []
    blocks = s3.blocks

    def counted(bucket: str, key: str, version_id: str, size: int) -> Any:
        read.append(size)
        return blocks(bucket, key, version_id, size)

    data = heart_file()
    upload = Ingest.of(stack, KEYS["heart"], data).claim()["upload"]
    monkeypatch.setattr(s3, "blocks", counted)
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", len(data) + more)
    [chunk] = stack.call("plan_chunks", {"upload": upload})["chunks"]
    assert (chunk["start"], chunk["end"], chunk["first_row"]) == (data.index(b"\n") + 1, len(data), 2)
    # Only a file that may be cut is read for it.
    assert read == ([len(data)] if cut else [])


@pytest.mark.parametrize(("more", "bulk"), [(-1, True), (0, False), (1, False)], ids=["above", "at", "below"])
def test_a_file_is_written_in_bulk_when_it_is_larger_than_the_limit(
    stack: Stack,
    store: FakeFeatureStore,
    monkeypatch: pytest.MonkeyPatch,
    more: int,
    bulk: bool,  # noqa: FBT001 - expected
) -> None:
    monkeypatch.setattr("clinrisk.aws.feature_store.BULK_BYTES", len(heart_file()) + more)
    upload, result, _, rows = ingested(stack, "heart")
    assert len(landed(stack, upload)) == (1 if bulk else 0)
    assert len(store.records) == (0 if bulk else rows.height)
    assert result["rows_accepted"] == rows.height


@pytest.fixture
def in_bulk(monkeypatch: pytest.MonkeyPatch, small_chunks: None) -> None:
    monkeypatch.setattr("clinrisk.aws.feature_store.BULK_BYTES", 1000)


def landed(stack: Stack, upload: dict[str, Any]) -> dict[str, pl.DataFrame]:
    keys = [key for key in stack.keys("lake") if upload["upload_id"] in key and key.startswith("offline-")]
    return {key: pl.read_parquet(io.BytesIO(stack.read(f"s3://clinrisk-lake/{key}"))) for key in keys}


@pytest.mark.parametrize("use_case", ["stroke", "heart"])
def test_a_large_file_is_written_to_the_offline_store_chunk_by_chunk(
    stack: Stack, store: FakeFeatureStore, use_case: str, in_bulk: None
) -> None:
    upload, result, receipt, rows = ingested(stack, use_case)
    assert receipt["rows_accepted"] == rows.height
    assert store.records == []
    files = landed(stack, upload)
    assert 5 < len(files) <= len(chunk_records.plan(Upload.model_validate(upload)))
    landed_rows = pl.concat(files.values())
    assert sorted(landed_rows["record_id"]) == sorted(rows["record_id"])
    again = landed_rows.sort("row").select(rows.columns).cast(rows.schema)
    assert again.equals(rows.sort("row"))
    assert set(landed_rows["upload_id"]) == {upload["upload_id"]}
    [moment] = set(landed_rows["event_time"])
    folder = f"year={moment[:4]}/month={moment[5:7]}/day={moment[8:10]}/hour={moment[11:13]}/"
    assert all(folder in key for key in files)
    assert result["labelled_rows"] == landed_rows["label"].count()


def test_its_columns_are_those_of_the_feature_group_and_the_three_that_the_service_adds(
    stack: Stack, store: FakeFeatureStore, in_bulk: None
) -> None:
    upload, *_ = ingested(stack, "stroke")
    kinds = {"String": pl.String, "Integral": pl.Int64, "Fractional": pl.Float64}
    stored = contracts.feature_definitions(use_cases.get("stroke"))
    defined = {name: kinds[kind] for name, kind in stored.items()}
    moment = pl.Datetime("ms", "UTC")
    added = {"write_time": moment, "api_invocation_time": moment, "is_deleted": pl.Boolean}
    for table in landed(stack, upload).values():
        assert dict(table.schema) == defined | added


@pytest.mark.parametrize("use_case", ["stroke", "heart"])
def test_the_training_job_reads_what_was_written_in_bulk(
    stack: Stack, store: FakeFeatureStore, use_case: str, in_bulk: None, tmp_path: Path
) -> None:
    upload, result, _, rows = ingested(stack, use_case)
    for number, key in enumerate(landed(stack, upload)):
        (tmp_path / f"{number}.parquet").write_bytes(stack.read(f"s3://clinrisk-lake/{key}"))
    case = use_cases.get(use_case)
    plan = TrainingPlan(
        use_case,
        f"{use_case}-0123456789",
        "2999-01-01T00:00:00.000Z",
        (upload["upload_id"],),
        case.feature_digest,
        expected_rows=result["labelled_rows"],
    )
    training = pl.DataFrame(as_of(read_offline(tmp_path, case, plan), plan))
    names = ["record_id", "label", *case.group_columns, *case.feature_names]
    given = training.select(names)
    assert given.equals(rows.sort("record_id").select(names).cast(given.schema))


def test_a_chunk_that_is_written_again_in_bulk_is_the_same_bytes(
    stack: Stack, store: FakeFeatureStore, in_bulk: None
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    upload = ingest.claim()["upload"]
    event = ingest.build(upload)
    before = {key: stack.read(f"s3://clinrisk-lake/{key}") for key in landed(stack, upload)}
    ingest.build(upload)
    assert {key: stack.read(f"s3://clinrisk-lake/{key}") for key in landed(stack, upload)} == before
    assert stack.call("commit_upload", event)["disposition"] == "PARTIAL"


def test_a_training_file_that_would_be_cut_otherwise_by_now_is_committed(
    stack: Stack, store: FakeFeatureStore, in_bulk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    upload = ingest.claim()["upload"]
    ingest.build(upload)
    before = landed(stack, upload)
    monkeypatch.setattr("clinrisk.services.ingest.plan_chunks.CHUNK_BYTES", 3 * SMALL)
    assert stack.call("commit_upload", ingest.build(upload))["rows_accepted"] == 59
    assert landed(stack, upload).keys() == before.keys()


@pytest.mark.parametrize("change", ["gone", "one too many"])
def test_a_store_that_holds_other_chunks_than_were_written_is_never_committed(
    stack: Stack, store: FakeFeatureStore, in_bulk: None, change: str
) -> None:
    ingest = Ingest.of(stack, KEYS["stroke"], stroke_file())
    event = ingest.build(ingest.claim()["upload"])
    last = max(landed(stack, event["upload"]))
    if change == "gone":
        stack.s3.delete_object(Bucket="clinrisk-lake", Key=last)
    else:
        stack.put("lake", last.replace(".parquet", "1.parquet"), b"")
    with pytest.raises(CountsDisagree):
        stack.call("commit_upload", event)


def test_an_online_store_gets_every_record_of_a_large_file_through_the_service(
    stack: Stack, store: FakeFeatureStore, in_bulk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline_alone = feature_store.feature_group
    # moto keeps no online store, and does not tell of one.
    monkeypatch.setattr(feature_store, "feature_group", lambda *of: replace(offline_alone(*of), online=True))
    upload, _, _, rows = ingested(stack, "stroke")
    assert sorted(record["record_id"] for record in store.records) == sorted(rows["record_id"])
    assert store.targets == {("OnlineStore",)}
    assert pl.concat(landed(stack, upload).values()).height == rows.height
