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
from clinrisk.core.scoring.results_sidecar import NOT_SCORED, UNCERTAIN
from clinrisk.jobs.models import booster
from clinrisk.jobs.models.recalibration import Recalibration, log_odds
from clinrisk.jobs.patient_tables import feature_matrix, read_set
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
        schema = offline_schema(laboratory.use_case)
        self.table = pa.Table.from_pylist(synthetic(laboratory.use_case, 60, seed=9), schema=schema)
        laboratory.pack("xgboost", laboratory.inputs("present", "model"))
        self.score()

    def run(
        self, scores: dict[str, float] | None = None, cuts: tuple[int, ...] = (0, 35, 60), accepted: int = 60
    ) -> int:
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
        return self.laboratory.run("present", **SETTINGS | {"ROWS_ACCEPTED": str(accepted)})

    def blank(self, *columns: str, rows: range = range(60)) -> None:
        """Take what was measured in these columns from the rows, and let the server score them anew."""
        use_case = self.laboratory.use_case
        for feature in use_case.features:
            if feature.column in columns:
                values = self.table[feature.name].to_pylist()
                kept = [None if row in rows else value for row, value in enumerate(values)]
                position = self.table.schema.get_field_index(feature.name)
                self.table = self.table.set_column(position, feature.name, pa.array(kept, pa.float64()))
        self.score()

    def score(self) -> None:
        """Let the server score the table as it is."""
        names = self.laboratory.use_case.feature_names
        model = booster.load(self.laboratory.root / "xgboost/model/xgboost-model", names)
        risks = booster.risks(model, feature_matrix(self.table.to_pandas(), names), names).tolist()
        self.risks = dict(zip(self.table["record_id"].to_pylist(), risks, strict=True))

    def card(self, **facts: Any) -> None:
        """Change what the live model's card says."""
        card = self.laboratory.root / "xgboost/model/clinrisk/model.json"
        card.write_text(json.dumps(json.loads(card.read_text()) | facts))
        self.laboratory.pack("xgboost", self.laboratory.inputs("present", "model"))

    def predicted(self) -> list[dict[str, Any]]:
        path = self.laboratory.outputs("present", "predictions") / "upload-1.parquet"
        found: list[dict[str, Any]] = parquet.ParquetFile(path).read().to_pylist()
        return found

    def profile(self) -> ScoreProfile:
        path = self.laboratory.outputs("present", "score_profile") / "upload-1.json"
        return ScoreProfile.from_dict(json.loads(path.read_text()))

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
        expected = UNCERTAIN if row["caution"] else batch.laboratory.use_case.band(row["risk"])
        assert row["band"] == expected
        assert (row["model_version"], row["data_version"]) == ("4", "upload-1")
    assert [row["row"] for row in batch.presented()] == list(range(1, 61))


def test_patients_whom_the_model_learned_from_are_marked_for_monitoring_and_nobody_else(batch: Batch) -> None:
    training = read_set(
        batch.laboratory.outputs("assemble", "set") / "training.csv", batch.laboratory.use_case
    )
    holdout = read_set(batch.laboratory.outputs("assemble", "set") / "holdout.csv", batch.laboratory.use_case)
    ids = [*training.record_ids[:20].tolist(), *holdout.record_ids[:5].tolist()]
    ids += batch.table["record_id"].to_pylist()[len(ids) :]
    batch.table = batch.table.set_column(0, "record_id", pa.array(ids))
    batch.score()

    assert batch.run() == 0

    assert [row["learned"] for row in batch.predicted()] == [True] * 20 + [False] * 40
    assert batch.profile().without_learned().left_out == 20
    assert "learned" not in batch.presented()[0]
    archived = (batch.laboratory.root / "xgboost/model/clinrisk/learned.npy").read_bytes()
    assert not any(
        record_id[:8].encode() in archived or bytes.fromhex(record_id)[:8] in archived for record_id in ids
    )


def test_an_earlier_model_does_not_state_whom_it_learned_from(batch: Batch) -> None:
    (batch.laboratory.root / "xgboost/model/clinrisk/learned.npy").unlink()
    batch.card()

    assert batch.run() == 0

    assert {row["learned"] for row in batch.predicted()} == {None}
    assert not batch.profile().learned


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
    batch.score()

    assert batch.run() == 0

    assert "age" in batch.presented()[0]["outside"]
    assert batch.presented()[0]["band"] == UNCERTAIN
    assert "unlike what the training patients had: age" in batch.presented()[0]["caution"]
    assert sum(bool(row["outside"]) for row in batch.presented()) < 15


def test_without_an_essential_input_no_risk_is_stated(batch: Batch) -> None:
    batch.blank("age", rows=range(10))
    batch.blank("cp", "chol", rows=range(5, 10))

    assert batch.run() == 0

    refused, others = batch.presented()[:10], batch.presented()[10:]
    for row in refused:
        assert row["band"] == NOT_SCORED
        assert {row[name] for name in ("risk", "risk_low", "risk_high", "flagged")} == {None}
        assert not any(row[f"factor_{rank}"] for rank in (1, 2, 3))
    assert refused[0]["caution"] == "No risk is stated without age."
    assert refused[7]["caution"] == "No risk is stated without age and chest pain."
    assert refused[7]["not_measured"] == "age; chest pain; serum cholesterol"
    assert all(row["risk"] is not None for row in others)
    assert [row["row"] for row in batch.predicted()] == list(range(11, 61))
    everyone = batch.profile().everyone
    assert (everyone.n, everyone.not_scored) == (50, 10)
    assert everyone.uncertain == sum(row["band"] == UNCERTAIN for row in others)


def test_where_little_of_what_drives_the_model_was_measured_no_risk_is_stated(batch: Batch) -> None:
    drive = {column.name: 0.0 for column in batch.laboratory.use_case.columns}
    batch.card(drive=drive | {"age": 0.7, "thal": 0.2, "chol": 0.1})
    batch.blank("thal", rows=range(2))
    batch.blank("chol", rows=range(1))

    assert batch.run() == 0

    nobody, one, everything = batch.presented()[:3]
    assert nobody["risk"] is None
    assert nobody["caution"] == (
        "No risk is stated: of what drives the model 70% was measured, and at least 75% is needed."
    )
    assert one["band"] == UNCERTAIN
    assert one["caution"].startswith("Uncertain: too few training patients lacked thallium scan.")
    assert everything["risk"] is not None


def test_an_absence_that_enough_training_patients_had_is_no_doubt(batch: Batch) -> None:
    batch.card(absence={"chol": 30}, least_absent=30)
    batch.blank("chol")

    assert batch.run() == 0

    rows = [row for row in batch.presented() if row["not_measured"] == "serum cholesterol"]
    assert len(rows) > 50
    assert not any("lacked" in row["caution"] for row in rows)
    batch.card(absence={"chol": 29}, least_absent=30)
    assert batch.run() == 0
    assert all("lacked serum cholesterol" in row["caution"] for row in batch.presented()[1:40])


def test_an_interval_surrounds_each_risk_and_one_that_reaches_every_band_is_a_doubt(batch: Batch) -> None:
    assert batch.run() == 0

    bands = batch.laboratory.use_case.bands
    reaching = 0
    for row in batch.presented():
        assert row["risk_low"] <= row["risk"] <= row["risk_high"]
        wide = row["risk_low"] < bands[1].lowest_risk and row["risk_high"] >= bands[-1].lowest_risk
        assert ("reaches from low to high" in row["caution"]) == wide
        reaching += wide
    assert 0 < reaching < 60


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_was_not_measured_reassures_or_alarms(batch: Batch, seed: int) -> None:
    """Every patient lacks columns of its own, from none to all: 180 patterns."""
    use_case, rng = batch.laboratory.use_case, np.random.default_rng(seed)
    lacking = rng.random((60, len(use_case.columns))) < rng.random((60, 1))
    features = {feature.name: batch.table[feature.name].to_pylist() for feature in use_case.features}
    for position, column in enumerate(use_case.columns):
        for name in (feature.name for feature in use_case.features if feature.column == column.name):
            kept = [
                None if gap else value
                for gap, value in zip(lacking[:, position], features[name], strict=True)
            ]
            index = batch.table.schema.get_field_index(name)
            batch.table = batch.table.set_column(index, name, pa.array(kept, pa.float64()))
    batch.score()

    assert batch.run() == 0

    essential = [use_case.column(name).title for name in use_case.essential]
    for row, gaps in zip(batch.presented(), lacking, strict=True):
        absent = [column.title for column, gap in zip(use_case.columns, gaps, strict=True) if gap]
        assert set(absent) <= set(row["not_measured"].split("; "))
        factors = [row[f"factor_{rank}"].rpartition(" (")[0] for rank in (1, 2, 3)]
        assert not set(absent) & set(factors)
        assert (row["band"] == NOT_SCORED) == (row["risk"] is None) == (row["flagged"] is None)
        if set(essential) & set(absent):
            assert row["risk"] is None
    assert {row["band"] for row in batch.presented()} >= {NOT_SCORED, UNCERTAIN}


def test_a_batch_of_one_patient_without_any_measurement_is_presented_without_a_risk(batch: Batch) -> None:
    batch.table = batch.table.slice(0, 1)
    batch.blank(*(column.name for column in batch.laboratory.use_case.columns))

    assert batch.run(cuts=(0, 1), accepted=1) == 0

    [row] = batch.presented()
    assert row["band"] == NOT_SCORED
    assert batch.predicted() == []
    assert (batch.profile().everyone.n, batch.profile().everyone.not_scored) == (0, 1)


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
