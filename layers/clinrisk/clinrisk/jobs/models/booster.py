"""XGBoost with everything fixed that could change its bytes: grow, score, explain.

The only module that imports xgboost. Trees are grown by histogram on one thread from a given seed; xgboost
3.3 and later grow other trees from the same seed, so the pin moves only with a new baseline.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.errors import FeatureMismatch, SettingMissing
from clinrisk.jobs.models import absence

# For an interface that nobody here uses, xgboost imports scikit-learn where it can: more than half of what a
# scoring job takes to start. None is Python's own way to say "not there".
sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
import xgboost  # noqa: E402 - see above

if sys.modules["sklearn"] is None:
    del sys.modules["sklearn"]

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

_NUMBERS = {
    "eta", "subsample", "min_child_weight", "lambda", "alpha", "gamma", "colsample_bytree", "max_delta_step",
}  # fmt: skip
_INTEGERS = {"max_depth", "num_round", "max_bin"}
NUMERIC = _NUMBERS | _INTEGERS
_TEXTS = {"monotone_constraints", "interaction_constraints"}


def settings_of(given: Mapping[str, str]) -> dict[str, Any]:
    """Turn a training job's hyperparameters into XGBoost's; raises SettingMissing if one does not parse.

    Whoever trains adds "blanked", the columns that `grow` blanks in copies of the patients.
    """
    settings: dict[str, Any] = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "nthread": 1,
        "verbosity": 0,
        "seed": int(given.get("seed", "0")),
        "num_round": 200,
    }
    try:
        settings |= {name: float(given[name]) for name in sorted(_NUMBERS & given.keys())}
        settings |= {name: int(given[name]) for name in sorted(_INTEGERS & given.keys())}
    except ValueError as error:
        raise SettingMissing("A hyperparameter of XGBoost is not a number.") from error
    return settings | {name: given[name] for name in sorted(_TEXTS & given.keys())}


def matrix(table: Floats, names: Sequence[str]) -> xgboost.DMatrix:
    """Return features to XGBoost, missing as NaN, with their names so that a mix-up is refused."""
    return xgboost.DMatrix(table, feature_names=list(names), nthread=1)


def grow(settings: Mapping[str, Any], names: Sequence[str], table: Floats, labels: Labels) -> xgboost.Booster:
    """Grow the trees, on blanked copies too where the settings name columns whose absence they learn."""
    parameters = {name: value for name, value in settings.items() if name not in {"num_round", "blanked"}}
    weights = None
    if settings.get("blanked"):
        table, labels, weights = absence.with_copies(table, labels, settings["blanked"], settings["seed"])
    data = xgboost.QuantileDMatrix(
        table,
        label=labels,
        weight=weights,
        feature_names=list(names),
        nthread=1,
        max_bin=parameters.get("max_bin", 256),
    )
    return xgboost.train(parameters, data, num_boost_round=int(settings["num_round"]))


def out_of_fold(
    settings: Mapping[str, Any],
    names: Sequence[str],
    table: Floats,
    labels: Labels,
    folds: NDArray[np.int64],
) -> Floats:
    """Return each patient's risk in each repeat, (repeats, patients), from models of the other folds.

    `folds` is (repeats, patients), the fold that each patient is held out in.
    """
    scores = np.empty((len(folds), len(labels)))
    for repeat, assigned in enumerate(folds):
        for fold in np.unique(assigned):
            held = assigned == fold
            grown = grow(settings, names, table[~held], labels[~held])
            scores[repeat, held] = risks(grown, table[held], names)
    return scores


def risks(booster: xgboost.Booster, table: Floats, names: Sequence[str], *, trees: int = 0) -> Floats:
    """Return one risk per row, with all trees (0), as the image's server does, or with the first so many."""
    given = booster.predict(matrix(table, names), iteration_range=(0, trees))
    found: Floats = np.asarray(given, dtype=np.float64)
    return found


def contributions(booster: xgboost.Booster, table: Floats, names: Sequence[str]) -> Floats:
    """Return exact contributions in log odds, (rows, features + 1), the base last (Lundberg et al., 2018)."""
    found: Floats = np.asarray(booster.predict(matrix(table, names), pred_contribs=True), dtype=np.float64)
    # Of no rows, XGBoost gives no columns either.
    return found.reshape(len(table), len(names) + 1)


def save(booster: xgboost.Booster, path: Path) -> None:
    """Write the booster as UBJSON, which the server reads whatever the file's name."""
    path.write_bytes(bytes(booster.save_raw("ubj")))


def load(path: Path, names: Sequence[str], *, threads: int = 1) -> xgboost.Booster:
    """Read a booster; raises FeatureMismatch unless it was grown on exactly these features in this order.

    It may score and explain with several threads: each row is one thread's alone, so its bytes stay the same.
    """
    booster = xgboost.Booster({"nthread": threads})
    booster.load_model(bytearray(path.read_bytes()))
    if list(booster.feature_names or ()) != list(names):
        raise FeatureMismatch("The model was grown on other features than this code has.")
    return booster
