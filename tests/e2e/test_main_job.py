"""The main job from end to end, the way a user runs it: `twin demo` on the user's own files."""

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import CLINRISK, PROJECT, TWIN, free_port, twin_environment

REAL = Path(os.environ.get("CLINRISK_REAL_DATA", PROJECT / "../shared/data")).resolve()
FILES = {"heart": REAL / "processed.cleveland.data", "stroke": REAL / "healthcare-dataset-stroke-data.csv"}
ROWS = {"heart": 303, "stroke": 5110}

pytestmark = [pytest.mark.real_data, pytest.mark.twin, pytest.mark.timeout(1800)]
if not all(file.exists() for file in FILES.values()):
    pytest.skip(f"the public files are not in {REAL} (set CLINRISK_REAL_DATA)", allow_module_level=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("demo")
    command = [str(TWIN), "demo", "--approve", "--out", str(out), "--port", str(free_port())]
    command += ["--heart", str(FILES["heart"]), "--stroke", str(FILES["stroke"])]
    done = subprocess.run(
        command, env=twin_environment(out / "twin"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    content: dict[str, Any] = json.loads((out / "demo.json").read_text())
    return content


def _uploads(demo: dict[str, Any], use_case: str, *purposes: str) -> list[dict[str, Any]]:
    uploads: list[dict[str, Any]] = demo["use_cases"][use_case]["uploads"]
    return [one for one in uploads if one["key"].split("/")[2] in purposes]


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_every_row_of_the_users_file_is_accounted_for(demo: dict[str, Any], use_case: str) -> None:
    used = [
        one
        for one in _uploads(demo, use_case, "training", "inference")
        if one["disposition"] in {"ACCEPTED", "PARTIAL"} and "shifted" not in one["key"]
    ]
    assert sum(one["rows_accepted"] + one["rows_quarantined"] for one in used) == ROWS[use_case]


@pytest.mark.parametrize(
    ("use_case", "model", "low", "high"),
    [
        ("heart", "xgboost", 0.85, 0.93),
        ("heart", "logistic", 0.85, 0.93),
        ("stroke", "xgboost", 0.82, 0.87),
        ("stroke", "logistic", 0.82, 0.87),
    ],
)
def test_the_models_are_as_good_as_is_credible_and_no_better(
    demo: dict[str, Any], use_case: str, model: str, low: float, high: float
) -> None:
    estimate, lower, upper = demo["use_cases"][use_case]["auc"][model]
    assert low <= estimate <= high
    assert lower < estimate < upper


def test_the_floor_of_age_alone_is_reported(demo: dict[str, Any]) -> None:
    assert 0.8 < demo["use_cases"]["stroke"]["auc"]["floor"][0] < 0.86


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_a_human_decision_makes_the_candidate_live(demo: dict[str, Any], use_case: str) -> None:
    ended = demo["use_cases"][use_case]
    assert (ended["verdict"], ended["decision"], ended["live_version"]) == ("APPROVABLE", "APPROVED", 1)


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_the_same_file_is_a_duplicate_and_a_wrong_header_is_rejected(
    demo: dict[str, Any], use_case: str
) -> None:
    dispositions = [one["disposition"] for one in _uploads(demo, use_case, "training")]
    assert sorted(dispositions) == ["ACCEPTED", "DUPLICATE", "REJECTED"]
    (rejected,) = (one for one in _uploads(demo, use_case, "training") if one["disposition"] == "REJECTED")
    assert rejected["rows_accepted"] == 0


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_results_carry_one_line_per_patient_with_risk_band_factors_and_versions(
    demo: dict[str, Any], use_case: str
) -> None:
    with Path(demo["use_cases"][use_case]["artefacts"]["results"]).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    (batch,) = (one for one in _uploads(demo, use_case, "inference") if "shifted" not in one["key"])
    assert len(rows) == batch["rows_accepted"]
    assert all(0.0 <= float(row["risk"]) <= 1.0 for row in rows)
    filled = ("band", "factor_1", "model_version", "data_version")
    assert all(row[name] for row in rows for name in filled)
    assert len({row["id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_only_the_shifted_batch_raises_the_drift_alert(demo: dict[str, Any], use_case: str) -> None:
    findings = demo["use_cases"][use_case]["findings"]
    drift = {("shifted" in one["batch"], one["verdict"]) for one in findings if one["check"] == "drift"}
    assert drift == {(True, "ALERT"), (False, "OK")}


@pytest.mark.parametrize("use_case", ["heart", "stroke"])
def test_every_check_ends_ok_alert_or_not_evaluated(demo: dict[str, Any], use_case: str) -> None:
    findings = demo["use_cases"][use_case]["findings"]
    assert {one["check"] for one in findings} == {"quality", "drift", "performance", "bias"}
    assert {one["verdict"] for one in findings} <= {"OK", "ALERT", "NOT_EVALUATED"}


def test_the_evidence_is_there_to_read(demo: dict[str, Any]) -> None:
    for use_case in ("heart", "stroke"):
        artefacts = demo["use_cases"][use_case]["artefacts"]
        for picture in ("report", "model_page"):
            assert "<svg" in Path(artefacts[picture]).read_text(encoding="utf-8")
        assert json.loads(Path(artefacts["evaluation"]).read_text(encoding="utf-8"))["use_case"] == use_case
        index = (Path(artefacts["report"]).parents[1] / "index.html").read_text(encoding="utf-8")
        assert f'href="{use_case}/report.html"' in index
        assert index.count("<li>") == 5
        assert "not reached" not in index
    assert set(demo["seconds"]) >= {"deploy", "total"}


def test_a_reference_is_rolled_back_and_the_ledger_has_all_of_it(demo: dict[str, Any]) -> None:
    readmission = demo["use_cases"]["readmission"]
    assert (readmission["decision"], readmission["live_version"]) == ("APPROVED", 3)
    assert demo["ledger"]["difference"] is None
    for use_case in demo["use_cases"].values():
        bundle = use_case["artefacts"]["evidence"]
        command = [str(CLINRISK), "audit", "verify", "--bundle", bundle]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
