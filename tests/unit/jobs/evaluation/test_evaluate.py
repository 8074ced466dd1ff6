"""The evaluation job writes the published document and a page that stands on its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.evaluation.metrics import confusion
from clinrisk.jobs.patient_tables import read_set

if TYPE_CHECKING:
    from tests.unit.jobs.conftest import Laboratory

SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "evaluation.schema.json").read_text())


def document_of(laboratory: Laboratory) -> dict[str, Any]:
    path = laboratory.outputs("evaluate", "evaluation") / "evaluation.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def page_of(laboratory: Laboratory) -> str:
    return (laboratory.outputs("evaluate", "report") / "report.html").read_text()


def test_the_document_has_the_published_shape(evaluated: Laboratory) -> None:
    document = document_of(evaluated)

    jsonschema.validate(document, SCHEMA)
    assert document["run_id"] == "heart-0123456789"
    assert set(document["models"]) == {"xgboost", "logistic", "floor"}
    assert sum(driver["share"] for driver in document["drivers"]) == pytest.approx(1, abs=1e-4)


def test_the_evidence_is_checked_on_patients_whom_no_model_has_seen(evaluated: Laboratory) -> None:
    document = document_of(evaluated)
    checks = document["cross_checks"]
    assert (checks["duplicates"]["equal"], checks["duplicates"]["nearly_equal"]) == (0, 0)
    auc = document["models"]["xgboost"]["auc"][0]
    assert checks["duplicates"]["auc"] == checks["duplicates"]["auc_without"] == pytest.approx(auc)
    assert sum(band["rows"] for band in checks["intervals"]) == document["counts"]["holdout"]["rows"]
    assert all(band["low"] < band["high"] for band in checks["intervals"])
    doubts = checks["doubts"]
    assert doubts["rows"] == document["counts"]["holdout"]["rows"]
    # Nobody lacks what is essential; whoever lacks the vessels (few do in training) is in doubt.
    assert doubts["not_scored"] == 0 < doubts["uncertain"] < doubts["rows"]
    inputs = {column.name for column in evaluated.use_case.columns if not column.essential}
    assert {row["column"] for row in checks["absences"]} == inputs


def test_runs_on_the_same_inputs_give_the_same_bytes(trained: Laboratory) -> None:
    found = set()
    for _ in range(3):
        assert trained.evaluate() == 0
        found.add((json.dumps(document_of(trained)), page_of(trained)))

    assert len(found) == 1


def test_the_threshold_finds_the_wished_share_of_cases_out_of_fold(evaluated: Laboratory) -> None:
    document = document_of(evaluated)

    recall = document["models"]["xgboost"]["recall"]
    assert document["recall_target"] <= recall[0] <= document["recall_target"] + 0.03


def test_groups_add_up_to_the_training_patients(evaluated: Laboratory) -> None:
    document = document_of(evaluated)
    training = read_set(evaluated.outputs("assemble", "set") / "training.csv", evaluated.use_case)

    for attribute, groups in document["groups"].items():
        assert sum(group["n"] for group in groups.values()) == len(training)
        for name, group in groups.items():
            assert group["n"] == int((training.groups[attribute] == name).sum())
    assert confusion(training.labels, training.features[:, 0], 0.0).rows == len(training)


LIVE = {"CHAMPION_THRESHOLD": "0.5", "CHAMPION_VERSION": "3", "CHAMPION_RUN": "heart-9876543210"}


def test_against_a_live_model_the_page_says_what_changes(trained: Laboratory) -> None:
    trained.pack("xgboost", trained.inputs("evaluate", "champion"))

    assert trained.evaluate(**LIVE) == 0

    document = document_of(trained)
    jsonschema.validate(document, SCHEMA)
    # The champion is the candidate itself here: it ranks alike, and only the threshold moves flags.
    for comparison in ("comparison", "holdout_comparison"):
        assert document[comparison]["xgboost_vs_champion"]["auc"] == [0.0, 0.0, 0.0]
    assert document["champion"]["compared"] == {
        part: document["counts"][part]["rows"] for part in ("training", "holdout")
    }
    assert document["reclassification"] != NOT_EVALUATED
    assert "no longer flagged" in page_of(trained)
    assert "Version 3 is live" in page_of(trained)


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_champion_of_other_features_is_compared_on_the_patients_whom_both_know(trained: Laboratory) -> None:
    card = trained.root / "xgboost/model/clinrisk/model.json"
    before = card.read_text()
    rewrite(card, feature_digest="0" * 64)
    trained.pack("xgboost", trained.inputs("evaluate", "champion"))
    card.write_text(before)

    assert trained.evaluate(**LIVE) == 0

    document = document_of(trained)
    assert document["champion"]["same_features"] is False
    patients = document["counts"]["training"]["rows"]
    assert document["champion"]["compared"] == {"training": patients, "holdout": 0}
    assert "uses other features" in page_of(trained)


def test_a_champion_that_knows_none_of_these_patients_blocks_with_the_reason(trained: Laboratory) -> None:
    card = trained.root / "xgboost/model/clinrisk/model.json"
    scores = trained.root / "xgboost/output/data/out_of_fold.csv"
    before = card.read_text(), scores.read_text()
    rewrite(card, feature_digest="0" * 64)
    scores.write_text("record_id,fold,label,score\nsomebody,0,1,0.5\n")
    trained.pack("xgboost", trained.inputs("evaluate", "champion"))
    card.write_text(before[0])
    scores.write_text(before[1])

    assert trained.evaluate(**LIVE) == 0

    document = document_of(trained)
    jsonschema.validate(document, SCHEMA)
    [line] = [line for line in document["unmet"] if "live model" in line]
    assert "trained on other features" in line
    assert "not evaluated" in page_of(trained).partition('id="change"')[2].partition('id="groups"')[0]


def test_a_patient_whom_the_champion_never_met_is_judged_by_the_model_itself(trained: Laboratory) -> None:
    scores = trained.root / "xgboost/output/data/out_of_fold.csv"
    before = scores.read_text()
    lines = before.splitlines(keepends=True)
    scores.write_text("".join(lines[:-20]))
    trained.pack("xgboost", trained.inputs("evaluate", "champion"))
    scores.write_text(before)

    assert trained.evaluate(**LIVE) == 0

    document = document_of(trained)
    assert document["champion"]["compared"]["training"] == document["counts"]["training"]["rows"]
    assert document["comparison"]["xgboost_vs_champion"]["auc"][0] != 0


def test_the_page_needs_nothing_from_outside_and_runs_nothing(evaluated: Laboratory) -> None:
    page = page_of(evaluated)

    assert not re.search(
        r"<script|javascript:|\son\w+=|@import|url\(|<link|<iframe|<img", page, re.IGNORECASE
    )
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == set()
    assert not re.search(r"\b(nan|NaN|inf|None|undefined)\b|\{\{", page.partition("<body>")[2])
    assert len(page.encode()) < 300_000
    assert page.count("<svg") >= 3


def test_no_patient_is_on_the_page_or_in_the_document(evaluated: Laboratory) -> None:
    training = read_set(evaluated.outputs("assemble", "set") / "training.csv", evaluated.use_case)

    evidence = page_of(evaluated) + json.dumps(document_of(evaluated))
    assert not any(record_id in evidence for record_id in training.record_ids.tolist())


def test_a_set_that_is_not_the_manifests_is_refused(trained: Laboratory) -> None:
    path = trained.outputs("assemble", "set") / "holdout.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))

    assert trained.evaluate() == 1
    assert trained.failure("evaluate") == "The file holdout.csv is not the one that the manifest describes."


def test_a_model_of_another_training_set_is_refused(trained: Laboratory) -> None:
    card = trained.root / "xgboost/model/clinrisk/model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"training_sha256": "0" * 64}))

    assert trained.evaluate() == 1
    assert trained.failure("evaluate") == "The xgboost model was trained on another training set."


def test_scores_of_other_patients_are_refused(trained: Laboratory) -> None:
    path = trained.root / "logistic/output/data/out_of_fold.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))

    assert trained.evaluate() == 1
    assert "not those of the training patients" in trained.failure("evaluate")
