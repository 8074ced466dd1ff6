"""What evaluating a candidate costs, and what fairlearn takes for a part of it. The bar: promotion_power.py.

Run with `.envs/dev/bin/python bench/evaluation_cost.py`. Synthetic patients only, from fixed seeds.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace

import numpy as np
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
from sklearn.metrics import average_precision_score, f1_score

from clinrisk import use_cases
from clinrisk.jobs.evaluation.evaluation_document import ReleasedModel, ScoredPatients, evaluation_of
from clinrisk.jobs.evaluation.group_figures import counts_of, gaps, group_tables, membership

DRAWS = 1000
THRESHOLD = 0.05
STROKE = use_cases.get("stroke")


def patients(size: int, seed: int = 0) -> ScoredPatients:
    """Stroke-like patients: 5% have the condition, and the risks are right."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(-3.5, 1.3, size)
    risks = 1 / (1 + np.exp(-margins))
    labels = (rng.random(size) < risks).astype(np.int64)
    groups = {a.name: rng.choice(np.array(a.group_names[:-1]), size) for a in STROKE.protected}
    others = {"logistic": risks * 0.9, "floor": risks**1.1, "champion": np.clip(risks * 1.05, 0, 0.999)}
    return ScoredPatients(labels, groups, {"xgboost": risks, **others})


def first(scored: ScoredPatients, size: int) -> ScoredPatients:
    return replace(
        scored,
        labels=scored.labels[:size],
        groups={name: of[:size] for name, of in scored.groups.items()},
        scores={name: risks[:size] for name, risks in scored.scores.items()},
    )


def full_evaluations() -> None:
    for size in (240, 4_000, 1_000_000):
        scored = patients(size)
        started = time.perf_counter()
        evaluation_of(
            STROKE,
            scored,
            first(scored, size // 4),
            released={"champion": ReleasedModel(1, "stroke-live", 0.05)},
        )
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"full evaluation, {DRAWS} draws, {size:>9,} patients: {seconds:7.2f} s, peak {peak:,.0f} MB")


def group_intervals(size: int, looped: int) -> None:
    """Time every figure of the groups of sex with its interval, and the gaps between them.

    fairlearn's own bootstrap is a loop over rows, so a part of it, with four of these figures, is enough.
    """
    scored = patients(size)
    sex, risks = scored.groups["sex"], scored.scores["xgboost"]
    division = membership("sex", STROKE.protected[0].group_names, sex)
    started = time.perf_counter()
    table = group_tables(scored.labels, risks, THRESHOLD, [division], draws=DRAWS)["sex"]
    gaps({name: counts_of(group) for name, group in table.items()}, DRAWS, np.random.default_rng(0))
    ours = time.perf_counter() - started
    started = time.perf_counter()
    frame = MetricFrame(
        metrics={
            "selection_rate": lambda labels, scores: selection_rate(labels, scores >= THRESHOLD),
            "recall": lambda labels, scores: true_positive_rate(labels, scores >= THRESHOLD),
            "f1": lambda labels, scores: f1_score(labels, scores >= THRESHOLD),
            "average_precision": average_precision_score,
        },
        y_true=scored.labels,
        y_pred=risks,
        sensitive_features=sex,
        n_boot=looped,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    theirs = (time.perf_counter() - started) * DRAWS / looped
    apart = max(
        abs(table[name][figure][0] - value)
        for name, figures in frame.by_group.iterrows()
        for figure, value in figures.items()
    )
    print(
        f"group intervals, {DRAWS} draws, {size:,} patients: clinrisk (16 figures and gaps) "
        f"{ours * 1000:.0f} ms, fairlearn (4 figures)\n  about {theirs:,.0f} s: "
        f"{theirs / ours:,.0f} times; values differ by {apart:.0e} at most"
    )


if __name__ == "__main__":
    for rows, rounds in ((5_000, 20), (1_000_000, 2)):
        group_intervals(rows, rounds)
    full_evaluations()
