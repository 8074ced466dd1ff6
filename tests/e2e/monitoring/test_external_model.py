"""A vendor's score on the twin: its reference is accepted, and a break in one group is found and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.hospital import Hospital
from twin.demo.approver import approve, link_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import RunningTwin

pytestmark = [pytest.mark.twin, pytest.mark.timeout(900)]
NAME = "readmission"


def send_month(twin: RunningTwin, folder: Path, day: str, seed: int, *more: str, rows: int = 1500) -> None:
    """Drop the predictions of a day, and then what became of the patients."""
    for purpose in ("predictions", "outcomes"):
        file = folder / f"{purpose}-{day}.csv"
        drawn = ("--rows", str(rows), "--seed", str(seed), "--on", day, "--purpose", purpose, *more)
        twin.clinrisk("cohort", NAME, *drawn, "--out", file)
        receipt = twin.clinrisk("drop", file, "--as", f"{NAME}/{purpose}", "--wait")
        assert receipt["disposition"] == "ACCEPTED", receipt


def test_an_accepted_reference_is_watched_and_a_break_in_one_group_is_named(
    twin: RunningTwin, stack: dict[str, str], tmp_path: Path
) -> None:
    hospital = Hospital(twin, stack)
    address = hospital.add_approver("Rea Night", "clinical", "--use-case", NAME)
    send_month(twin, tmp_path, "2026-01-15", 1, rows=2500)
    twin.clinrisk("reference", NAME, "--cohort", "Discharges of January")
    asked = hospital.wait(lambda: [one for one in hospital.mails("rea") if "/approvals/" in one["body"]])
    link = link_in(asked, "")
    assert link is not None
    approve(link, hospital.code(address))
    live = hospital.wait(lambda: twin.clinrisk("live", NAME)[NAME]["live"])
    assert (live["live_version"], live["package_arn"]) == (1, "")
    bundle = tmp_path / "bundle.zip"
    assert not twin.clinrisk("evidence", NAME, "1", "--out", bundle)["difference"]
    assert twin.clinrisk("audit", "verify")["difference"] is None
    send_month(twin, tmp_path, "2026-03-15", 3, "--shift", "after_care_ended", rows=2500)
    twin.clinrisk("monitor", NAME, "--wait")
    found = {one["check"]: one["detail"] for one in twin.clinrisk("findings", NAME)}
    assert "75 and over" in found["bias"], found
    assert "drift" not in found
    [mail] = [one["body"] for one in hospital.mails("operator") if "monitoring, " in one["subject"]]
    assert "Tell the vendor" in mail
    assert twin.objects(stack["ResultsBucket"], f"model-pages/{NAME}/")
    assert not twin.objects(stack["ResultsBucket"], f"results/{NAME}/")
