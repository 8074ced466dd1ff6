"""The training set is the offline store as it was, split by patient, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import csv

from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.jobs.training.assemble import is_held_out, read_offline
from tests.unit.jobs.conftest import synthetic

if TYPE_CHECKING:
    from tests.unit.jobs.conftest import Laboratory


def rows_of(laboratory: Laboratory) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in ("training", "holdout"):
        options = csv.ConvertOptions(column_types={"record_id": pa.string()})
        table = csv.read_csv(laboratory.outputs("assemble", "set") / f"{name}.csv", convert_options=options)
        found |= {row["record_id"]: row | {"part": name} for row in table.to_pylist()}
    return found


def files_of(laboratory: Laboratory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in laboratory.outputs("assemble", "set").iterdir()}


def test_every_patient_is_in_exactly_one_part(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    laboratory.store(records)

    assert laboratory.assemble() == 0

    rows = rows_of(laboratory)
    assert sorted(rows) == sorted(record["record_id"] for record in records)
    assert 0.12 < sum(row["part"] == "holdout" for row in rows.values()) / 300 < 0.28


def test_the_same_rows_give_the_same_bytes_whatever_file_upload_and_run_they_came_in(
    laboratory: Laboratory,
) -> None:
    records = synthetic(laboratory.use_case, 300)
    laboratory.store(records)
    other = laboratory.sibling("second")
    moved = [
        record | {"upload_id": "renamed", "event_time": "2026-01-02T00:00:00.000Z"} for record in records
    ]
    other.store(moved[200:], "b", "07")
    other.store(moved[:200][::-1], "c", "03")

    assert laboratory.assemble() == 0
    renamed = replace(
        other.plan, upload_ids=("renamed",), run_id="heart-9876543210", as_of="2026-03-01T00:00:00.000Z"
    )
    assert other.assemble(renamed) == 0

    assert files_of(laboratory) == files_of(other)


def test_only_committed_uploads_and_only_the_past_count(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    foreign = [
        record | {"upload_id": "never committed"} for record in synthetic(laboratory.use_case, 20, seed=1)
    ]
    future = [
        record | {"event_time": "2026-02-01T00:00:00.000Z"}
        for record in synthetic(laboratory.use_case, 20, seed=2)
    ]
    laboratory.store([*records, *foreign, *future])

    assert laboratory.assemble() == 0

    assert len(rows_of(laboratory)) == 300


def test_the_newest_record_of_a_patient_wins_and_a_deleted_patient_is_gone(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    corrected = records[0] | {"event_time": "2026-01-05T00:00:00.000Z", "label": 1 - records[0]["label"]}
    deleted = {
        "record_id": records[1]["record_id"],
        "event_time": "2026-01-05T00:00:00.000Z",
        "is_deleted": True,
    }
    returned = [
        {"record_id": records[2]["record_id"], "event_time": "2026-01-05T00:00:00.000Z", "is_deleted": True},
        records[2] | {"event_time": "2026-01-06T00:00:00.000Z"},
    ]
    laboratory.store([*records, corrected, deleted, *returned])

    assert laboratory.assemble() == 0

    rows = rows_of(laboratory)
    assert rows[records[0]["record_id"]]["label"] == corrected["label"]
    assert records[1]["record_id"] not in rows
    assert records[2]["record_id"] in rows


def test_at_the_same_second_the_upload_that_arrived_later_wins_whenever_it_was_written(
    laboratory: Laboratory,
) -> None:
    first, second = laboratory.plan.upload_ids[0], "arrived-later"
    records = [row | {"upload_id": first} for row in synthetic(laboratory.use_case, 300)]
    later = records[0] | {"upload_id": second, "label": 1 - records[0]["label"]}
    written = "api_invocation_time"
    laboratory.store([row | {written: "2026-01-09T00:00:00Z"} for row in records])
    laboratory.store([later | {written: "2026-01-08T00:00:00Z"}], "b", "07")

    assert laboratory.assemble(replace(laboratory.plan, upload_ids=(first, second))) == 0

    assert rows_of(laboratory)[records[0]["record_id"]]["label"] == later["label"]


@pytest.mark.parametrize("missing", [1, -1])
def test_what_is_read_has_to_be_exactly_what_was_committed(laboratory: Laboratory, missing: int) -> None:
    laboratory.store(synthetic(laboratory.use_case, 300))

    assert laboratory.assemble(missing=missing) == 1
    said = f"The offline store holds 300 labelled rows of uploads that have {300 + missing}."
    assert laboratory.failure("assemble") == said


def test_a_set_that_does_not_fit_into_the_machine_is_refused_with_what_to_do(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    laboratory.store(synthetic(laboratory.use_case, 300))
    monkeypatch.setattr("clinrisk.jobs.training.assemble.machine_memory", lambda: 300 * 2_500 - 1)

    assert laboratory.assemble() == 1
    assert laboratory.failure("assemble").endswith("Choose a larger JobInstanceType.")


def test_rows_of_uncommitted_uploads_take_no_memory(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    laboratory.store(records)
    plan = laboratory.plan
    alone = read_offline(laboratory.inputs("assemble", "offline"), laboratory.use_case, plan)
    others = [record | {"upload_id": "parked"} for record in synthetic(laboratory.use_case, 3000, seed=5)]
    laboratory.store(others, "b", "00")
    laboratory.store(records[:1] + others, "mixed", "01")

    held = read_offline(laboratory.inputs("assemble", "offline"), laboratory.use_case, plan)

    assert (len(alone), len(held)) == (300, 301)
    assert held.memory_usage(deep=True).sum() < 1.1 * alone.memory_usage(deep=True).sum()
    assert laboratory.assemble() == 0
    assert len(rows_of(laboratory)) == 300


def test_a_row_that_landed_twice_is_counted_and_used_once(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    laboratory.store(records)
    laboratory.store(records[:40], "again", "01")

    assert laboratory.assemble(replace(laboratory.plan)) == 0
    assert len(rows_of(laboratory)) == 300


def test_a_patient_never_changes_sides() -> None:
    ids = [str(number) for number in range(2000)]

    alone = [bool(is_held_out([name])[0]) for name in ids]

    assert is_held_out(ids).tolist() == alone
    assert 0.17 < sum(alone) / 2000 < 0.23


def test_equal_rows_under_other_ids_stay_on_the_side_of_the_one_seen_first(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 300)
    laboratory.store(records)
    assert laboratory.assemble() == 0
    before = {record_id: row["part"] for record_id, row in rows_of(laboratory).items()}
    later = {"event_time": "2026-01-09T00:00:00.000Z"}
    copies = [record | later | {"record_id": f"copy-{n:03d}"} for n, record in enumerate(records)]
    laboratory.store(copies, "b", "01")

    assert laboratory.assemble() == 0

    rows = rows_of(laboratory)
    assert {record_id: rows[record_id]["part"] for record_id in before} == before
    for number, record in enumerate(records):
        assert rows[f"copy-{number:03d}"]["part"] == before[record["record_id"]]
    manifest = json.loads(files_of(laboratory)["manifest.json"])
    assert manifest["duplicates"] == {"equal": 300, "nearly_equal": 0}


def test_the_manifest_says_what_the_set_is_and_names_no_time(laboratory: Laboratory) -> None:
    laboratory.store(synthetic(laboratory.use_case, 300))
    assert laboratory.assemble(replace(laboratory.plan, rows_quarantined=4)) == 0

    text = files_of(laboratory)["manifest.json"].decode()

    manifest = json.loads(text)
    assert manifest["feature_digest"] == laboratory.use_case.feature_digest
    assert sum(part["rows"] for part in manifest["parts"].values()) == 300
    assert sum(part["missing"].get("ca", 0) for part in manifest["parts"].values()) == 8
    assert manifest["rows_quarantined"] == 4
    assert "2026" not in text


def test_patients_whose_flag_was_accepted_are_counted_by_the_list_of_the_plan(laboratory: Laboratory) -> None:
    laboratory.store(synthetic(laboratory.use_case, 320))
    assert laboratory.assemble() == 0
    folder = laboratory.outputs("assemble", "set")
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    assert all("acted_on" not in part for part in parts.values())
    held_out = [name for name, row in rows_of(laboratory).items() if row["part"] == "holdout"]
    listed = json.dumps([*held_out[:3], "f" * 32]).encode()
    path = laboratory.inputs("assemble", "plan") / "acted_on.json"
    path.write_bytes(listed)
    planned = replace(laboratory.plan, acted_on=hashlib.sha256(listed).hexdigest())

    assert laboratory.assemble(planned) == 0
    after = json.loads((folder / "manifest.json").read_text())["parts"]
    assert {name: part["acted_on"] for name, part in after.items()} == {"training": 0, "holdout": 3}

    path.write_bytes(listed + b" ")
    assert laboratory.assemble(planned) == 1
    assert "is not that of the plan" in laboratory.failure("assemble")


def test_the_reference_profile_describes_the_training_part_alone(laboratory: Laboratory) -> None:
    laboratory.store(synthetic(laboratory.use_case, 300))
    assert laboratory.assemble() == 0

    files = files_of(laboratory)
    reference = Profile.from_dict(json.loads(files["reference.json"]))

    assert reference.rows == json.loads(files["manifest.json"])["parts"]["training"]["rows"]
    assert reference.label is not None
    assert sum(reference.label.values()) == reference.rows


def test_other_features_than_the_plan_expects_are_refused(laboratory: Laboratory) -> None:
    laboratory.store(synthetic(laboratory.use_case, 300))

    assert laboratory.assemble(replace(laboratory.plan, feature_digest="0" * 64)) == 1
    assert laboratory.failure("assemble") == "The plan was made for other features than this code has."


def test_an_empty_store_too_few_patients_and_one_outcome_each_end_in_one_sentence(
    laboratory: Laboratory,
) -> None:
    laboratory.inputs("assemble", "offline")
    assert laboratory.assemble() == 1
    assert laboratory.failure("assemble") == "The offline store holds no data yet."

    laboratory.store(synthetic(laboratory.use_case, 30))
    assert laboratory.assemble() == 1
    assert "patients; at least" in laboratory.failure("assemble")

    laboratory.store([record | {"label": 0} for record in synthetic(laboratory.use_case, 300)])
    assert laboratory.assemble() == 1
    assert "one outcome only" in laboratory.failure("assemble")

    laboratory.store([record | {"label": None} for record in synthetic(laboratory.use_case, 300)])
    assert laboratory.assemble() == 1
    assert laboratory.failure("assemble") == (
        "The training part holds no labelled patient: nothing can be learned."
    )


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e300])
def test_a_value_that_no_measurement_can_have_is_refused_by_column(
    laboratory: Laboratory, value: float
) -> None:
    records = synthetic(laboratory.use_case, 300)
    records[7]["chol"] = value
    laboratory.store(records)

    assert laboratory.assemble() == 1
    assert laboratory.failure("assemble") == "The data hold values that no measurement can have, in chol."
