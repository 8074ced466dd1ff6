"""From a file in the inbox to a receipt: claim, chunks, features, commit, park."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.core import object_keys
from clinrisk.core.training.file_statements import metadata_of
from clinrisk.errors import CountsDisagree, NotEnoughData, OfflineStoreBehind, TransientError
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import (
    STROKE_HEADER,
    Ingest,
    csv,
    heart_batch,
    heart_csv,
    heart_rows,
    stroke_batch,
    stroke_rows,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

TRAINING = "inbox/heart/training/march.csv"
BATCH = "inbox/stroke/inference/ward 7+8.csv"


def vault_of(stack: Stack, upload: dict[str, str]) -> pl.DataFrame:
    folder = f"vault/{upload['use_case']}/{upload['upload_id']}/"
    keys = [key for key in stack.keys("lake") if key.startswith(folder)]
    return pl.concat([pl.read_parquet(io.BytesIO(stack.read(f"s3://clinrisk-lake/{key}"))) for key in keys])


@pytest.fixture
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


def test_every_row_of_a_good_training_file_is_accepted(stack: Stack, store: FakeFeatureStore) -> None:
    upload, result = Ingest.of(stack, TRAINING, heart_csv(40)).run()
    receipt = stack.read_json(result["receipt"]["uri"])
    assert (result["disposition"], result["rows_accepted"], result["labelled_rows"]) == ("ACCEPTED", 40, 40)
    assert receipt["disposition"] == "ACCEPTED"
    assert result["receipt"]["uri"].endswith(f"receipts/{TRAINING}.{upload['version_id']}.json")
    assert not result["announce"]
    assert len(store.records) == 40
    assert {record["upload_id"] for record in store.records} == {upload["upload_id"]}
    assert stack.read_json(f"s3://clinrisk-lake/profiles/heart/{upload['upload_id']}.json")["rows"] == 40


def test_only_inference_keeps_a_way_back_to_the_hospitals_ids(stack: Stack, store: FakeFeatureStore) -> None:
    training = csv(STROKE_HEADER, stroke_rows(40, first_id=1000))
    Ingest.of(stack, "inbox/stroke/training/march.csv", training).run()
    assert not [key for key in stack.keys("lake") if key.startswith("vault/")]
    assert len(store.records) == 40
    assert not [record for record in store.records if "1000" in record.values()]
    upload, _ = Ingest.of(stack, BATCH, stroke_batch(20)).run()
    assert vault_of(stack, upload)["source_id"].to_list()[:2] == ["1000", "1001"]


def test_a_batch_to_score_is_headerless_and_in_the_models_order(stack: Stack) -> None:
    upload, result = Ingest.of(stack, BATCH, stroke_batch(20)).run()
    text = stack.read(f"s3://clinrisk-lake/transform/stroke/{upload['upload_id']}/batch-00000.csv").decode()
    lines = text.splitlines()
    assert result["rows_accepted"] == len(lines) == 20
    assert {line.count(",") for line in lines} == {len(use_cases.get("stroke").feature_names)}


def test_bad_rows_are_quarantined_and_counted(stack: Stack, store: FakeFeatureStore) -> None:
    rows = heart_rows(40)
    rows[3] = "63,1,9," + rows[3].split(",", 3)[3]
    _, result = Ingest.of(stack, TRAINING, csv(",".join(use_cases.get("heart").header), rows)).run()
    receipt = stack.read_json(result["receipt"]["uri"])
    assert (result["disposition"], result["rows_accepted"], result["rows_quarantined"]) == ("PARTIAL", 39, 1)
    assert receipt["reasons"] == {"unknown_code:cp": 1}
    assert receipt["rows"] == {"unknown_code:cp": [5]}
    assert result["announce"]
    assert "march.csv" in result["subject"]
    assert len(store.records) == 39


def test_a_file_with_too_many_bad_rows_is_rejected(stack: Stack, store: FakeFeatureStore) -> None:
    rows = [",".join(["x"] * 14)] * 40
    _, result = Ingest.of(stack, TRAINING, csv(",".join(use_cases.get("heart").header), rows)).run()
    assert (result["disposition"], result["rows_accepted"], result["rows_quarantined"]) == ("REJECTED", 0, 40)
    assert not result["train"]
    assert store.records == []


def test_enough_labelled_rows_start_a_training(stack: Stack, store: FakeFeatureStore) -> None:
    minimum = use_cases.get("heart").min_training_rows
    _, few = Ingest.of(stack, TRAINING, heart_csv(minimum - 1)).run()
    _, more = Ingest.of(stack, "inbox/heart/training/april.csv", heart_csv(1, seed=5)).run()
    assert (few["train"], more["train"]) == (False, True)


@pytest.mark.parametrize(
    ("key", "data", "reason"),
    [
        ("inbox/hart/training/a.csv", b"a,b\n", "unknown_use_case"),
        ("inbox/heart/trainings/a.csv", b"a,b\n", "unknown_purpose"),
        ("inbox/heart/training/a/b.csv", b"a,b\n", "key_shape"),
        ("inbox/heart/training/a.csv", b"", "empty_file"),
        ("inbox/heart/training/a.csv", b"\x1f\x8b\x08\x00", "compressed"),
        ("inbox/heart/training/a.csv", b"age,sex\n1,2\n", "columns_missing"),
    ],
)
def test_a_file_that_cannot_be_read_is_rejected_with_a_receipt_and_a_mail(
    stack: Stack, key: str, data: bytes, reason: str
) -> None:
    result = Ingest.of(stack, key, data).claim()
    assert (result["disposition"], result["upload"]) == ("REJECTED", None)
    receipt = stack.read_json(result["receipt"]["uri"])
    assert list(receipt["reasons"]) == [reason]
    assert receipt["explanation"]
    assert 0 < len(result["subject"]) <= 100
    assert result["subject"].isascii()


def test_a_declared_digest_that_differs_rejects_the_file(stack: Stack) -> None:
    result = Ingest.of(stack, TRAINING, heart_csv(), sha256="0" * 64).claim()
    assert list(stack.read_json(result["receipt"]["uri"])["reasons"]) == ["checksum_differs"]


def test_a_folder_marker_is_ignored_without_a_mail(stack: Stack) -> None:
    result = Ingest.of(stack, "inbox/heart/training/", b"").claim()
    assert (result["disposition"], result["subject"]) == ("IGNORED", None)
    assert stack.read_json(result["receipt"]["uri"])["disposition"] == "IGNORED"


def test_the_same_event_again_changes_nothing(stack: Stack, store: FakeFeatureStore) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    _, result = ingest.run()
    before = stack.read(result["receipt"]["uri"])
    assert ingest.claim("run-2") == {
        "disposition": "REPEATED", "upload": None, "receipt": None, "subject": None, "message": None
    }  # fmt: skip
    assert stack.read(result["receipt"]["uri"]) == before


def test_the_same_execution_may_claim_again_after_a_crash(stack: Stack) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    assert ingest.claim("run-1") == ingest.claim("run-1")
    assert ingest.claim("run-2")["disposition"] == "REPEATED"


def test_the_same_bytes_under_another_name_are_a_duplicate(stack: Stack, store: FakeFeatureStore) -> None:
    Ingest.of(stack, TRAINING, heart_csv()).run()
    again = Ingest.of(stack, "inbox/heart/training/copy.csv", heart_csv()).claim()
    assert again["disposition"] == "DUPLICATE"
    assert stack.read_json(again["receipt"]["uri"])["disposition"] == "DUPLICATE"


def test_a_second_delivery_of_a_commit_gives_the_same_bytes(stack: Stack, store: FakeFeatureStore) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    event = ingest.build(ingest.claim()["upload"])

    def lake() -> dict[str, bytes]:
        # A record that is written again lands again; readers take each once.
        keys = [key for key in stack.keys("lake") if not key.startswith("offline-store/")]
        return {key: stack.read(f"s3://clinrisk-lake/{key}") for key in keys}

    first = stack.call("commit_upload", event)
    before = lake()
    assert stack.call("commit_upload", ingest.build(event["upload"])) == first
    assert lake() == before


def test_counts_that_do_not_add_up_are_never_committed(stack: Stack, store: FakeFeatureStore) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    event = ingest.build(ingest.claim()["upload"])
    key = f"chunks/heart/{event['upload']['upload_id']}/built-00000.json"
    built = stack.read_json(f"s3://clinrisk-lake/{key}")
    built["counts"] |= {"rows": 41, "accepted": 41}
    stack.put("lake", key, json.dumps(built).encode())
    with pytest.raises(CountsDisagree):
        stack.call("commit_upload", event)
    assert not [key for key in stack.keys("results") if key.startswith("receipts/")]


def test_a_parked_upload_has_a_receipt_and_may_be_claimed_again(
    stack: Stack, store: FakeFeatureStore
) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    upload = ingest.claim()["upload"]
    parked = ingest.park(upload)
    assert stack.read_json(parked["receipt"]["uri"])["disposition"] == "FAILED"
    assert "angina" not in json.dumps(parked)
    again = ingest.claim("run-2")
    assert again["disposition"] == "CLAIMED"
    assert stack.call("commit_upload", ingest.build(again["upload"]))["disposition"] == "ACCEPTED"


def test_parking_what_was_settled_leaves_it_settled(stack: Stack, store: FakeFeatureStore) -> None:
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    upload, _ = ingest.run()
    parked = ingest.park(upload)
    assert stack.read_json(parked["receipt"]["uri"])["disposition"] == "ACCEPTED"
    assert "ACCEPTED" in parked["message"]


def test_unprocessed_and_failed_records_are_written_again(stack: Stack, store: FakeFeatureStore) -> None:
    store.unprocessed, store.errors = 7, 5
    _, result = Ingest.of(stack, TRAINING, heart_csv(60)).run()
    assert result["rows_accepted"] == len({record["record_id"] for record in store.records}) == 60


def test_records_that_never_land_fail_the_chunk(
    stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinrisk.aws.feature_store._FIRST_PAUSE", 0.0)
    store.unprocessed = 10_000
    ingest = Ingest.of(stack, TRAINING, heart_csv())
    with pytest.raises(TransientError):
        ingest.build(ingest.claim()["upload"])


def test_no_value_of_a_row_leaves_the_lake(
    stack: Stack, store: FakeFeatureStore, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{row},canary-{n}" for n, row in enumerate(heart_rows(5))] + heart_rows(60)
    _, result = Ingest.of(stack, TRAINING, csv(",".join(use_cases.get("heart").header), rows)).run()
    printed = capsys.readouterr()
    visible = json.dumps(result) + printed.out + printed.err + stack.read(result["receipt"]["uri"]).decode()
    assert "canary" not in visible


def test_a_commit_waits_until_the_offline_store_holds_every_row(
    stack: Stack, store: FakeFeatureStore
) -> None:
    store.landing = False
    ingest = Ingest.of(stack, TRAINING, heart_csv(40))
    event = ingest.build(ingest.claim()["upload"])
    for landed in (None, 39):
        if landed:
            store.land("heart", landed)
        with pytest.raises(OfflineStoreBehind):
            stack.call("commit_upload", event)
        assert not [key for key in stack.keys("results") if key.startswith("receipts/")]
    store.land("heart")
    assert stack.call("commit_upload", event)["rows_accepted"] == 40


def test_a_plan_names_the_committed_uploads(stack: Stack, store: FakeFeatureStore) -> None:
    event = {"use_case": "heart", "run_id": "heart-0123456789", "reason": "upload"}
    with pytest.raises(NotEnoughData):
        stack.call("plan_training", event)
    rows = use_cases.get("heart").min_training_rows
    upload, _ = Ingest.of(stack, TRAINING, heart_csv(rows)).run()
    planned = stack.call("plan_training", event)
    plan = stack.read_json(planned["plan"]["uri"])
    assert plan["upload_ids"] == [upload["upload_id"]]
    [source] = plan["sources"]
    assert (source["key"], source["labelled_rows"], source["description"]) == (TRAINING, rows, "")
    assert source["sha256"] == upload["sha256"]
    assert planned["expected_rows"] == rows
    assert planned["offline_prefix"].endswith("/data/")
    assert planned["hyperparameters"]["xgboost"]["algorithm"] == "xgboost"
    # A plan that failed has looked at nobody, a repeated one has looked once, another run looks again.
    assert (planned["champion"], planned["holdout_uses"]) == (None, 1)
    assert stack.call("plan_training", event)["holdout_uses"] == 1
    assert stack.call("plan_training", event | {"run_id": "heart-9876543210"})["holdout_uses"] == 2


def test_a_plan_repeats_what_was_stated_about_a_file_while_the_inbox_has_it(
    stack: Stack, store: FakeFeatureStore
) -> None:
    event = {"use_case": "heart", "run_id": "heart-0123456789", "reason": "upload"}
    stated = metadata_of("Universitätsklinik, 2019", synthetic=True)
    data = heart_csv(use_cases.get("heart").min_training_rows)
    ingest = Ingest.of(stack, TRAINING, data, **stated)
    ingest.run()

    [source] = stack.read_json(stack.call("plan_training", event)["plan"]["uri"])["sources"]
    assert (source["description"], source["synthetic"]) == ("Universitätsklinik, 2019", True)
    version = ingest.claim_event["version_id"]
    stack.s3.delete_object(Bucket="clinrisk-inbox", Key=TRAINING, VersionId=version)
    [source] = stack.read_json(stack.call("plan_training", event)["plan"]["uri"])["sources"]
    assert (source["description"], source["synthetic"]) == ("", False)


def test_a_plan_keeps_the_list_of_patients_whose_flag_was_accepted(
    stack: Stack, store: FakeFeatureStore
) -> None:
    event = {"use_case": "heart", "run_id": "heart-0123456789", "reason": "upload"}
    Ingest.of(stack, TRAINING, heart_csv(use_cases.get("heart").min_training_rows)).run()
    assert stack.read_json(stack.call("plan_training", event)["plan"]["uri"])["acted_on"] == ""

    listed = b'["0123456789abcdef0123456789abcdef"]'
    stack.put("lake", object_keys.acted_on("heart"), listed)
    plan = stack.call("plan_training", event)["plan"]["uri"]
    stack.put("lake", object_keys.acted_on("heart"), b"[]")

    # What is listed later changes nothing for a run that is planned.
    assert stack.read(plan.replace("plan.json", "acted_on.json")) == listed
    assert stack.read_json(plan)["acted_on"] == hashlib.sha256(listed).hexdigest()


def test_heart_batches_get_record_ids_of_their_own(stack: Stack) -> None:
    upload, result = Ingest.of(stack, "inbox/heart/inference/today.csv", heart_batch(20)).run()
    vault = vault_of(stack, upload)
    assert vault["record_id"].to_list() == vault["source_id"].to_list()
    assert result["rows_accepted"] == 20


@pytest.mark.parametrize(
    ("more", "disposition"), [(-1, "CLAIMED"), (0, "CLAIMED"), (1, "REJECTED")], ids=["below", "at", "above"]
)
def test_a_file_that_could_not_be_read_in_time_is_refused_at_once_with_what_to_do(
    stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch, more: int, disposition: str
) -> None:
    hashed: list[str] = []
    digest = s3.digest_version

    def digest_version(bucket: str, key: str, version_id: str, size: int) -> str:
        hashed.append(key)
        return digest(bucket, key, version_id, size)

    monkeypatch.setattr(s3, "digest_version", digest_version)
    for module in ("clinrisk.services.ingest.claim_upload", "clinrisk.core.ingest.csv_file.head"):
        monkeypatch.setattr(f"{module}.LARGEST_FILE", len(heart_csv()) - more)
    claimed = Ingest.of(stack, TRAINING, heart_csv()).claim()
    assert claimed["disposition"] == disposition
    if disposition == "CLAIMED":
        assert hashed == [TRAINING]
    else:
        receipt = stack.read_json(claimed["receipt"]["uri"])
        assert (receipt["reasons"], hashed) == ({"file_too_large": 1}, [])
        assert "Split it" in claimed["message"]
