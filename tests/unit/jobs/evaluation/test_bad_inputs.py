"""Data that can carry little, through the jobs: a verdict that says so, never NaN, never a crash."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.training.assemble import is_held_out
from tests.unit.jobs.chai_schema import Schema
from tests.unit.jobs.conftest import synthetic

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.jobs.conftest import Laboratory

    Records = list[dict[str, Any]]

SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "evaluation.schema.json").read_text())
FEATURES = ("age", "trestbps", "chol", "thalach", "oldpeak", "ca")


def only_healthy_held_out(records: Records) -> Records:
    held = is_held_out([record["record_id"] for record in records]).tolist()
    return [
        record | {"label": 0 if out else record["label"]} for record, out in zip(records, held, strict=True)
    ]


def nobody_held_out(records: Records) -> Records:
    held = is_held_out([record["record_id"] for record in records]).tolist()
    return [record for record, out in zip(records, held, strict=True) if not out]


def healthy_women(records: Records) -> Records:
    return [r | {"label": 0 if r["group_sex"] == "female" else r["label"]} for r in records]


def one_woman(records: Records) -> Records:
    return [r | {"group_sex": "female" if n == 0 else "male"} for n, r in enumerate(records)]


def nothing_known_of_groups(records: Records) -> Records:
    return [record | {"group_sex": None, "group_age_band": None} for record in records]


def nothing_varies(records: Records) -> Records:
    return [
        {name: value if name in _KEPT else 50.0 if name in FEATURES else 1.0 for name, value in r.items()}
        for r in records
    ]


def nothing_measured(records: Records) -> Records:
    return [{name: value if name in _KEPT else None for name, value in r.items()} for r in records]


def six_cases(records: Records) -> Records:
    held = is_held_out([record["record_id"] for record in records]).tolist()
    learned = [record["record_id"] for record, out in zip(records, held, strict=True) if not out]
    cases = set(learned[:6])
    return [record | {"label": int(record["record_id"] in cases)} for record in records]


def few_patients(records: Records) -> Records:
    return records[:110]


_KEPT = {
    "record_id",
    "event_time",
    "upload_id",
    "schema_version",
    "row",
    "label",
    "is_deleted",
    "group_sex",
    "group_age_band",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (only_healthy_held_out, "Hold-out patients do not rule out an AUC of 0.8 (found not evaluated)"),
        (nobody_held_out, "Hold-out patients do not rule out an AUC of 0.8 (found not evaluated)"),
        (healthy_women, ""),
        (one_woman, ""),
        (nothing_known_of_groups, ""),
        (nothing_varies, "AUC: at least 0.8"),
        (nothing_measured, "AUC: at least 0.8"),
        (six_cases, "Patients with the condition: at least 40 (found 6)"),
        (few_patients, "Patients to learn from: at least 120"),
    ],
)
def test_what_the_data_cannot_carry_is_said(
    laboratory: Laboratory, spoil: Callable[[Records], Records], said: str
) -> None:
    laboratory.store(spoil(synthetic(laboratory.use_case, 320)))
    assert laboratory.assemble() == 0
    for algorithm in ("xgboost", "logistic"):
        assert laboratory.train(algorithm, num_round="5") == 0
    assert laboratory.evaluate() == 0

    document = json.loads((laboratory.outputs("evaluate", "evaluation") / "evaluation.json").read_text())
    report = laboratory.outputs("evaluate", "report")
    jsonschema.validate(document, SCHEMA)
    assert not said or any(line.startswith(said) for line in document["unmet"])
    for file in ("report.html", "model-card.html"):
        body = (report / file).read_text().partition("<body>")[2]
        assert not re.search(r"\b(nan|NaN|inf|Infinity|None|undefined)\b|\{\{", body)
    assert Schema().differences((report / "model-card.xml").read_bytes()) == []
    women = document["groups"]["sex"].get("female")
    if spoil in (healthy_women, one_woman):
        assert women["recall"] == women["auc"] == women["average_precision"] == NOT_EVALUATED
        assert document["gaps"]["sex"]["equal_opportunity_difference"] == NOT_EVALUATED
        assert "Too few cases to judge: women" in (report / "report.html").read_text()


def test_five_folds_need_five_cases(laboratory: Laboratory) -> None:
    records = six_cases(synthetic(laboratory.use_case, 320))
    cases = [record for record in records if record["label"]]
    for record in cases[:2]:
        record["label"] = 0
    laboratory.store(records)
    assert laboratory.assemble() == 0

    assert laboratory.train("xgboost") == 1
    assert "at least 5 patients" in laboratory.failure("xgboost")


def test_a_group_that_this_code_does_not_have_is_named_by_its_attribute(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 320)
    records[0]["group_sex"] = "canary"
    laboratory.store(records)
    assert laboratory.assemble() == 0
    for algorithm in ("xgboost", "logistic"):
        assert laboratory.train(algorithm, num_round="5") == 0

    assert laboratory.evaluate() == 1
    assert "names groups of sex that this code does not have" in laboratory.failure("evaluate")
    assert "canary" not in laboratory.failure("evaluate")


def test_a_third_outcome_is_refused_before_training(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 320)
    learned = next(record for record in records if not is_held_out([record["record_id"]])[0])
    learned["label"] = 2
    laboratory.store(records)
    assert laboratory.assemble() == 0

    assert laboratory.train("xgboost") == 1
    assert laboratory.failure("xgboost") == "The labels of training.csv are not all 0 or 1."


@pytest.mark.parametrize("score", ["", "nan", "1.5", "-0.1"])
def test_out_of_fold_scores_that_are_no_risks_are_refused(trained: Laboratory, score: str) -> None:
    path = trained.root / "xgboost/output/data/out_of_fold.csv"
    head, first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([head, f"{first.rpartition(',')[0]},{score}", *rest]) + "\n")

    assert trained.evaluate() == 1
    assert trained.failure("evaluate") == "The out-of-fold scores are not all risks between 0 and 1."
