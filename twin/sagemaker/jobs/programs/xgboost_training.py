"""The training program of sagemaker-xgboost 3.2-0, for jobs that bring none; runs where xgboost is.

Usage: xgboost_training.py ML_ROOT. Reads input/config/hyperparameters.json and the channels train and, if it
is there, validation: Parquet files whose first column is the label. Writes model/xgboost-model and, for every
round, one line of metrics. As in the image, an unknown hyperparameter ends the job; content types other than
Parquet are not implemented here.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

# xgboost imports scikit-learn when it can: two thirds of the time to the first tree, and not for training.
sys.modules["sklearn"] = None  # type: ignore[assignment]  # Python's own way to say "not there"
import xgboost  # noqa: E402 - see above

_NUMBERS = {
    "alpha", "base_score", "colsample_bylevel", "colsample_bynode", "colsample_bytree", "eta", "gamma",
    "lambda", "max_delta_step", "min_child_weight", "scale_pos_weight", "subsample",
}  # fmt: skip
_INTEGERS = {"max_bin", "max_depth", "max_leaves", "nthread", "num_round", "seed", "verbosity"}
_TEXTS = {"booster", "eval_metric", "grow_policy", "monotone_constraints", "objective", "tree_method"}
_OF_THE_PLATFORM = {"_tuning_objective_metric"}


class TrainingRefused(Exception):  # noqa: N818 - an answer to the user, not a fault of this program
    """A reason to end the job; the message never shows a cell."""


def settings_of(given: dict[str, str]) -> dict[str, Any]:
    """Return XGBoost's settings from a job's hyperparameters, which are all text."""
    unknown = sorted(given.keys() - _NUMBERS - _INTEGERS - _TEXTS - _OF_THE_PLATFORM)
    if unknown:
        raise TrainingRefused(f"Extraneous hyperparameter found: {unknown[0]}")
    if "num_round" not in given:
        raise TrainingRefused("Missing required hyperparameter: num_round")
    try:
        # One thread: the laptop runs other jobs too.
        settings: dict[str, Any] = {"nthread": 1, "verbosity": 0}
        settings |= {name: float(given[name]) for name in _NUMBERS & given.keys()}
        settings |= {name: int(given[name]) for name in _INTEGERS & given.keys()}
    except ValueError as error:
        raise TrainingRefused("A hyperparameter is not a number.") from error
    return settings | {name: given[name] for name in _TEXTS & given.keys()}


def matrix(root: Path, channel: str, content_type: str) -> xgboost.DMatrix:
    """Return a channel's rows, the first column as the label, NaN as missing."""
    if content_type not in {"parquet", "application/x-parquet"}:
        raise TrainingRefused(f"{content_type} is not an accepted ContentType of this laptop's algorithm.")
    try:
        # File by file: reading them as a data set would import pandas, for longer than the training takes.
        tables = [
            parquet.ParquetFile(path).read() for path in sorted((root / "input/data" / channel).iterdir())
        ]
    except (OSError, ValueError) as error:
        raise TrainingRefused("Failed to load parquet data") from error
    parts = [np.column_stack([column.to_numpy() for column in table.columns]) for table in tables]
    data = np.vstack(parts).astype(np.float64)
    return xgboost.DMatrix(data[:, 1:], label=data[:, 0], nthread=1)


def train(root: Path) -> None:
    """Grow the trees and print each round's metrics."""
    config = root / "input/config"
    settings = settings_of(json.loads((config / "hyperparameters.json").read_text()))
    channels = json.loads((config / "inputdataconfig.json").read_text())
    if "train" not in channels:
        raise TrainingRefused("Missing required channel: train")
    watched = [
        (matrix(root, name, channels[name].get("ContentType", "text/libsvm")), name)
        for name in ("train", "validation")
        if name in channels
    ]
    rounds = settings.pop("num_round")
    try:
        grown = xgboost.train(
            settings, watched[0][0], num_boost_round=rounds, evals=watched, verbose_eval=True
        )
    except xgboost.core.XGBoostError as error:
        raise TrainingRefused("XGB train call failed with exception") from error
    (root / "model/xgboost-model").write_bytes(bytes(grown.save_raw("ubj")))


def main() -> int:
    """Train and return 0, or print why not and return 1."""
    root = Path(sys.argv[1])
    try:
        train(root)
    except TrainingRefused as refusal:
        sys.stdout.write(f"{refusal}\n")
        (root / "output/failure").write_text(str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
