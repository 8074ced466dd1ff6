"""Presented results belong to their patients, and nothing is presented when the pieces do not fit."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinrisk import use_cases
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.jobs.models import booster
from clinrisk.jobs.models.recalibration import Recalibration, log_odds
from clinrisk.jobs.patient_tables import feature_matrix
from clinrisk.jobs.scoring.present import UNCERTAIN
from tests.unit.jobs.conftest import offline_schema, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.jobs.conftest import Laboratory

SETTINGS = {
    "UPLOAD_ID": "upload-1",
    "THRESHOLD": "0.3",
    "MODEL_VERSION": "4",
    "DATA_VERSION": "upload-1",
    "ROWS_ACCEPTED": "60",
}


def as_ingested(part: pa.Table) -> pa.Table:
    """Return a part in the types of ingest: groups are categories, flags booleans that may be missing."""
    use_case = use_cases.get("heart")
    types = dict.fromkeys(use_case.group_columns, pa.dictionary(pa.uint8(), pa.string()))
    types |= {feature.name: pa.bool_() for feature in use_case.features if feature.kind == "flag"}
    return part.cast(pa.schema([(field.name, types.get(field.name, field.type)) for field in part.schema]))


class Batch:
    """An inference batch in two chunks, scored as the server would, in the server's own order."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        names = laboratory.use_case.feature_names
        schema = offline_schema(laboratory.use_case)
        self.table = pa.Table.from_pylist(synthetic(laboratory.use_case, 60, seed=9), schema=schema)
        laboratory.pack("xgboost", laboratory.inputs("present", "model"))
        model = booster.load(laboratory.root / "xgboost/model/xgboost-model", names)
        risks = booster.risks(model, feature_matrix(self.table.to_pandas(), names), names).tolist()
        self.risks = dict(zip(self.table["record_id"].to_pylist(), risks, strict=True))

    def run(self, scores: dict[str, float] | None = None, cuts: tuple[int, ...] = (0, 35, 60)) -> int:
        given = self.risks if scores is None else scores
        for number, (start, end) in enumerate(pairwise(cuts)):
            part = self.table.slice(start, end - start)
            ids = [name for name in reversed(part["record_id"].to_pylist()) if name in given]
            lines = "".join(f"{name},{given[name]:.9g}\n" for name in ids)
            self.scores(number).write_text(lines)
            if end == start:  # the server is given no file for it
                self.scores(number).unlink()
            folder = self.laboratory.inputs("present", "features")
            parquet.write_table(as_ingested(part), folder / f"chunk-{number:05d}.parquet")
        return self.laboratory.run("present", **SETTINGS)

    def scores(self, number: int) -> Path:
        return self.laboratory.inputs("present", "scores") / f"batch-{number:05d}.csv.out"

    def presented(self) -> list[dict[str, Any]]:
        folder = self.laboratory.outputs("present", "presented")
        return [
            row for path in sorted(folder.iterdir()) for row in parquet.ParquetFile(path).read().to_pylist()
        ]


@pytest.fixture
def batch(trained: Laboratory) -> Batch:
    return Batch(trained)


def test_every_patient_gets_the_risk_that_the_server_gave(batch: Batch) -> None:
    assert batch.run() == 0

    for row in batch.presented():
        assert row["risk"] == pytest.approx(batch.risks[row["record_id"]], abs=1e-8)
        assert row["flagged"] == (row["risk"] >= 0.3)
        expected = UNCERTAIN if row["outside"] else batch.laboratory.use_case.band(row["risk"])
        assert row["band"] == expected
        assert (row["model_version"], row["data_version"]) == ("4", "upload-1")
    assert [row["row"] for row in batch.presented()] == list(range(1, 61))


def test_factors_are_words_with_a_direction_and_carry_no_value(batch: Batch) -> None:
    assert batch.run() == 0

    titles = {column.title for column in batch.laboratory.use_case.columns}
    for row in batch.presented():
        factors = [row[f"factor_{rank}"] for rank in (1, 2, 3)]
        assert len(set(factors)) == 3
        for factor in factors:
            title, _, direction = factor.removesuffix(" the risk)").rpartition(" (")
            assert title in titles
            assert direction in ("raises", "lowers")


def test_a_patient_unlike_any_in_training_is_marked(batch: Batch) -> None:
    position = batch.table.schema.get_field_index("age")
    ages = [18.0, *batch.table["age"].to_pylist()[1:]]
    batch.table = batch.table.set_column(position, "age", pa.array(ages))
    again = Batch(batch.laboratory)
    model = booster.load(
        batch.laboratory.root / "xgboost/model/xgboost-model", batch.laboratory.use_case.feature_names
    )
    names = batch.laboratory.use_case.feature_names
    risks = booster.risks(model, feature_matrix(batch.table.to_pandas(), names), names).tolist()
    again.table, again.risks = batch.table, dict(zip(batch.risks, risks, strict=True))

    assert again.run() == 0

    assert "age" in again.presented()[0]["outside"]
    assert again.presented()[0]["band"] == UNCERTAIN
    assert sum(bool(row["outside"]) for row in again.presented()) < 15


def test_a_recalibrated_model_shows_and_flags_by_its_corrected_risks(trained: Laboratory) -> None:
    card = trained.root / "xgboost/model/clinrisk/model.json"
    told = json.loads(card.read_text())
    told["calibration"] |= {"kept": True, "slope": 0.5, "intercept": -0.4}
    card.write_text(json.dumps(told))
    batch = Batch(trained)

    assert batch.run() == 0

    kept = Recalibration(0.5, -0.4)
    for row in batch.presented():
        [corrected] = kept.apply(np.array([batch.risks[row["record_id"]]])).tolist()
        assert row["risk"] == pytest.approx(corrected, abs=1e-7)
        assert row["flagged"] == (row["risk"] >= 0.3)


def test_factors_add_up_to_the_log_odds_of_the_servers_risk(batch: Batch) -> None:
    names = batch.laboratory.use_case.feature_names
    model = booster.load(batch.laboratory.root / "xgboost/model/xgboost-model", names)
    features = feature_matrix(batch.table.to_pandas(), names)

    found = booster.contributions(model, features, names).sum(axis=1)

    assert found == pytest.approx(log_odds(booster.risks(model, features, names)), abs=1e-4)


def test_predictions_and_score_profile_serve_monitoring(batch: Batch) -> None:
    assert batch.run() == 0

    predictions = parquet.ParquetFile(
        batch.laboratory.outputs("present", "predictions") / "upload-1.parquet"
    ).read()
    profile = ScoreProfile.from_dict(
        json.loads((batch.laboratory.outputs("present", "score_profile") / "upload-1.json").read_text())
    )
    assert predictions.column_names[:5] == ["record_id", "row", "risk", "flagged", "band"]
    assert set(batch.laboratory.use_case.group_columns) <= set(predictions.column_names)
    assert profile.everyone.n == 60
    assert profile.everyone.flagged == sum(predictions["flagged"].to_pylist())


def nothing_was_presented(batch: Batch) -> bool:
    return not batch.laboratory.outputs("present", "presented").exists()


def test_scores_and_patients_that_do_not_pair_up_are_refused(batch: Batch) -> None:
    missing = dict(list(batch.risks.items())[:-1])

    assert batch.run(missing) == 1
    assert batch.laboratory.failure("present") == "25 patients and 24 scores do not pair up one to one."
    assert nothing_was_presented(batch)


def test_scores_of_shifted_columns_are_refused(batch: Batch) -> None:
    shifted = dict(zip(batch.risks, reversed(list(batch.risks.values())), strict=True))

    assert batch.run(shifted) == 1
    assert "are not those of the live model" in batch.laboratory.failure("present")
    assert nothing_was_presented(batch)


def test_a_batch_that_lacks_a_feature_is_refused_by_name(batch: Batch) -> None:
    batch.table = batch.table.drop_columns(["chol"])

    assert batch.run() == 1
    assert batch.laboratory.failure("present") == "The data lack 1 of the columns that are needed: chol."


def test_a_model_of_other_features_is_refused(batch: Batch) -> None:
    card = batch.laboratory.root / "xgboost/model/clinrisk/model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"feature_digest": "0" * 64}))
    batch.laboratory.pack("xgboost", batch.laboratory.inputs("present", "model"))

    assert batch.run() == 1
    assert (
        batch.laboratory.failure("present")
        == "The live model was trained on other features than this code has."
    )


def test_lines_that_are_no_scores_are_refused_without_being_repeated(batch: Batch) -> None:
    assert batch.run() == 0
    batch.scores(1).write_text("canary,4711,x\n")

    assert batch.laboratory.run("present", **SETTINGS) == 1
    assert batch.laboratory.failure("present") == "The scores are not lines of a record id and one number."


def test_a_setting_that_the_workflow_forgot_is_named(batch: Batch) -> None:
    batch.run()

    assert batch.laboratory.run("present", **SETTINGS | {"THRESHOLD": ""}) == 1
    assert batch.laboratory.failure("present") == "The job was started without THRESHOLD."


def test_scores_of_no_part_of_the_batch_are_refused(batch: Batch) -> None:
    batch.scores(2).write_text("0123,0.5\n")

    assert batch.run() == 1
    assert batch.laboratory.failure("present") == "1 files of scores belong to no part of the batch."
    assert nothing_was_presented(batch)


def test_scores_that_belong_to_another_part_are_refused(batch: Batch) -> None:
    assert batch.run() == 0
    first, second = batch.scores(0), batch.scores(1)
    texts = first.read_text(), second.read_text()
    first.write_text(texts[1])
    second.write_text(texts[0])

    assert batch.laboratory.run("present", **SETTINGS) == 1
    assert "do not pair up" in batch.laboratory.failure("present")


@pytest.mark.parametrize("accepted", [59, 61])
def test_other_rows_than_were_accepted_are_refused(batch: Batch, accepted: int) -> None:
    """As after a second cut of the file, whose parts pair up with their scores as well as the first's."""
    assert batch.run() == 0
    shutil.rmtree(batch.laboratory.outputs("present", "presented"))

    assert batch.laboratory.run("present", **SETTINGS | {"ROWS_ACCEPTED": str(accepted)}) == 1
    said = f"The parts of the batch hold 60 rows; {accepted} were accepted."
    assert batch.laboratory.failure("present") == said
    assert nothing_was_presented(batch)


def test_cuts_change_nothing_and_a_part_without_rows_is_a_part(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[Any, ...]:
        outputs = batch.laboratory.outputs
        predictions = parquet.ParquetFile(outputs("present", "predictions") / "upload-1.parquet").read()
        profile = json.loads((outputs("present", "score_profile") / "upload-1.json").read_text())
        return batch.presented(), predictions.to_pylist(), profile

    assert batch.run() == 0
    whole = told()
    assert len(whole[0]) == 60
    monkeypatch.setattr("clinrisk.jobs.scoring.present.ROWS_AT_ONCE", 7)
    assert batch.run(cuts=(0, 10, 10, 60)) == 0
    assert told() == whole
