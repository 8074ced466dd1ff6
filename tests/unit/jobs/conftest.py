"""A container's folders around synthetic patients, and the jobs run in them one after the other."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clinrisk import use_cases
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.jobs.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    from clinrisk.use_cases.base import UseCase

RUN = "heart-0123456789"
MOMENT = "2026-01-31T12:00:00.000Z"
# Few trees: these tests are about files, not about how good a model is.
SMALL = {"num_round": "20", "cv_repeats": "2", "subsample": "0.8"}


def synthetic(use_case: UseCase, size: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return offline-store records of patients whose outcome depends on age and two more features."""
    rng = np.random.default_rng(seed)
    records = []
    for number in range(size):
        values: dict[str, Any] = {}
        for feature in use_case.features:
            span = feature.high - feature.low
            measured = round(feature.low + span * float(rng.beta(3, 3)), 1)
            values[feature.name] = measured if feature.kind == "number" else float(rng.integers(0, 2))
        values["ca"] = None if number % 40 == 0 else values["ca"]
        signal = (values["age"] - 64) / 12 + 1.5 * values["exang"] - 1.5 * values["thal_3"]
        sex = "male" if values["sex"] else "female"
        band = "under_45" if values["age"] < 45 else "45_to_64" if values["age"] < 65 else "65_and_over"
        records.append(
            {
                "record_id": hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:32],
                "event_time": "2026-01-01T00:00:00.000Z",
                "upload_id": "committed",
                "schema_version": use_case.schema_version,
                "row": number + 1,
                "label": int(rng.random() < 1 / (1 + np.exp(-signal))),
                "is_deleted": False,
                "group_sex": sex,
                "group_age_band": band,
                **values,
            }
        )
    return records


def offline_schema(use_case: UseCase) -> pa.Schema:
    """The feature group's columns; a deletion leaves most of them empty."""
    whole, texts = ("schema_version", "row", "label"), ("record_id", "event_time", "upload_id")
    fields = [(name, pa.string()) for name in (*texts, *use_case.group_columns)]
    fields += [(name, pa.int64()) for name in whole] + [("is_deleted", pa.bool_())]
    return pa.schema([*fields, *((name, pa.float64()) for name in use_case.feature_names)])


@dataclass(frozen=True)
class Laboratory:
    """Runs jobs as the platform does: fills their inputs, packs what training leaves."""

    root: Path
    use_case: UseCase
    monkeypatch: pytest.MonkeyPatch

    @property
    def plan(self) -> TrainingPlan:
        return TrainingPlan("heart", RUN, MOMENT, ("committed",), self.use_case.feature_digest, seed=3)

    def sibling(self, name: str) -> Laboratory:
        return replace(self, root=self.root.parent / name)

    def inputs(self, job: str, name: str) -> Path:
        path = self.root / job / "processing" / "input" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def outputs(self, job: str, name: str) -> Path:
        return self.root / job / "processing" / "output" / name

    def run(self, job: str, **environment: str) -> int:
        self.monkeypatch.setenv("CLINRISK_ML_ROOT", str(self.root / job))
        for name, value in {"USE_CASE": "heart", "RUN_ID": RUN, **environment}.items():
            self.monkeypatch.setenv(name, value)
        return main([job if job in ("assemble", "evaluate", "present", "compare") else "train"])

    def failure(self, job: str) -> str:
        folder = self.root / job / "output"
        return next(folder / name for name in ("failure", "message") if (folder / name).exists()).read_text()

    def store(self, records: list[dict[str, Any]], file: str = "a", hour: str = "00") -> None:
        folder = self.inputs("assemble", "offline") / f"data/year=2026/month=01/day=01/hour={hour}"
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(records, schema=offline_schema(self.use_case))
        parquet.write_table(table, folder / f"{file}.parquet")

    def committed_rows(self, plan: TrainingPlan) -> int:
        """Count the labelled rows as the commits of the plan's uploads did, each once."""
        found = set()
        for path in self.inputs("assemble", "offline").rglob("*.parquet"):
            for row in parquet.ParquetFile(path).read().to_pylist():
                named = row["upload_id"] in plan.upload_ids and row["event_time"] <= plan.as_of
                if named and row["label"] is not None:
                    found.add((row["upload_id"], row["record_id"]))
        return len(found)

    def assemble(self, plan: TrainingPlan | None = None, missing: int = 0) -> int:
        given = plan or self.plan
        document = json.dumps(replace(given, expected_rows=self.committed_rows(given) + missing).to_dict())
        (self.inputs("assemble", "plan") / "plan.json").write_text(document)
        return self.run("assemble")

    def train(self, branch: str, **hyperparameters: str) -> int:
        root = self.root / branch
        (root / "input/data/training").mkdir(parents=True, exist_ok=True)
        (root / "input/config").mkdir(parents=True, exist_ok=True)
        training = self.outputs("assemble", "set") / "training.csv"
        if training.exists():
            (root / "input/data/training/training.csv").write_bytes(training.read_bytes())
        given = {"algorithm": branch, "use_case": "heart", "seed": "3", **SMALL, **hyperparameters}
        (root / "input/config/hyperparameters.json").write_text(json.dumps(given))
        return self.run(branch)

    def pack(self, algorithm: str, into: Path) -> None:
        """Do what the platform does when a training job ends, below a folder of the job's name."""
        destination = into / f"{RUN}-{algorithm}-0" / "output"
        destination.mkdir(parents=True, exist_ok=True)
        for archive, source in (("model", "model"), ("output", "output/data")):
            with tarfile.open(destination / f"{archive}.tar.gz", "w:gz") as packed:
                packed.add(self.root / algorithm / source, ".")

    def evaluate(self, **environment: str) -> int:
        folder = self.inputs("evaluate", "set")
        shutil.copytree(self.outputs("assemble", "set"), folder, dirs_exist_ok=True)
        for algorithm in ("xgboost", "logistic"):
            self.pack(algorithm, self.inputs("evaluate", algorithm))
        return self.run("evaluate", **environment)


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    return Laboratory(tmp_path / "first", use_cases.get("heart"), monkeypatch)


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        laboratory = Laboratory(tmp_path_factory.mktemp("trained"), use_cases.get("heart"), monkeypatch)
        laboratory.store(synthetic(laboratory.use_case, 320))
        assert laboratory.assemble() == 0
        assert laboratory.train("xgboost") == 0
        assert laboratory.train("logistic") == 0
    return laboratory.root


@pytest.fixture(scope="session")
def evaluated(trained_once: Path) -> Laboratory:
    """A laboratory whose models have been evaluated, for tests that only read what came of it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        laboratory = Laboratory(trained_once.parent / "evaluated", use_cases.get("heart"), monkeypatch)
        shutil.copytree(trained_once, laboratory.root)
        assert laboratory.evaluate() == 0
    return laboratory


@pytest.fixture
def trained(laboratory: Laboratory, trained_once: Path) -> Laboratory:
    """A laboratory of the test's own in which both models have been trained."""
    shutil.copytree(trained_once, laboratory.root)
    return laboratory
