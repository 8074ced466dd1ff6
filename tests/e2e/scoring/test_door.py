"""A batch at the door of a live model: held, let through, scored with cautions, withdrawn, recalled."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files import synthetic_cohort
from tests.e2e.conftest import PROJECT, started
from tests.e2e.hospital import Hospital
from twin.demo.approver import approve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
REASON = "The laboratory was closed; risks without cholesterol are wanted."


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model of heart, and one batch without its cholesterol."""
    with started(tmp_path_factory.mktemp("door")) as twin:
        outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
        hospital = Hospital(twin, outputs)
        hospital.drop("training", "first", 400, seed=1)
        approve(hospital.question(1)[1])
        hospital.wait(lambda: twin.clinrisk("live", "heart")["heart"]["live"])
        data = synthetic_cohort.draw("heart", rows=120, seed=9).decode()
        rows = list(csv.DictReader(io.StringIO(data)))
        text = io.StringIO()
        writer = csv.DictWriter(text, [name for name in rows[0] if name != "num"], extrasaction="ignore")
        writer.writeheader()
        # Half of the values are there, as the contract of a file asks, in the second half of the rows.
        writer.writerows(row | ({"chol": ""} if at < 50 else {}) for at, row in enumerate(rows))
        key = "inbox/heart/inference/closed.csv"
        twin.client("s3").put_object(Bucket=outputs["InboxBucket"], Key=key, Body=text.getvalue().encode())
        yield hospital


def batch(hospital: Hospital, disposition: str) -> Any:
    """Wait until the batch has a disposition, and return what the command knows of it."""

    def found() -> Any:
        listed = hospital.twin.clinrisk("batches", "heart")
        wanted = [one for one in listed if "closed" in one["file"] and one["disposition"] == disposition]
        return wanted[0] if wanted else None

    return hospital.wait(found)


def published(hospital: Hospital) -> list[str]:
    return hospital.twin.objects(hospital.outputs["ResultsBucket"], "results/heart/closed/")


def test_a_batch_is_held_let_through_withdrawn_and_recalled(hospital: Hospital) -> None:
    held = batch(hospital, "HELD")
    assert published(hospital) == []
    [mail] = hospital.wait(lambda: [one for one in hospital.mails("operator") if "is held" in one["subject"]])
    assert "(chol)" in mail["body"]
    assert f"clinrisk let-through {held['upload_id']} --reason" in mail["body"]

    refused = hospital.twin.clinrisk("let-through", "0" * 20, "--reason", REASON)
    assert "no settled upload" in json.dumps(refused)
    let = hospital.twin.clinrisk("let-through", held["upload_id"], "--reason", REASON)
    assert let["disposition"] == "ACCEPTED"
    rows = list(csv.DictReader(io.StringIO(hospital.results("closed").decode())))
    assert len(rows) == 120
    assert all(REASON in row["batch_caution"] for row in rows)
    assert not [row for row in rows if "cholesterol" in row["factor_1"] and not row["risk"]]

    gone = hospital.twin.clinrisk("withdraw", held["upload_id"], "--reason", "Measured since.")
    assert gone["disposition"] == "WITHDRAWN"
    assert [one["decision"] for one in gone["decisions"]] == ["HELD", "LET_THROUGH", "WITHDRAW"]
    assert [key for key in published(hospital) if key.endswith(".RECALLED.txt")]
    entries = hospital.twin.objects(hospital.outputs["AuditBucket"], "ledger/heart/uploads/")
    assert len(entries) == 2
