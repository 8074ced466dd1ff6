"""A model that is not ours: predictions come in, an approver accepts a reference, monitoring watches it."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from cli.local_files import synthetic_cohort
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.errors import NotEnoughData
from clinrisk.services.release.proofs import released
from tests.integration.events import events_of, read_event
from tests.integration.external_model import NAME, AskedReference, drop, send_month

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

JANUARY = dt.date(2026, 1, 15)


def stored(stack: Stack, key: str) -> bytes:
    return stack.read(f"s3://clinrisk-lake/{key}")


def test_predictions_are_stored_as_monitoring_reads_those_of_our_own_models(stack: Stack) -> None:
    name = send_month(stack, JANUARY, rows=400, seed=3)
    rows = pl.read_parquet(io.BytesIO(stored(stack, object_keys.external_predictions(NAME, name, 0))))
    assert {"record_id", "risk", "flagged", "predicted_on", "model_version", "group_sex"} <= set(rows.columns)
    assert set(rows["predicted_on"]) == {JANUARY}
    assert rows["flagged"].to_list() == [risk >= 0.2 for risk in rows["risk"]]
    # Pseudonyms alone: the hospital's ids are in no stored row, and nothing is kept to find them again.
    assert rows["record_id"].str.contains(r"^[0-9a-f]{32,}$").all()
    assert not [key for key in stack.keys("lake") if key.startswith("vault/")]
    scores = ScoreProfile.from_dict(
        stack.read_json(f"s3://clinrisk-lake/{object_keys.score_profile(NAME, name)}")
    )
    assert (scores.everyone.n, scores.everyone.flagged) == (400, int(rows["flagged"].sum()))
    joined = stack.read_json(f"s3://clinrisk-lake/{object_keys.joined(NAME, name)}")
    known = ScoreProfile.from_dict(joined["scores"]).everyone
    assert (known.n, joined["outcomes"]["joined"]) == (400, 400)


def predictions_with(**changes: str) -> bytes:
    """Return twenty-five predictions of which the first has other cells."""
    header, first, *others = (
        synthetic_cohort.draw(NAME, rows=25, seed=1, purpose="predictions").decode().split()
    )
    cells = dict(zip(header.split(","), first.split(","), strict=True)) | changes
    names = list(cells)
    lines = [",".join(names), ",".join(cells.values())]
    lines += [line + "," * (len(names) - line.count(",") - 1) for line in others]
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"risk": "1.2"}, "out_of_range:risk"),
        ({"risk": "high"}, "not_a_number:risk"),
        ({"predicted_at": "15.01.2026"}, "not_a_date:predicted_at"),
        ({"predicted_at": "2126-01-15"}, "date_in_future:predicted_at"),
        ({"model_version": "for Mr Smith"}, "unreadable_model_version:model_version"),
    ],
)
def test_a_prediction_that_cannot_be_read_is_quarantined(
    stack: Stack, changes: dict[str, str], reason: str
) -> None:
    _, settled = drop(stack, "predictions", "faulty", predictions_with(**changes))
    receipt = stack.read_json(settled["receipt"]["uri"])
    assert (receipt["disposition"], receipt["rows_accepted"], receipt["reasons"]) == (
        "PARTIAL",
        24,
        {reason: 1},
    )


def test_a_time_of_day_and_a_version_are_taken(stack: Stack) -> None:
    data = predictions_with(predicted_at="2026-01-15T09:30:00+01:00", model_version="4.2.1", risk="")
    upload, settled = drop(stack, "predictions", "timed", data)
    assert settled["disposition"] == "ACCEPTED"
    key = object_keys.external_predictions(NAME, upload["upload_id"], 0)
    first = pl.read_parquet(io.BytesIO(stored(stack, key))).row(0, named=True)
    assert (first["predicted_on"], first["model_version"]) == (JANUARY, "4.2.1")
    assert (first["risk"], first["flagged"]) == (None, False)
    profile = stack.read_json(f"s3://clinrisk-lake/{object_keys.score_profile(NAME, upload['upload_id'])}")
    assert ScoreProfile.from_dict(profile).everyone.not_scored == 1


@pytest.mark.parametrize(
    ("factor", "disposition", "reason"), [(100, "REJECTED", "wrong_unit:risk"), (0, "HELD", "")]
)
def test_risks_in_percent_or_all_alike_do_not_pass(
    stack: Stack, factor: int, disposition: str, reason: str
) -> None:
    header, *lines = synthetic_cohort.draw(NAME, rows=60, seed=1, purpose="predictions").decode().split()
    place = header.split(",").index("risk")
    rows = [line.split(",") for line in lines]
    for cells in rows:
        cells[place] = f"{float(cells[place]) * factor:.2f}" if factor else "0.1234"
    data = "\n".join([header, *(",".join(cells) for cells in rows)]) + "\n"
    _, settled = drop(stack, "predictions", "odd", data.encode())
    receipt = stack.read_json(settled["receipt"]["uri"])
    assert receipt["disposition"] == disposition
    assert reason in {"", *receipt["reasons"]}
    assert not uploads.used(NAME, "predictions")


def findings(stack: Stack) -> dict[tuple[str, str], Any]:
    """Run every check; gives what each found, by check and batch."""
    selection = stack.call("select_batches", {"use_case": NAME})
    found = [
        one
        for check in selection["checks"]
        for one in stack.call("run_check", {"check": check, "selection": selection})["findings"]
    ]
    return {(one["check"], one["batch"]): one for one in found}


def test_an_approver_accepts_the_reference_and_a_break_in_one_group_is_found_and_named(stack: Stack) -> None:
    send_month(stack, JANUARY, rows=2500, seed=1)
    asked = AskedReference(stack)
    assert asked.reference["unmet"] == []
    page = asked.open()["body"]
    assert "Accept version 1 of the reference of Readmission risk?" in page
    assert "Example Readmission Score of Example Vendor" in page
    assert "Logistic regression" not in page
    assert "model card" not in page
    assert "Approved" in asked.answer()["body"]
    mail = asked.promote()
    assert mail["live_version"] == 1
    assert mail["subject"] == "Readmission risk: version 1 of its reference is accepted"
    assert "Ann Lee (clinical)" in mail["message"]
    live = deployments.live(NAME)
    released.check(live)
    assert (live.package_arn, live.model_name, live.threshold) == ("", "", 0.2)
    assert [one["body"]["run_id"] for one in stack.ledger("released")] == [live.run_id]

    for month in (2, 3):
        send_month(stack, dt.date(2026, month, 15), rows=1500, seed=month)
    quiet = findings(stack)
    assert {one["verdict"] for one in quiet.values()} <= {"OK", "NOT_EVALUATED"}, quiet
    assert {check for check, _ in quiet} == {"quality", "drift", "performance", "bias"}
    for month in (4, 5):
        send_month(stack, dt.date(2026, month, 15), rows=1500, seed=month, shift="after_care_ended")
    broken = findings(stack)
    alerts = {check: one["detail"] for (check, _), one in broken.items() if one["verdict"] == "ALERT"}
    assert "75 and over" in alerts["bias"]
    assert "drift" not in alerts

    recorded = stack.call(
        "record_findings",
        {
            "use_case": NAME,
            "live_version": 1,
            "new_training_rows": 0,
            "findings": list(broken.values()),
            "execution": "arn:run-1",
        },
    )
    assert recorded["response"] == "INVESTIGATE"
    assert "Tell the vendor" in recorded["message"]


@pytest.mark.parametrize("name", events_of("evaluate_reference"))
def test_a_reference_is_a_candidate_without_package_and_card(stack: Stack, name: str) -> None:
    event = read_event(name)
    with pytest.raises(NotEnoughData, match="there are none"):
        stack.call("evaluate_reference", event)
    upload = send_month(stack, JANUARY, rows=300, seed=3)
    found = stack.call("evaluate_reference", event)
    assert found == stack.call("evaluate_reference", event | {"uploads": [upload]})
    assert (found["package_arn"], found["model_name"], found["digests"]["model_card"]) == ("", "", "")
    assert found["unmet"] == ["Patients with a known outcome: at least 500 (found 300)", *found["unmet"][1:]]
    statement = stack.read_json(found["model_uri"])
    assert (statement["vendor"], statement["threshold"], statement["versions"]) == (
        "Example Vendor",
        0.2,
        [""],
    )
    report = stack.read(found["report_uri"]).decode()
    assert "Discharges of January, all wards" in report
    with pytest.raises(NotEnoughData, match="is no file of predictions that counts"):
        stack.call("evaluate_reference", event | {"uploads": ["0" * 20]})
    with pytest.raises(NotEnoughData, match="is ours"):
        stack.call("evaluate_reference", event | {"use_case": "heart"})


def test_the_page_of_the_live_model_and_its_card(stack: Stack) -> None:
    send_month(stack, JANUARY, rows=1500, seed=3)
    asked = AskedReference(stack)
    asked.answer()
    asked.promote()
    send_month(stack, dt.date(2026, 2, 15), rows=800, seed=2)
    selection = stack.call("select_batches", {"use_case": NAME})
    recorded = stack.call(
        "record_findings",
        {
            "use_case": NAME,
            "live_version": 1,
            "new_training_rows": 0,
            "findings": list(findings(stack).values()),
            "execution": "arn:run-1",
        },
    )
    given = {"started": "2026-03-01T09:30:00.000Z", "selection": selection, "findings": recorded["findings"]}
    written = stack.call("write_page", given)
    assert "Readmission risk" in stack.read(written["page"]["uri"]).decode()
    card = stack.call("write_card", {"use_case": NAME, "live_version": 1})
    assert card == {"edition": 0, "page": None, "new": False}


def test_a_later_reference_takes_the_place_of_the_first_and_can_be_taken_back(stack: Stack) -> None:
    send_month(stack, JANUARY, rows=1500, seed=3)
    first = AskedReference(stack)
    first.answer()
    first.promote()
    later = send_month(stack, dt.date(2026, 3, 15), rows=1500, seed=4, shift="after_care_ended")
    second = AskedReference(stack, f"{NAME}-9999999999", uploads=[later])
    assert second.reference["package_version"] == 2
    assert any(line.startswith("Observed cases per expected case") for line in second.reference["unmet"])
    assert "Approved" in second.answer(version="2")["body"]
    assert second.promote()["live_version"] == 2
    assert not stack.call("select_batches", {"use_case": NAME})["batches"]
    rollback = {
        "to_version": 1,
        "from_version": 2,
        "person": "ann",
        "reason": "The ward closed.",
        "execution": "e-1",
    }
    restored = stack.call("roll_back_model", {"use_case": NAME} | rollback)
    assert restored["live_version"] == 3
    assert "The reference of live version 1 is live again" in restored["message"]
    assert "held against it" in restored["message"]
    live = deployments.live(NAME)
    released.check(live)
    assert live.run_id == first.reference["run_id"]


def test_a_reference_whose_files_were_withdrawn_is_not_accepted(stack: Stack) -> None:
    name = send_month(stack, JANUARY, rows=1500, seed=3)
    asked = AskedReference(stack)
    stack.call(
        "decide_upload",
        {
            "upload_id": name,
            "decision": "WITHDRAW",
            "person": "ann",
            "reason": "a test export",
            "execution": "e",
        },
    )
    page = asked.open()["body"]
    assert "It rests on a file that was withdrawn since" in page
    assert "clinrisk reference readmission" in page


def test_a_rejected_reference_is_mailed_as_a_reference(stack: Stack) -> None:
    send_month(stack, JANUARY, rows=400, seed=3)
    asked = AskedReference(stack)
    stack.mails()
    assert "ejected" in asked.answer(decision="reject", reason="Three wards are missing.")["body"]
    [mail] = stack.mails()
    assert "Version 1 of the reference of Readmission risk" in mail["Message"]
    assert "training run" not in mail["Message"]
