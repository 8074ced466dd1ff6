"""The comparison pairs both models' risks per patient and batch, and lets no patient out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinrisk.jobs.models import booster
from clinrisk.jobs.patient_tables import feature_matrix
from tests.unit.jobs.conftest import RUN, offline_schema, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.jobs.conftest import Laboratory

FIRST, SECOND = "a" * 20, "b" * 20
SETTINGS = {"BATCH": "replay", "THRESHOLD": "0.4", "CHAMPION_VERSION": "3"}


class Shadow:
    """A candidate that has scored two batches which a live model, off by a bit, had scored before."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.risks: dict[str, Any] = {}
        laboratory.pack("xgboost", laboratory.inputs("compare", "model"))
        names = laboratory.use_case.feature_names
        model = booster.load(laboratory.root / "xgboost/model/xgboost-model", names)
        for upload, rows, seed in ((FIRST, 70, 11), (SECOND, 50, 12)):
            schema = offline_schema(laboratory.use_case)
            table = pa.Table.from_pylist(synthetic(laboratory.use_case, rows, seed=seed), schema=schema)
            self.risks[upload] = booster.risks(model, feature_matrix(table.to_pandas(), names), names)
            self.live(upload, table, np.clip(self.risks[upload] * 0.8 + 0.05, 0, 1))
            self.scored(upload, table)

    def live(self, upload: str, table: pa.Table, risks: Any, version: str = "3") -> None:
        columns = {name: table[name] for name in ("record_id", *self.laboratory.use_case.group_columns)}
        said = {"risk": pa.array(risks), "flagged": pa.array(risks >= 0.3)}
        versions = {"model_version": pa.array([version] * len(risks))}
        folder = self.laboratory.inputs("compare", f"champion/{upload[:1]}")
        parquet.write_table(pa.table(columns | said | versions), folder / f"{upload}.parquet")

    def scored(self, upload: str, table: pa.Table) -> None:
        rows = table.select(["record_id", *self.laboratory.use_case.feature_names]).to_pandas()
        served = rows.assign(score=self.risks[upload])[::-1]
        served.to_csv(self.file_of(upload), header=False, index=False)

    def file_of(self, upload: str) -> Path:
        return self.laboratory.inputs("compare", f"shadow/{upload}") / "batch.csv.out"

    def add(self, record_id: str, **inputs: float) -> None:
        """Serve one more patient of the second batch, who has these inputs and no others."""
        names = self.laboratory.use_case.feature_names
        cells = [record_id, *(str(inputs.get(name, "")) for name in names), "0.5"]
        self.file_of(SECOND).write_text(self.file_of(SECOND).read_text() + ",".join(cells) + "\n")

    def run(self, **settings: str) -> int:
        return self.laboratory.run("compare", **SETTINGS | settings)

    def told(self) -> dict[str, Any]:
        path = self.laboratory.outputs("compare", "comparison") / "replay.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found


@pytest.fixture
def shadow(trained: Laboratory) -> Shadow:
    return Shadow(trained)


def test_both_models_are_compared_on_every_patient_of_every_batch(shadow: Shadow) -> None:
    assert shadow.run() == 0

    told, everyone = shadow.told(), np.concatenate(list(shadow.risks.values()))
    assert (told["outcome"], told["run_id"], told["champion_version"]) == ("COMPARED", RUN, 3)
    assert told["batches"] == [FIRST, SECOND]
    assert told["everyone"]["n"] == 120
    champion = np.clip(everyone * 0.8 + 0.05, 0, 1) >= 0.3
    assert told["everyone"]["only_candidate"] == np.count_nonzero((everyone >= 0.4) & ~champion)
    assert told["everyone"]["only_champion"] == np.count_nonzero((everyone < 0.4) & champion)
    assert told["everyone"]["rank_correlation"] == pytest.approx(1.0, abs=1e-3)


def test_no_patient_leaves_in_the_comparison(shadow: Shadow) -> None:
    assert shadow.run() == 0

    told = json.dumps(shadow.told())
    batch = shadow.file_of(FIRST)
    assert not [line for line in batch.read_text().splitlines() if line.split(",")[0] in told]


def test_a_candidates_own_recalibration_is_applied(shadow: Shadow) -> None:
    assert shadow.run() == 0
    plain = shadow.told()["everyone"]["shift"][0]
    card = shadow.laboratory.root / "xgboost/model/clinrisk/model.json"
    correction = {"calibration": {"kept": True, "slope": 1.0, "intercept": 1.0}}
    card.write_text(json.dumps(json.loads(card.read_text()) | correction))
    shadow.laboratory.pack("xgboost", shadow.laboratory.inputs("compare", "model"))

    assert shadow.run() == 0
    assert shadow.told()["everyone"]["shift"][0] > plain + 0.05


def test_predictions_of_an_earlier_live_model_are_left_out(shadow: Shadow) -> None:
    assert shadow.run(CHAMPION_VERSION="4") == 0
    assert shadow.told()["outcome"] == "NOTHING"
    assert "earlier live model" in shadow.told()["reason"]


def test_scores_that_do_not_pair_up_are_refused(shadow: Shadow) -> None:
    batch = shadow.file_of(SECOND)
    batch.write_text("".join(batch.read_text().splitlines(keepends=True)[1:]))

    assert shadow.run() == 1
    assert shadow.laboratory.failure("compare") == "50 patients and 49 scores do not pair up one to one."


def test_patients_for_whom_the_live_model_states_no_risk_are_not_compared(shadow: Shadow) -> None:
    names = shadow.laboratory.use_case.feature_names
    shadow.add("complete", **dict.fromkeys(names, 1.0))
    shadow.add("without-any-input")

    assert shadow.run() == 0
    assert shadow.told()["everyone"]["n"] == 120
    assert shadow.told()["not_scored"] == {"candidate": 0, "champion": 1, "either": 1}


def test_patients_for_whom_the_candidate_states_no_risk_are_not_compared(shadow: Shadow) -> None:
    lines = shadow.file_of(FIRST).read_text().splitlines()
    names = shadow.laboratory.use_case.feature_names
    # The last patients of the file lack their age, without which no risk is stated.
    age = 1 + names.index("age")
    cells = [line.split(",") for line in lines]
    blanked = [[*row[:age], "", *row[age + 1 :]] if at >= 60 else row for at, row in enumerate(cells)]
    shadow.file_of(FIRST).write_text("".join(",".join(row) + "\n" for row in blanked))

    assert shadow.run() == 0
    assert shadow.told()["everyone"]["n"] == 110
    assert shadow.told()["not_scored"] == {"candidate": 10, "champion": 0, "either": 0}


def test_a_candidate_of_other_features_is_refused(shadow: Shadow) -> None:
    card = shadow.laboratory.root / "xgboost/model/clinrisk/model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"feature_digest": "0" * 64}))
    shadow.laboratory.pack("xgboost", shadow.laboratory.inputs("compare", "model"))

    assert shadow.run() == 1
    assert "trained on other features" in shadow.laboratory.failure("compare")
