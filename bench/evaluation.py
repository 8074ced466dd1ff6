"""What evaluating a candidate costs, beside fairlearn. How often the bar is right: bench/promotion.py.

Run with `.envs/dev/bin/python bench/evaluation.py`. Synthetic patients only, from fixed seeds.
"""

from __future__ import annotations

import resource
import time
from dataclasses import replace

import numpy as np
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

from clinrisk import use_cases
from clinrisk.evaluation.evidence import LiveModel, Scored, evaluation_of
from clinrisk.evaluation.groups import counts_of, gaps, group_tables, membership

DRAWS = 1000
STROKE = use_cases.get("stroke")


def patients(size: int, seed: int = 0) -> Scored:
    """Stroke-like patients: 5% have the condition, and the risks are right."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(-3.5, 1.3, size)
    risks = 1 / (1 + np.exp(-margins))
    labels = (rng.random(size) < risks).astype(np.int64)
    groups = {a.name: rng.choice(np.array(a.group_names[:-1]), size) for a in STROKE.protected}
    others = {"logistic": risks * 0.9, "floor": risks**1.1, "champion": np.clip(risks * 1.05, 0, 0.999)}
    return Scored(labels, groups, {"xgboost": risks, **others})


def first(scored: Scored, size: int) -> Scored:
    return replace(
        scored,
        labels=scored.labels[:size],
        groups={name: of[:size] for name, of in scored.groups.items()},
        scores={name: risks[:size] for name, risks in scored.scores.items()},
    )


def whole_evaluations() -> None:
    for size in (240, 4_000, 1_000_000):
        scored = patients(size)
        started = time.perf_counter()
        evaluation_of(STROKE, scored, first(scored, size // 4), champion=LiveModel(1, "stroke-live", 0.05))
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"whole evaluation, {DRAWS} draws, {size:>9,} patients: {seconds:7.2f} s, peak {peak:,.0f} MB")


def group_intervals(size: int = 5_000, looped: int = 20) -> None:
    """Time the gaps by sex with intervals; fairlearn's own bootstrap is a loop, so a part of it is enough."""
    scored = patients(size)
    sex = scored.groups["sex"]
    division = membership("sex", ("female", "male", "other", "unknown"), sex)
    started = time.perf_counter()
    table = group_tables(scored.labels, scored.scores["xgboost"], 0.05, [division])["sex"]
    prepared = time.perf_counter()
    gaps({name: counts_of(group) for name, group in table.items()}, DRAWS, np.random.default_rng(0))
    ours = time.perf_counter() - prepared
    started = time.perf_counter()
    MetricFrame(
        metrics={"selection_rate": selection_rate, "recall": true_positive_rate},
        y_true=scored.labels,
        y_pred=(scored.scores["xgboost"] >= 0.05).astype(int),
        sensitive_features=sex,
        n_boot=looped,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    theirs = (time.perf_counter() - started) * DRAWS / looped
    print(
        f"group intervals, {DRAWS} draws, {size:,} patients: clinrisk {ours * 1000:.1f} ms, "
        f"fairlearn about {theirs:.1f} s ({theirs / ours:,.0f} times)"
    )


if __name__ == "__main__":
    group_intervals()
    whole_evaluations()
