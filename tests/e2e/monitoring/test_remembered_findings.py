"""Findings on the twin: opened with one mail, not mailed again, acknowledged, resolved, all in the ledger."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files import synthetic_cohort
from tests.e2e.recovery import hospital_with_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.hospital import Hospital

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
REASON = "The district hospital has joined; its patients are older."


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return a stack with a live model of heart and the scored patients of another hospital."""
    with hospital_with_model(tmp_path_factory.mktemp("findings")) as hospital:
        later = synthetic_cohort.draw(
            "heart", rows=200, seed=9, purpose="inference", shift="district_hospital"
        )
        key = "inbox/heart/inference/later.csv"
        hospital.twin.client("s3").put_object(Bucket=hospital.outputs["InboxBucket"], Key=key, Body=later)
        # So many differences hold it at the door.
        twin = hospital.twin
        held = hospital.wait(lambda: [one for one in twin.clinrisk("batches", "heart") if is_held(one)])
        twin.clinrisk("let-through", held[0]["upload_id"], "--reason", REASON)
        respond(hospital, hospital.results("later"), tmp_path_factory.mktemp("feedback"))
        yield hospital


def respond(hospital: Hospital, results: bytes, folder: Path) -> None:
    """Drop what a nurse did with every risk of a results file: followed all of them but one."""
    ids = [row["id"] for row in csv.DictReader(results.decode().splitlines()) if row["risk"]]
    today = datetime.now(UTC).date()
    rows = [f"{one},accepted,,nurse,{today}" for one in ids[1:]]
    rows += [f"{ids[0]},overridden,already_managed,nurse,{today}", f"{'0' * 32},accepted,,nurse,{today}"]
    file = folder / "ward.csv"
    file.write_text("\n".join(["id,response,reason,role,date", *rows, ""]), encoding="utf-8")
    hospital.twin.clinrisk("drop", str(file), "--as", "heart/feedback", "--wait")


def is_held(upload: dict[str, Any]) -> bool:
    return bool(upload["disposition"] == "HELD")


def mails(hospital: Hospital) -> list[str]:
    """Return the subjects of the operator's mails about findings."""
    found = [mail["subject"] for mail in hospital.mails("operator")]
    return [subject for subject in found if "monitoring," in subject or "finding heart" in subject]


def monitor(hospital: Hospital) -> Any:
    return hospital.twin.clinrisk("monitor", "heart", "--wait")


def findings(hospital: Hospital, *more: str) -> dict[str, Any]:
    return {one["finding_id"]: one for one in hospital.twin.clinrisk("findings", "heart", *more)}


def test_a_finding_is_mailed_once_acknowledged_and_resolved(hospital: Hospital, tmp_path: Path) -> None:
    found = monitor(hospital)["findings"]
    page = Path(hospital.twin.clinrisk("open", "heart", "--out", tmp_path)["page"])
    html = page.read_text(encoding="utf-8")
    assert "heart-drift" in html
    [file] = hospital.twin.clinrisk("feedback", "heart")
    assert file["counted"] > 100
    assert file["unmatched"] == 1
    assert "The share of flags overridden was not evaluated" not in html
    assert "Reasons were not evaluated: fewer than 20 risks were overridden." in html
    assert "drift" in {one["check"] for one in found if one["verdict"] == "ALERT"}
    known = findings(hospital)
    assert known["heart-drift"]["state"] == "OPEN"
    [opened] = mails(hospital)
    assert "opened" in opened
    assert hospital.wait(
        lambda: "HeartCheckAlarm" in {one["name"] for one in hospital.twin.clinrisk("alarms")}
    )

    monitor(hospital)
    assert mails(hospital) == [opened]
    assert findings(hospital) == known

    twin = hospital.twin
    after = twin.clinrisk("acknowledge", "heart-drift", "--until", "2099-01-31", "--reason", REASON)
    assert (after["state"], after["due"]) == ("ACKNOWLEDGED", "2099-01-31T23:59:59.999Z")
    assert after["changes"][-1]["by"].startswith("arn:aws:")
    assert len(mails(hospital)) == 2

    for finding_id in findings(hospital):
        assert twin.clinrisk("resolve", finding_id, "--reason", REASON)["state"] == "RESOLVED"
    assert findings(hospital) == {}
    before = len(mails(hospital))
    monitor(hospital)
    assert len(mails(hospital)) == before
    assert set(findings(hospital, "--all")) == set(known)

    kept = [
        entry["body"]["change"]
        for entry in twin.clinrisk("audit", "show", "--use-case", "heart")
        if entry["event"] == "finding changed" and entry["body"]["finding_id"] == "heart-drift"
    ]
    assert kept == ["OPENED", "ACKNOWLEDGED", "RESOLVED"]
    assert twin.clinrisk("audit", "verify")["difference"] is None
