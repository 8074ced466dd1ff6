"""How often the promotion bar blocks whom it should not, and whom it should: equal models, shuffled labels.

Usage: .envs/dev/bin/python bench/promotion_power.py [RE-RUNS]

The user's own public files where CLINRISK_REAL_DATA names them, else a synthetic cohort. "Equal" has three
readings, each judged by the whole bar: the patients who judge are redrawn and the candidate differs by seeds
and folds; the candidate learns from redrawn patients and the champion from all of them; both learn from
redrawn patients. Beside it, what the paired area on the hold-out alone would have said.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.jobs.evaluation.evaluation_document import ReleasedModel, ScoredPatients, evaluation_of
from clinrisk.jobs.evaluation.thresholds import choose_threshold
from clinrisk.jobs.models import baseline, booster
from clinrisk.jobs.patient_tables import Patients, patients_of, set_schema
from clinrisk.jobs.training.assemble import is_held_out
from clinrisk.jobs.training.folds import stratified_folds

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

FILES = {"heart": "processed.cleveland.data", "stroke": "healthcare-dataset-stroke-data.csv"}
FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
# What the search mostly chooses: with the settings fixed, a hundred re-runs take minutes and not an hour.
SETTINGS = {"eta": "0.1", "subsample": "0.8", "max_depth": "2", "num_round": "40"}
# Where the seeds begin that nobody had looked at when the margins were set.
FRESH = 20_000
SYNTHETIC = {"heart": 303, "stroke": 5110}


def patients(use_case: UseCase) -> tuple[Patients, Patients, str]:
    """Return training and hold-out patients, split as in production, and where they come from."""
    path, source = FOLDER / FILES[use_case.name], "real file"
    if path.exists():
        data = path.read_bytes().partition(b"\n")[2] if use_case.id_column else path.read_bytes()
    else:
        data, source = (
            synthetic_cohort.draw(use_case, rows=SYNTHETIC[use_case.name], seed=0),
            "synthetic cohort",
        )
        data = data.partition(b"\n")[2]
    chunk = read_chunk(data, use_case, "training", use_case.header, 1, b"k" * 32)
    schema = set_schema(use_case)
    table = chunk.features.sort("record_id").to_arrow().select(schema.names).cast(schema)
    every = patients_of(table.to_pandas(), use_case)
    held = is_held_out(every.record_ids.tolist())
    return some(every, ~held), some(every, held), source


def some(of: Patients, rows: Any) -> Patients:
    groups = {name: group[rows] for name, group in of.groups.items()}
    return Patients(of.record_ids[rows], of.labels[rows], of.features[rows], groups)


def grown_by(use_case: UseCase, seed: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the features and the settings that a model of this seed grows with."""
    names = use_case.feature_names
    settings = booster.settings_of({**SETTINGS, "seed": str(seed)})
    settings["monotone_constraints"] = tuple(use_case.monotone.get(name, 0) for name in names)
    return names, settings


def scores(training: Patients, holdout: Patients, use_case: UseCase, seed: int) -> Any:
    """Return a model's risks: out of fold for the training patients, its own for those held out."""
    names, settings = grown_by(use_case, seed)
    folds = patient_folds(training, seed)
    repeats = booster.out_of_fold(settings, names, training.features, training.labels, folds)
    learned = repeats.mean(axis=0)
    grown = booster.grow(settings, names, training.features, training.labels)
    return learned, booster.risks(grown, holdout.features, names)


def patient_folds(training: Patients, seed: int) -> Any:
    """Return folds in which the copies of a resampled patient stay together: no copy tests another."""
    _, first, copy = np.unique(training.record_ids, return_index=True, return_inverse=True)
    return stratified_folds(training.labels[first], seed, 2)[:, copy]


def baselines(training: Patients, holdout: Patients, use_case: UseCase) -> dict[str, Any]:
    """Return the risks of logistic regression and floor."""
    folds = patient_folds(training, 0)
    found = {}
    for name, features in (("logistic", use_case.feature_names), ("floor", (use_case.baseline_feature,))):
        columns = [use_case.feature_names.index(feature) for feature in features]
        learned, unseen = training.features[:, columns], holdout.features[:, columns]
        fitted = baseline.fit(learned, training.labels, features)
        oof = baseline.out_of_fold(learned, training.labels, folds)
        found[name] = (oof, fitted.risks(unseen))
    return found


def judged(
    use_case: UseCase,
    models: dict[str, Any],
    training: Patients,
    holdout: Patients,
    rows: Any,
    *,
    live_threshold: float = 0.0,
) -> Any:
    """Return the evaluation of these rows of both parts; a live model flags from its own threshold."""
    parts = [
        ScoredPatients(
            of.labels[at],
            {n: g[at] for n, g in of.groups.items()},
            {n: s[part][at] for n, s in models.items()},
        )
        for part, (of, at) in enumerate(zip((training, holdout), rows, strict=True))
    ]
    live = {"champion": ReleasedModel(1, f"{use_case.name}-live", live_threshold)}
    # The bar reads no figure that is resampled, so few draws give the same verdict sooner.
    return evaluation_of(use_case, *parts, released=live if "champion" in models else {}, draws=20)


def threshold_of(champion: Any, training: Patients, use_case: UseCase) -> float:
    """Return the threshold with which the champion was released."""
    return choose_threshold(training.labels, champion[0], use_case.action.recall)


class Tally:
    """How many re-runs passed, and what they lost against the live model."""

    def __init__(self, use_case: UseCase) -> None:
        self.margin = use_case.bar.margin_to_champion
        self.runs = self.compared = self.all_met = self.alone = 0
        self.learned: list[list[float]] = []
        self.unseen: list[list[float]] = []
        self.why: Counter[str] = Counter()

    def add(self, document: dict[str, Any]) -> None:
        """Count one re-run's verdict."""
        self.runs += 1
        self.compared += not any("live model" in line for line in document["unmet"])
        self.all_met += document["unmet"] == []
        self.why.update(line["asked"] for line in document["requirements"] if not line["met"])
        self.learned.append(document["comparison"]["xgboost_vs_champion"]["auc"])
        self.unseen.append(document["holdout_comparison"]["xgboost_vs_champion"]["auc"])
        self.alone += self.unseen[-1][1] >= -self.margin

    def report(self, title: str) -> None:
        """Print it."""
        learned, unseen = np.array(self.learned), np.array(self.unseen)
        print(f"  {title}: not blocked by the live model {self.compared} of {self.runs}, ", end="")
        print(f"by the whole bar {self.all_met}; by the hold-out alone it would be {self.alone}")
        print(
            f"    AUC lost {-learned[:, 0].mean():+.4f} (sd {learned[:, 0].std():.4f}) out of fold, "
            f"{-unseen[:, 0].mean():+.4f} (sd {unseen[:, 0].std():.4f}) on the hold-out; half the paired "
            f"interval {np.mean(learned[:, 0] - learned[:, 1]):.4f}, margin {self.margin:g}"
        )
        # What a margin would have to be for 95 of 100 of these candidates to pass the comparison.
        print(f"    95 of 100 would pass a margin of {np.quantile(-learned[:, 1], 0.95):.3f}")
        for asked, count in self.why.most_common():
            print(f"    unmet {count} times: {asked}")


def equal_candidates(use_case: UseCase, seeds: range, title: str) -> None:
    """Redraw the patients that judge, hold-out included; the candidate differs by seeds and folds alone."""
    training, holdout, _ = patients(use_case)
    rng = np.random.default_rng(seeds.start - 1)
    champion, others = scores(training, holdout, use_case, 0), baselines(training, holdout, use_case)
    tally, live = Tally(use_case), threshold_of(champion, training, use_case)
    for seed in seeds:
        rows = [rng.integers(0, len(of), len(of)) for of in (training, holdout)]
        models = {"xgboost": scores(training, holdout, use_case, seed), **others, "champion": champion}
        tally.add(judged(use_case, models, training, holdout, rows, live_threshold=live))
    tally.report(f"patients redrawn to judge, {title}")


def retrained_candidates(use_case: UseCase, seeds: range) -> None:
    """Redraw the patients that the candidate learns from; the hold-out stays as it is.

    Two readings. The strict one holds it against a champion of all patients: a resample has 63% of them, so
    this candidate knows less. The even one gives the champion a resample of its own.
    """
    training, holdout, _ = patients(use_case)
    full = scores(training, holdout, use_case, 0)
    strict, even, live = Tally(use_case), Tally(use_case), threshold_of(full, training, use_case)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        drawn, other = (rng.integers(0, len(training), len(training)) for _ in range(2))
        sample = some(training, drawn)
        candidate, others = scores(sample, holdout, use_case, seed), baselines(sample, holdout, use_case)
        every = [np.arange(len(of)) for of in (sample, holdout)]
        champions = (full[0][drawn], full[1]), resampled_champion(training, other, drawn, holdout, use_case)
        for tally, champion in zip((strict, even), champions, strict=True):
            models = {"xgboost": candidate, **others, "champion": champion}
            tally.add(judged(use_case, models, sample, holdout, every, live_threshold=live))
    strict.report("candidate learns from redrawn patients, champion from all")
    even.report("both learn from redrawn patients, each from its own")


def resampled_champion(
    training: Patients, learned: Any, wanted: Any, holdout: Patients, use_case: UseCase
) -> Any:
    """Return the risks of a champion of resampled patients for the wanted ones, as the evaluation reads them.

    Out of fold for those whom it learned from, the model's own for the others.
    """
    names, settings = grown_by(use_case, 0)
    sample = some(training, learned)
    grown = booster.grow(settings, names, sample.features, sample.labels)
    risks = booster.risks(grown, training.features, names)
    folds = patient_folds(sample, 0)
    repeats = booster.out_of_fold(settings, names, sample.features, sample.labels, folds)
    risks[learned] = repeats.mean(axis=0)
    return risks[wanted], booster.risks(grown, holdout.features, names)


def weaker_candidates(use_case: UseCase, runs: int) -> None:
    """Print what the margin stops: candidates whose risks carry more and more noise."""
    training, holdout, _ = patients(use_case)
    champion, others = scores(training, holdout, use_case, 0), baselines(training, holdout, use_case)
    every = [np.arange(len(of)) for of in (training, holdout)]
    live = threshold_of(champion, training, use_case)
    for noise in (0.5, 1.0, 1.5, 2.0):
        blocked, lost = 0, []
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            blurred = tuple(
                1 / (1 + np.exp(-(np.log(s / (1 - s)) + rng.normal(0, noise, len(s))))) for s in champion
            )
            models = {"xgboost": blurred, **others, "champion": champion}
            document = judged(use_case, models, training, holdout, every, live_threshold=live)
            lost.append(document["comparison"]["xgboost_vs_champion"]["auc"][0])
            blocked += any("live model" in line for line in document["unmet"])
        print(
            f"  {use_case.name}: AUC {np.mean(lost):+.3f} of the live model's: blocked in {blocked} of {runs}"
        )


def harmful_candidates(use_case: UseCase, runs: int) -> None:
    """Print how often a copy of the champion passes, and how often harm is blocked or passes unlisted.

    The patients who judge are redrawn. Harm is the champion with its odds doubled, or halved for one sex.
    """
    training, holdout, _ = patients(use_case)
    champion, others = scores(training, holdout, use_case, 0), baselines(training, holdout, use_case)
    live = threshold_of(champion, training, use_case)
    parts = (training, holdout)
    everyone = [np.ones(len(of), dtype=bool) for of in parts]
    sexes = {sex: [of.groups["sex"] == sex for of in parts] for sex in ("female", "male")}
    kinds = {"copy": (1.0, everyone), "odds doubled": (2.0, everyone)}
    kinds |= {f"odds halved, {sex}": (0.5, who) for sex, who in sexes.items()}
    for kind, (factor, who) in kinds.items():
        shifted = tuple(_odds_times(r, np.where(w, factor, 1.0)) for r, w in zip(champion, who, strict=True))
        for released in ({"champion": champion}, {}):
            rng, passed, why = np.random.default_rng(777), 0, Counter[str]()
            unlisted = 0
            for _ in range(runs):
                rows = [rng.integers(0, len(of), len(of)) for of in parts]
                models = {"xgboost": shifted, **others, **released}
                document = judged(use_case, models, training, holdout, rows, live_threshold=live)
                passed += document["unmet"] == []
                unlisted += not document["unmet"] and not document["unproven"]
                why.update(line["asked"] for line in document["requirements"] if not line["met"])
            against = "against the live model" if released else "as the first release"
            print(f"  {kind}, {against}: passes {passed} of {runs}, {unlisted} without a group to accept")
            for asked, count in why.most_common(4):
                print(f"    unmet {count} times: {asked}")


def _odds_times(risks: Any, factor: Any) -> Any:
    odds = factor * risks / (1 - risks)
    return odds / (1 + odds)


def shuffled_labels(use_case: UseCase, runs: int) -> None:
    training, holdout, _ = patients(use_case)
    others = baselines(training, holdout, use_case)
    every = [np.arange(len(of)) for of in (training, holdout)]
    blocked = 0
    for seed in range(runs):
        shuffled = replace(training, labels=np.random.default_rng(seed).permutation(training.labels))
        # As it would happen: the training set itself is wrong, the hold-out is judged as it is.
        models = {"xgboost": scores(shuffled, holdout, use_case, seed), **others}
        models["champion"] = models["logistic"]
        blocked += judged(use_case, models, shuffled, holdout, every)["unmet"] != []
    print(f"{use_case.name}: a candidate trained on shuffled labels is blocked in {blocked} of {runs}")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name in ("heart", "stroke"):
        case = use_cases.get(name)
        training, holdout, source = patients(case)
        print(f"{name}, {source}: {len(training)} patients, {len(holdout)} held out; equal candidates")
        equal_candidates(case, range(1, count + 1), "seeds that the margins were set with")
        equal_candidates(case, range(FRESH, FRESH + count), "seeds never used before")
        retrained_candidates(case, range(2 * FRESH, 2 * FRESH + count))
        harmful_candidates(case, count)
        weaker_candidates(case, max(count // 5, 1))
        shuffled_labels(case, max(count // 5, 1))
