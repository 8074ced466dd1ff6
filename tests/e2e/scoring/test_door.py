"""A batch at the door of a live model: held, let through, scored with cautions, withdrawn, recalled."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files import synthetic_cohort
from tests.e2e.recovery import hospital_with_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
REASON = "A rehearsal: the ages are known to be wrong."


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model of heart, and one batch whose ages were sorted apart."""
    with hospital_with_model(tmp_path_factory.mktemp("door")) as hospital:
        data = synthetic_cohort.draw("heart", rows=300, seed=9).decode()
        rows = list(csv.DictReader(io.StringIO(data)))
        text = io.StringIO()
        writer = csv.DictWriter(text, [name for name in rows[0] if name != "num"], extrasaction="ignore")
        writer.writeheader()
        ages = sorted((row["age"] for row in rows), key=float)
        writer.writerows(row | {"age": age} for row, age in zip(rows, ages, strict=True))
        key = "inbox/heart/inference/sorted.csv"
        bucket = hospital.outputs["InboxBucket"]
        hospital.twin.client("s3").put_object(Bucket=bucket, Key=key, Body=text.getvalue().encode())
        yield hospital


def batch(hospital: Hospital, disposition: str) -> Any:
    """Wait until the batch has a disposition, and return what the command knows of it."""

    def found() -> Any:
        listed = hospital.twin.clinrisk("batches", "heart")
        wanted = [one for one in listed if "sorted" in one["file"] and one["disposition"] == disposition]
        return wanted[0] if wanted else None

    return hospital.wait(found)


def published(hospital: Hospital) -> list[str]:
    return hospital.twin.objects(hospital.outputs["ResultsBucket"], "results/heart/sorted/")


def test_a_batch_is_held_let_through_withdrawn_and_recalled(hospital: Hospital) -> None:
    held = batch(hospital, "HELD")
    assert published(hospital) == []
    [mail] = hospital.wait(lambda: [one for one in hospital.mails("operator") if "is held" in one["subject"]])
    assert "age (age)" in mail["body"]
    assert f"clinrisk let-through {held['upload_id']} --reason" in mail["body"]

    let = hospital.twin.clinrisk("let-through", held["upload_id"], "--reason", REASON)
    assert let["disposition"] == "ACCEPTED"
    rows = list(csv.DictReader(io.StringIO(hospital.results("sorted").decode())))
    assert len(rows) == 300
    assert all(REASON in row["batch_caution"] for row in rows)

    gone = hospital.twin.clinrisk("withdraw", held["upload_id"], "--reason", "Measured since.")
    assert gone["disposition"] == "WITHDRAWN"
    assert [one["decision"] for one in gone["decisions"]] == ["HELD", "LET_THROUGH", "WITHDRAW"]
    assert [key for key in published(hospital) if key.endswith(".RECALLED.txt")]
    kept = hospital.twin.clinrisk("audit", "show", "--use-case", "heart")
    decided = [one["body"]["decision"] for one in kept if one["event"] == "upload decided"]
    assert decided == ["HELD", "LET_THROUGH", "WITHDRAW"]
