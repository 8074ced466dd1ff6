"""How a training run is set up: which uploads count, what is fixed and what is searched."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from clinrisk import use_cases
from clinrisk.core.training.run_settings import (
    hyperparameters_of,
    plan_of,
    trainable,
    tuning_of,
)
from clinrisk.core.training.training_plan import SourceFile, TrainingPlan
from clinrisk.errors import NotEnoughData
from clinrisk.messages.ingest import Disposition, Settlement
from clinrisk.messages.message import Reference
from clinrisk.use_cases.base import SearchRange

HEART = replace(
    use_cases.get("heart"),
    min_training_rows=120,
    schema_version=3,
    hyperparameters={
        "xgboost": {
            "eta": "0.1",
            "subsample": "0.8",
            "search_max_depth": "2,3",
            "search_num_round": "50,100",
            "cv_repeats": "2",
        },
        "logistic": {"c": "1"},
    },
    tuning_ranges=(
        SearchRange("max_depth", 2, 6, integer=True),
        SearchRange("eta", 0.01, 0.3, logarithmic=True),
    ),
    monotone={"oldpeak": 1, "thalach": -1},
)
PLAN = TrainingPlan("heart", "heart-1", "2026-01-31T12:00:00.000Z", ("a",), "0" * 64, seed=7)


def committed_upload(
    upload_id: str,
    labelled_rows: int,
    rows_quarantined: int = 0,
    settled_at: str = "2026-01-01T00:00:00.000Z",
    schema_version: int = 3,
) -> Settlement:
    return Settlement(
        upload_id=upload_id,
        labelled_rows=labelled_rows,
        rows_quarantined=rows_quarantined,
        settled_at=settled_at,
        schema_version=schema_version,
        key="inbox/heart/training/a.csv",
        version_id="v1",
        use_case="heart",
        purpose="training",
        sha256="1" * 64,
        disposition=Disposition.ACCEPTED,
        received_at="2026-01-01T00:00:00.000Z",
        rows_accepted=200,
        receipt=Reference(uri="s3://results/receipts/a.json", sha256="2" * 64),
    )


def source_file(upload: Settlement) -> SourceFile:
    facts = upload.model_dump(include={one.name for one in fields(SourceFile)})
    return SourceFile(**facts, description="Cardiology, 2019", synthetic=True)


def test_a_plan_holds_the_uploads_of_the_present_contract_and_what_they_committed() -> None:
    committed = [
        committed_upload("b", 100, 4, "2026-01-03T00:00:00.000Z"),
        committed_upload("old", 500, 50, "2026-01-09T00:00:00.000Z", schema_version=2),
        committed_upload("a", 30, 3, "2026-01-02T00:00:00.000Z"),
    ]
    assert [upload.upload_id for upload in trainable(HEART, committed)] == ["b", "a"]
    assert plan_of(HEART, "heart-1", "first", committed, source_file) == TrainingPlan(
        use_case="heart",
        run_id="heart-1",
        as_of="2026-01-03T00:00:00.000Z",
        upload_ids=("b", "a"),
        feature_digest=HEART.feature_digest,
        seed=0,
        expected_rows=130,
        rows_quarantined=7,
        reason="first",
        sources=tuple(
            SourceFile(
                upload_id=name,
                key="inbox/heart/training/a.csv",
                sha256="1" * 64,
                received_at="2026-01-01T00:00:00.000Z",
                rows_accepted=200,
                rows_quarantined=quarantined,
                labelled_rows=labelled,
                description="Cardiology, 2019",
                synthetic=True,
            )
            for name, labelled, quarantined in (("b", 100, 4), ("a", 30, 3))
        ),
    )


def test_a_plan_is_read_back_as_it_was_written() -> None:
    plan = replace(PLAN, sources=(source_file(committed_upload("a", 120)),))
    assert TrainingPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_the_least_number_of_rows_is_enough_and_one_fewer_is_not() -> None:
    assert plan_of(HEART, "heart-1", "", [committed_upload("a", 120)], source_file).expected_rows == 120
    with pytest.raises(NotEnoughData) as refused:
        plan_of(HEART, "heart-1", "", [committed_upload("a", 119)], source_file)
    assert str(refused.value) == f"{HEART.title} has 119 labelled rows; training needs 120."


def test_rows_of_an_earlier_contract_are_named_where_rows_are_missing() -> None:
    with pytest.raises(NotEnoughData, match=r" 50 labelled rows.* 120\. 90 more .* than 3: drop their files"):
        plan_of(
            HEART,
            "heart-1",
            "",
            [committed_upload("a", 50), committed_upload("old", 90, schema_version=2)],
            source_file,
        )


def test_each_algorithm_gets_its_own_settings_and_what_all_share() -> None:
    shared = {"use_case": "heart", "feature_digest": HEART.feature_digest, "seed": "7"}
    found = hyperparameters_of(HEART, PLAN)
    assert found["logistic"] == {"algorithm": "logistic", "c": "1"} | shared
    assert found["xgboost"] == {"algorithm": "xgboost"} | shared | dict(HEART.hyperparameters["xgboost"])


def test_a_tuning_job_keeps_fixed_what_it_does_not_search() -> None:
    signs = {"oldpeak": "1", "thalach": "-1"}
    constraints = ",".join(signs.get(name, "0") for name in HEART.feature_names)
    assert tuning_of(HEART, PLAN) == {
        "fixed": {
            "subsample": "0.8",
            "cv_repeats": "2",
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "seed": "7",
            "monotone_constraints": f"({constraints})",
        },
        "ranges": {
            "IntegerParameterRanges": [
                {"Name": "max_depth", "MinValue": "2", "MaxValue": "6", "ScalingType": "Linear"}
            ],
            "ContinuousParameterRanges": [
                {"Name": "eta", "MinValue": "0.01", "MaxValue": "0.3", "ScalingType": "Logarithmic"}
            ],
        },
        "seed": 7,
    }


def test_without_known_directions_none_is_fixed() -> None:
    assert "monotone_constraints" not in tuning_of(replace(HEART, monotone={}), PLAN)["fixed"]


def test_a_plan_read_back_is_the_plan() -> None:
    assert TrainingPlan.from_dict(PLAN.to_dict()) == PLAN
    assert PLAN.to_dict()["upload_ids"] == ["a"]
