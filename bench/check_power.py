"""Measure the quality, performance and bias rules: false alarms on healthy batches, power on sick ones.

Usage: .envs/dev/bin/python bench/check_power.py [ROUNDS]

Patients are synthetic; scores are calibrated with the AUC that the real data carry (heart .90, stroke .84).
Beside each rule stands the one that monitors commonly ship: any missing share up by .05, AUC down by .05,
any selection rate ratio below four fifths.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import use_cases
from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.findings import CheckVerdict, ProfileMaterial, ScoreMaterial
from clinrisk.core.monitoring.performance import performance_finding
from clinrisk.core.monitoring.quality import quality_finding
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of

if TYPE_CHECKING:
    from numpy.random import Generator

    from clinrisk.core.monitoring.findings import CheckFinding

HEART = use_cases.get("heart")
# Use case -> prevalence, separation of the scores that gives its AUC, action threshold.
SETTINGS = {"heart": (0.46, 1.8, 0.35), "stroke": (0.05, 1.4, 0.05)}
Answer = tuple["CheckFinding", bool]


def scored(
    name: str, rows: int, rng: Generator, *, lost: float = 1.0, missed_women: float = 0.0
) -> ScoreProfile:
    """Draw a labelled batch; `lost` weakens the scores' evidence, `missed_women` unflags a share of women."""
    prevalence, separation, threshold = SETTINGS[name]
    label = (rng.random(rows) < prevalence).astype(int)
    evidence = rng.normal(label * separation * lost, 1)
    odds = prevalence / (1 - prevalence) * np.exp(separation * evidence - separation**2 / 2)
    sex = np.where(rng.random(rows) < 0.32, "female", "male")
    risk = odds / (1 + odds)
    flagged = (risk >= threshold) & ~((sex == "female") & (rng.random(rows) < missed_women))
    age = np.repeat("45_to_64", rows)
    return score_profile_of(HEART, risk, flagged, {"sex": sex, "age_band": age}, label)


def quality(rows: int, rng: Generator, *, missing: float = 0.02) -> Answer:
    """Judge a batch of 13 columns, one of which lacks a share of its values."""
    reference, batch = (
        Profile(
            "heart",
            1,
            n,
            {c.name: _column(n, share, rng) for c, share in zip(HEART.columns, shares, strict=True)},
            {},
        )
        for n, shares in ((242, [0.02] * 13), (rows, [missing, *[0.02] * 12]))
    )
    pairs = zip(reference.columns.values(), batch.columns.values(), strict=True)
    usual = any(now.missing_share - before.missing_share > 0.05 for before, now in pairs)
    return quality_finding(HEART, ProfileMaterial(reference, batch, 0, rng)), usual


def _column(rows: int, missing: float, rng: Generator) -> ColumnCounts:
    absent = int(rng.binomial(rows, missing))
    return ColumnCounts(absent, (rows - absent, 0))


def performance(name: str, rows: int, rng: Generator, **sick: float) -> Answer:
    """Judge a labelled batch against an evaluation as precise as the real data allow."""
    approved = 0.90 if name == "heart" else 0.84
    reach = 0.04 if name == "heart" else 0.025
    evaluation = {"models": {"xgboost": {"auc": [approved, approved - reach, approved + reach]}}}
    found = performance_finding(HEART, ScoreMaterial(evaluation, scored(name, rows, rng, **sick), rng))
    return found, found.statistic is not None and found.statistic < approved - 0.05


def bias(name: str, rows: int, rng: Generator, **sick: float) -> Answer:
    """Judge a labelled batch by the gap in cases found between women and men."""
    approved = scored(name, 242 if name == "heart" else 4000, rng)
    batch = scored(name, rows, rng, **sick)
    rates = [group.flagged / group.n for group in batch.attributes["sex"].values()]
    evaluation: dict[str, Any] = {"groups": approved.to_dict()}
    return bias_finding(HEART, ScoreMaterial(evaluation, batch, rng)), min(rates) < 0.8 * max(rates)


def main(rounds: int) -> None:
    """Print one line per rule, state of health and batch size."""
    scenarios: list[tuple[str, Any]] = [("quality, healthy", quality)]
    scenarios.append(("quality, a column half missing", lambda n, rng: quality(n, rng, missing=0.5)))
    for name in SETTINGS:
        for check in (performance, bias):
            for state, sick in (
                ("healthy", {}),
                ("sick", {"lost": 0.4} if check is performance else {"missed_women": 0.5}),
            ):
                title = f"{name} {check.__name__}, {state}"
                scenarios.append((title, lambda n, rng, c=check, u=name, s=sick: c(u, n, rng, **s)))
    print(f"{'scenario':<34}{'rows':>6}{'alert':>8}{'not judged':>12}{'usual rule':>12}{'ms':>7}")
    rng = np.random.default_rng(11)
    for title, judge in scenarios:
        for rows in (50, 100, 400):
            started = time.perf_counter()
            answers = [judge(rows, rng) for _ in range(rounds)]
            each = (time.perf_counter() - started) / rounds * 1000
            shares = [
                np.mean([found.verdict is v for found, _ in answers])
                for v in (CheckVerdict.ALERT, CheckVerdict.NOT_EVALUATED)
            ]
            usual = np.mean([alarm for _, alarm in answers])
            print(f"{title:<34}{rows:>6}{shares[0]:>8.1%}{shares[1]:>12.1%}{usual:>12.1%}{each:>7.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
