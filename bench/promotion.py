"""How often the promotion bar blocks whom it should not, and whom it should: equal models, shuffled labels.

Usage: .envs/dev/bin/python bench/promotion.py [RE-RUNS]

The user's own public files where CLINRISK_REAL_DATA names them, else a synthetic cohort. A re-run draws the
patients with replacement, hold-out included, and holds a model of the same recipe but of other seeds and
folds against the live one, by the whole bar. Beside it, what the rule before this one would have said: the
paired area on the hold-out alone.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import cohort, use_cases
from clinrisk.evaluation import logistic
from clinrisk.evaluation.evidence import LiveModel, Scored, evaluation_of
from clinrisk.evaluation.folds import out_of_fold, stratified_folds
from clinrisk.evaluation.intervals import delong_difference
from clinrisk.ingest.chunk import read_chunk
from clinrisk.jobs import booster
from clinrisk.jobs.assemble import is_held_out
from clinrisk.jobs.tables import Patients, patients_of

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

FILES = {"heart": "processed.cleveland.data", "stroke": "healthcare-dataset-stroke-data.csv"}
FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
# What the search mostly chooses: with the settings fixed, a hundred re-runs take minutes and not an hour.
SETTINGS = {"eta": "0.1", "subsample": "0.8", "max_depth": "2", "num_round": "40"}
SYNTHETIC = {"heart": 303, "stroke": 5110}


def patients(use_case: UseCase) -> tuple[Patients, Patients, str]:
    """Give training and hold-out patients, split as in production, and where they come from."""
    path, source = FOLDER / FILES[use_case.name], "real file"
    if path.exists():
        data = path.read_bytes().partition(b"\n")[2] if use_case.id_column else path.read_bytes()
    else:
        data, source = cohort.draw(use_case, rows=SYNTHETIC[use_case.name], seed=0), "synthetic cohort"
        data = data.partition(b"\n")[2]
    chunk = read_chunk(data, use_case, "training", use_case.header, 1, b"k" * 32)
    every = patients_of(chunk.features.sort("record_id").to_arrow(), use_case)
    held = is_held_out(every.record_ids.tolist())
    return some(every, ~held), some(every, held), source


def some(of: Patients, rows: Any) -> Patients:
    groups = {name: group[rows] for name, group in of.groups.items()}
    return Patients(of.record_ids[rows], of.labels[rows], of.features[rows], groups)


def scores(training: Patients, holdout: Patients, use_case: UseCase, seed: int, labels: Any = None) -> Any:
    """Give a model's risks: out of fold for the training patients, its own for those held out."""
    names, labels = use_case.feature_names, training.labels if labels is None else labels
    settings = booster.settings_of({**SETTINGS, "seed": str(seed)})
    settings["monotone_constraints"] = tuple(use_case.monotone.get(name, 0) for name in names)
    folds = stratified_folds(labels, seed, 2)
    learned = out_of_fold(booster.fitter(settings, names), training.features, labels, folds)
    grown = booster.grow(settings, names, training.features, labels)
    return learned, booster.risks(grown, holdout.features, names)


def baselines(training: Patients, holdout: Patients, use_case: UseCase) -> dict[str, Any]:
    """Give the risks of logistic regression and floor."""
    folds = stratified_folds(training.labels, 0, 2)
    found = {}
    for name, features in (("logistic", use_case.feature_names), ("floor", (use_case.baseline_feature,))):
        columns = [use_case.feature_names.index(feature) for feature in features]
        learned, unseen = training.features[:, columns], holdout.features[:, columns]
        fitted = logistic.fit(learned, training.labels, features)
        oof = out_of_fold(logistic.fitter(features), learned, training.labels, folds)
        found[name] = (oof, fitted.risks(unseen))
    return found


def judged(
    use_case: UseCase, models: dict[str, Any], training: Patients, holdout: Patients, rows: Any
) -> Any:
    """Give the evaluation of these rows of both parts."""
    parts = [
        Scored(
            of.labels[at],
            {n: g[at] for n, g in of.groups.items()},
            {n: s[part][at] for n, s in models.items()},
        )
        for part, (of, at) in enumerate(zip((training, holdout), rows, strict=True))
    ]
    live = LiveModel(1, f"{use_case.name}-live", 0.3 if use_case.name == "heart" else 0.05)
    return evaluation_of(use_case, *parts, champion=live)


def equal_candidates(use_case: UseCase, runs: int) -> None:
    training, holdout, source = patients(use_case)
    rng = np.random.default_rng(0)
    champion, others = scores(training, holdout, use_case, 0), baselines(training, holdout, use_case)
    compared = whole = before = 0
    width: list[float] = []
    started = time.perf_counter()
    for seed in range(1, runs + 1):
        rows = [rng.integers(0, len(of), len(of)) for of in (training, holdout)]
        models = {"xgboost": scores(training, holdout, use_case, seed), **others, "champion": champion}
        document = judged(use_case, models, training, holdout, rows)
        compared += not any("live model" in line for line in document["unmet"])
        whole += document["unmet"] == []
        value, low, _ = document["comparison"]["xgboost_vs_champion"]["auc"]
        width.append(value - low)
        unseen = (models["xgboost"][1][rows[1]], champion[1][rows[1]])
        before += delong_difference(holdout.labels[rows[1]], *unseen).low >= -use_case.bar.margin_to_champion
    half, margin = float(np.mean(width)), use_case.bar.margin_to_champion
    seconds = time.perf_counter() - started
    print(f"{use_case.name}, {source}: {len(training)} patients, {len(holdout)} held out ({seconds:.0f} s)")
    print(
        f"  equal candidates not blocked by the live model: {compared} of {runs}, by the whole bar: {whole}"
    )
    print(f"  by the hold-out alone {before}; half the paired interval {half:.4f}, margin {margin:g}")


def weaker_candidates(use_case: UseCase, runs: int) -> None:
    """Say what the margin stops: candidates whose risks carry more and more noise."""
    training, holdout, _ = patients(use_case)
    champion, others = scores(training, holdout, use_case, 0), baselines(training, holdout, use_case)
    every = [np.arange(len(of)) for of in (training, holdout)]
    for noise in (0.5, 1.0, 1.5, 2.0):
        blocked, lost = 0, []
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            blurred = tuple(
                1 / (1 + np.exp(-(np.log(s / (1 - s)) + rng.normal(0, noise, len(s))))) for s in champion
            )
            models = {"xgboost": blurred, **others, "champion": champion}
            document = judged(use_case, models, training, holdout, every)
            lost.append(document["comparison"]["xgboost_vs_champion"]["auc"][0])
            blocked += any("live model" in line for line in document["unmet"])
        print(
            f"  {use_case.name}: AUC {np.mean(lost):+.3f} of the live model's: blocked in {blocked} of {runs}"
        )


def shuffled_labels(use_case: UseCase, runs: int) -> None:
    training, holdout, _ = patients(use_case)
    others = baselines(training, holdout, use_case)
    every = [np.arange(len(of)) for of in (training, holdout)]
    blocked = 0
    for seed in range(runs):
        labels = np.random.default_rng(seed).permutation(training.labels)
        shuffled = replace(training, labels=labels)
        # As it would happen: the training set itself is wrong, the hold-out is judged as it is.
        models = {"xgboost": scores(shuffled, holdout, use_case, seed), **others}
        models["champion"] = models["logistic"]
        blocked += judged(use_case, models, shuffled, holdout, every)["unmet"] != []
    print(f"{use_case.name}: a candidate trained on shuffled labels is blocked in {blocked} of {runs}")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name in ("heart", "stroke"):
        equal_candidates(use_cases.get(name), count)
        weaker_candidates(use_cases.get(name), max(count // 5, 1))
        shuffled_labels(use_cases.get(name), max(count // 5, 1))
