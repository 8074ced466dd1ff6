"""The Feature Store checks every record and writes AWS's own offline layout."""

from __future__ import annotations

import io
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.engine import feature_store_rest as http
from twin.sagemaker.feature_store.feature_records import FeatureRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "clinrisk-heart-v1"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
DEFINITIONS = [
    {"FeatureName": "record_id", "FeatureType": "String"},
    {"FeatureName": "event_time", "FeatureType": "String"},
    {"FeatureName": "label", "FeatureType": "Integral"},
    {"FeatureName": "age", "FeatureType": "Fractional"},
]


def definition(**changes: Any) -> dict[str, Any]:
    return {
        "FeatureGroupName": GROUP,
        "RecordIdentifierFeatureName": "record_id",
        "EventTimeFeatureName": "event_time",
        "FeatureDefinitions": DEFINITIONS,
        "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://lake/offline-store/"}},
        "OnlineStoreConfig": {"EnableOnlineStore": True},
        "RoleArn": ROLE,
    } | changes


@pytest.fixture
def store(sagemaker: Any) -> Iterator[Any]:
    sagemaker.handle("CreateFeatureGroup", definition())
    yield sagemaker
    # What one test wrote is not written into the next one's lake.
    sagemaker.features.offline.flush()


def record(
    identifier: str = "r1", at: str = "2026-03-04T05:06:07.890Z", **values: str
) -> list[dict[str, str]]:
    named = {"record_id": identifier, "event_time": at} | values
    return [{"FeatureName": name, "ValueAsString": value} for name, value in named.items()]


def put(store: Any, features: list[dict[str, str]], **more: Any) -> None:
    store.handle_features("PutRecord", {"FeatureGroupName": GROUP, "Record": features} | more)


def offline(store: Any, lake: Any) -> dict[str, list[dict[str, Any]]]:
    store.features.offline.flush()
    return {key: pq.read_table(io.BytesIO(lake.get(key))).to_pylist() for key in lake.keys("offline-store/")}


def get(store: Any, identifier: str, **more: Any) -> dict[str, str]:
    body = {"FeatureGroupName": GROUP, "RecordIdentifierValueAsString": identifier}
    found = store.handle_features("GetRecord", body | more).get("Record", [])
    return {feature["FeatureName"]: feature["ValueAsString"] for feature in found}


def test_the_offline_store_has_awss_layout_types_and_columns(store: Any, lake: Any) -> None:
    put(store, record("r1", label="1", age="63.5"))
    put(store, record("r2", "2026-03-04T05:59:59Z", label="0"))
    put(store, record("r3", "2026-03-04T06:00:00Z", age="41"))
    files = offline(store, lake)
    described = store.handle("DescribeFeatureGroup", {"FeatureGroupName": GROUP})
    epoch = int(described["CreationTime"])
    base = f"offline-store/123456789012/sagemaker/us-east-1/offline-store/{GROUP}-{epoch}/data"
    resolved = described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    assert resolved == f"s3://lake/{base}"
    [early, later] = sorted(files)
    name = r"year=2026/month=03/day=04/hour={}/{}_[A-Za-z0-9]{{16}}\.parquet"
    assert re.fullmatch(re.escape(base) + "/" + name.format("05", "20260304T055959Z"), early)
    assert re.fullmatch(re.escape(base) + "/" + name.format("06", "20260304T060000Z"), later)
    table = pq.read_table(io.BytesIO(lake.get(early)))
    assert [(field.name, str(field.type)) for field in table.schema] == [
        ("record_id", "string"),
        ("event_time", "string"),
        ("label", "int64"),
        ("age", "double"),
        ("write_time", "timestamp[ms, tz=UTC]"),
        ("api_invocation_time", "timestamp[ms, tz=UTC]"),
        ("is_deleted", "bool"),
    ]
    rows = files[early]
    assert [(row["record_id"], row["label"], row["age"]) for row in rows] == [
        ("r1", 1, 63.5),
        ("r2", 0, None),
    ]
    assert not any(row["is_deleted"] for row in rows)
    assert all(row["api_invocation_time"] <= row["write_time"] for row in rows)


def test_records_reach_s3_by_themselves_after_the_last_write(store: Any, lake: Any) -> None:
    put(store, record())
    deadline = time.monotonic() + 120
    while not lake.keys("offline-store/") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(lake.keys("offline-store/")) == 1


def test_a_flush_takes_ten_times_the_time_for_ten_times_the_records(store: Any) -> None:
    group = store.groups.group(GROUP)

    def seconds(count: int) -> float:
        moment = datetime(2026, 3, 4, tzinfo=UTC)
        written = [FeatureRecord(str(n), moment, {"record_id": str(n)}, moment) for n in range(count)]
        begun = time.thread_time()
        store.features.offline._write(group, written)
        assert written == []
        return time.thread_time() - begun

    few = min(seconds(2_000) for _ in range(3))
    # Before, each record was looked up among all: a hundred times.
    assert seconds(20_000) < 30 * few


def test_what_s3_refuses_is_written_later_and_only_once(store: Any, lake: Any, platform: Any) -> None:
    put(store, record("r1"))
    put(store, record("r1"))
    lake.s3.delete_bucket(Bucket="lake")
    store.features.offline.flush()
    lake.s3.create_bucket(Bucket="lake")
    [rows] = offline(store, lake).values()
    assert [row["record_id"] for row in rows] == ["r1", "r1"]
    assert len(offline(store, lake)) == 1


def test_a_refusal_half_way_writes_no_record_twice(
    store: Any, lake: Any, platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, record("r1", "2026-03-04T05:06:07Z"))
    put(store, record("r2", "2026-03-04T06:06:07Z"))
    s3 = platform.client("s3")
    real = s3.put_object
    refused: list[str] = []

    def refuse_the_second_hour_once(**arguments: Any) -> Any:
        if "hour=06" in arguments["Key"] and not refused:
            refused.append(arguments["Key"])
            raise TimeoutError
        return real(**arguments)

    monkeypatch.setattr(s3, "put_object", refuse_the_second_hour_once)
    store.features.offline.flush()
    files = offline(store, lake)
    assert refused
    assert sorted(row["record_id"] for rows in files.values() for row in rows) == ["r1", "r2"]


def test_offline_files_are_encrypted_with_the_groups_key(sagemaker: Any, lake: Any) -> None:
    where = {"S3Uri": "s3://lake/offline-store/", "KmsKeyId": "alias/data"}
    sagemaker.handle("CreateFeatureGroup", definition(OfflineStoreConfig={"S3StorageConfig": where}))
    put(sagemaker, record())
    [key] = offline(sagemaker, lake)
    assert lake.s3.head_object(Bucket="lake", Key=key)["SSEKMSKeyId"] == "alias/data"


def test_a_batch_writes_the_good_records_and_returns_the_others(store: Any, lake: Any) -> None:
    entries = [
        {"FeatureGroupName": GROUP, "Record": record("r1", label="1")},
        {"FeatureGroupName": GROUP, "Record": record("r2", label="one")},
        {"FeatureGroupName": "nowhere", "Record": record("r3")},
    ]
    answer = store.handle_features("BatchWriteRecord", {"Entries": entries})
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ValidationError", "ResourceNotFound"]
    assert [error["Entry"] for error in answer["Errors"]] == entries[1:]
    assert answer["UnprocessedEntries"] == []
    [rows] = offline(store, lake).values()
    assert [row["record_id"] for row in rows] == ["r1"]


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (record(label="1.0"), "label must be of type Integral"),
        (record(label="9223372036854775808"), "label must be of type Integral"),
        (record(age="old"), "age must be of type Fractional"),
        (record(age="nan"), "age must be of type Fractional"),
        (record(age="1_0"), "age must be of type Fractional"),
        (record(weight="70"), "weight is not in the feature group"),
        (record() + record()[:1], "record_id appears more than once"),
        (record()[:1], "lacks the feature event_time"),
        (record()[1:], "lacks the feature record_id"),
        (record(at="2026-03-04 05:06"), "event time event_time"),
        (record(at="2026-13-04T05:06:07Z"), "event time event_time"),
        ([*record(), {"FeatureName": "age"}], "age has no ValueAsString"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_without_showing_its_values(
    store: Any, lake: Any, features: list[dict[str, str]], sentence: str
) -> None:
    with pytest.raises(SageMakerError) as caught:
        put(store, features)
    assert caught.value.code == "ValidationError"
    assert sentence in caught.value.message
    for value in ("1.0", "old", "70", "2026-13"):
        assert value not in caught.value.message
    assert offline(store, lake) == {}


def test_requests_are_checked_against_the_runtimes_model(store: Any) -> None:
    entries = [{"FeatureGroupName": GROUP, "Record": record()}] * 26
    with pytest.raises(SageMakerError, match="Entries must have at most 25 items"):
        store.handle_features("BatchWriteRecord", {"Entries": entries})
    with pytest.raises(SageMakerError, match="ListRecords"):
        store.handle_features("ListRecords", {"FeatureGroupName": GROUP})


def test_the_online_store_gives_the_latest_event_whatever_the_order_of_writing(store: Any) -> None:
    put(store, record(at="2026-03-04T05:06:09Z", age="2"))
    put(store, record(at="2026-03-04T05:06:08Z", age="1"))
    assert get(store, "r1")["age"] == "2.0"
    assert get(store, "r1", FeatureNames=["record_id"]) == {"record_id": "r1"}
    assert get(store, "r2") == {}
    wanted = {"FeatureGroupName": GROUP, "RecordIdentifiersValueAsString": ["r1", "r2"]}
    answer = store.handle_features("BatchGetRecord", {"Identifiers": [wanted]})
    assert [found["RecordIdentifierValueAsString"] for found in answer["Records"]] == ["r1"]


def test_a_deleted_record_is_gone_online_and_marked_offline(store: Any, lake: Any) -> None:
    put(store, record(age="1"))
    request = {"FeatureGroupName": GROUP, "RecordIdentifierValueAsString": "r1"}
    store.handle_features("DeleteRecord", request | {"EventTime": "2026-03-04T05:07:00Z"})
    assert get(store, "r1") == {}
    # On a busy machine the two may lie in two files.
    rows = [(row["is_deleted"], row["age"]) for file in offline(store, lake).values() for row in file]
    assert sorted(rows) == [(False, 1.0), (True, None)]


def test_a_group_without_an_online_store_cannot_be_read(sagemaker: Any) -> None:
    sagemaker.handle("CreateFeatureGroup", definition(OnlineStoreConfig={"EnableOnlineStore": False}))
    put(sagemaker, record())
    with pytest.raises(SageMakerError, match="no online store"):
        get(sagemaker, "r1")
    with pytest.raises(SageMakerError, match="has no OnlineStore"):
        put(sagemaker, record(), TargetStores=["OnlineStore"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"EventTimeFeatureName": "when"}, "when is not in FeatureDefinitions"),
        ({"EventTimeFeatureName": "label"}, "must be of type String or Fractional"),
        ({"FeatureDefinitions": [*DEFINITIONS, DEFINITIONS[0]]}, "must be unique"),
        (
            {"FeatureDefinitions": [*DEFINITIONS, {"FeatureName": "write_time", "FeatureType": "String"}]},
            "write_time are reserved",
        ),
        ({"OfflineStoreConfig": None, "OnlineStoreConfig": None}, "needs an OnlineStoreConfig"),
        ({"RoleArn": None}, "RoleArn is required"),
    ],
)
def test_impossible_groups_are_refused(sagemaker: Any, change: dict[str, Any], sentence: str) -> None:
    request = {key: value for key, value in definition(**change).items() if value is not None}
    with pytest.raises(SageMakerError, match=sentence):
        sagemaker.handle("CreateFeatureGroup", request)


def test_groups_are_unique_listed_grown_and_deleted(store: Any, lake: Any) -> None:
    with pytest.raises(SageMakerError) as caught:
        store.handle("CreateFeatureGroup", definition())
    assert caught.value.code == "ResourceInUse"
    addition = [{"FeatureName": "sex", "FeatureType": "String"}]
    store.handle("UpdateFeatureGroup", {"FeatureGroupName": GROUP, "FeatureAdditions": addition})
    put(store, record(sex="female"))
    assert get(store, "r1")["sex"] == "female"
    found = store.handle("ListFeatureGroups", {"NameContains": "heart"})["FeatureGroupSummaries"]
    assert [(group["FeatureGroupName"], group["FeatureGroupStatus"]) for group in found] == [
        (GROUP, "Created")
    ]
    store.handle("DeleteFeatureGroup", {"FeatureGroupName": GROUP})
    with pytest.raises(SageMakerError) as caught:
        store.handle("DescribeFeatureGroup", {"FeatureGroupName": GROUP})
    assert caught.value.code == "ResourceNotFound"
    store.handle("CreateFeatureGroup", definition())
    assert get(store, "r1") == {}


def test_rest_requests_are_read_by_the_models_paths() -> None:
    call = http.read_call("PUT", f"/FeatureGroup/{GROUP}", {}, b'{"Record": []}')
    assert (call.operation, call.body) == ("PutRecord", {"FeatureGroupName": GROUP, "Record": []})
    query = {"RecordIdentifierValueAsString": ["r1"], "FeatureName": ["age", "sex"]}
    call = http.read_call("GET", f"/FeatureGroup/{GROUP}", query, b"")
    assert call.body == {
        "FeatureGroupName": GROUP,
        "RecordIdentifierValueAsString": "r1",
        "FeatureNames": ["age", "sex"],
    }
    batch = b'{"Entries": [{"FeatureGroupName": "a"}, {"FeatureGroupName": "b"}, {"FeatureGroupName": "a"}]}'
    assert http.group_names(http.read_call("POST", "/BatchWriteRecord", {}, batch)) == ["a", "b"]
    with pytest.raises(SageMakerError, match="no such operation"):
        http.read_call("POST", "/Nothing", {}, b"")
    with pytest.raises(SageMakerError, match="not JSON"):
        http.read_call("POST", "/BatchWriteRecord", {}, b"{")
