"""Every row of the public files is accounted for, and none is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clinrisk import use_cases

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Judge, Read

HEART = ",".join(use_cases.get("heart").header).encode() + b"\n"
pytestmark = pytest.mark.real_data


def test_cleveland_is_accepted_with_all_its_rows(real_data: Path, judge: Judge, read: Read) -> None:
    data = HEART + (real_data / "processed.cleveland.data").read_bytes()
    verdict = judge(data, "heart")
    assert (verdict.disposition, verdict.rows_accepted, dict(verdict.missing)) == (
        "ACCEPTED",
        303,
        {"ca": 4, "thal": 2},
    )
    chunk = read(data, "heart")
    assert chunk.features["label"].sum() == 139
    assert chunk.features["record_id"].n_unique() == 303
    assert dict(chunk.features["group_sex"].value_counts().iter_rows()) == {"male": 206, "female": 97}


def test_hungarian_is_held_for_the_examinations_that_it_seldom_does(real_data: Path, judge: Judge) -> None:
    verdict = judge(HEART + (real_data / "processed.hungarian.data").read_bytes(), "heart")
    assert (verdict.disposition, verdict.rows_accepted) == ("HELD", 294)
    assert [problem.reason for problem in verdict.problems] == [
        f"column_rarely_filled:{name}" for name in ("slope", "ca", "thal")
    ]
    assert verdict.missing["ca"] == 291
    assert verdict.missing["chol"] == 23


def test_stroke_is_accepted_with_all_its_rows(real_data: Path, judge: Judge, read: Read) -> None:
    data = (real_data / "healthcare-dataset-stroke-data.csv").read_bytes()
    verdict = judge(data, "stroke")
    assert (verdict.disposition, verdict.rows_accepted, dict(verdict.missing)) == (
        "ACCEPTED",
        5110,
        {"bmi": 201},
    )
    features = read(data, "stroke").features
    assert features["label"].sum() == 249
    assert features["age"].min() == 0.08
    assert features["bmi_missing"].sum() == 201
    assert features["gender_Other"].sum() == 1


def test_an_altered_copy_of_the_heart_data_is_rejected(real_data: Path, judge: Judge) -> None:
    """The copies in circulation count cp from 0 and recode slope and thal."""
    rows = []
    for line in (real_data / "processed.cleveland.data").read_text().split():
        cells = line.split(",")
        cells[2] = str(int(float(cells[2])) - 1)
        cells[10] = str(3 - int(float(cells[10])))
        cells[11] = "4" if cells[11] == "?" else cells[11]
        cells[12] = {"?": "0", "6.0": "1", "3.0": "2", "7.0": "3"}[cells[12]]
        rows.append(",".join(cells))
    verdict = judge(HEART + "\n".join(rows).encode(), "heart")
    assert verdict.disposition == "REJECTED"
    assert verdict.reasons["unknown_code:cp"] > 0
