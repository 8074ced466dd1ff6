"""Outcomes of a batch that went wrong in one way: what performance and bias are to see.

Part of `bench.monitoring_power`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.findings import ScoreMaterial
from clinrisk.core.monitoring.performance import auc, performance_finding
from clinrisk.core.profiles.score_profile import score_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from numpy.random import Generator
    from numpy.typing import NDArray

    from bench.watched_population import Population, Sample
    from clinrisk.core.monitoring.findings import CheckFinding

    Risks = NDArray[np.float64]
    Maker = Callable[[Population, int, Generator], "Outcome"]
    Judge = Callable[[Any, ScoreMaterial], CheckFinding]


@dataclass(frozen=True)
class Outcome:
    """A batch with its risks, and of whom the outcome is known."""

    sample: Sample
    risks: Risks
    known: NDArray[np.bool_]


def as_approved(population: Population, rows: int, rng: Generator) -> Outcome:
    """Draw a batch whose outcomes all arrived, and are those of the population."""
    sample = population.draw(rows, rng)
    return Outcome(sample, population.risks(sample), np.ones(rows, dtype=bool))


def of_flagged(population: Population, rows: int, rng: Generator) -> Outcome:
    """Draw a batch of which only the outcomes of flagged patients are known."""
    made = as_approved(population, rows, rng)
    return replace(made, known=made.risks >= population.threshold)


def one_known(population: Population, rows: int, rng: Generator) -> Outcome:
    """Draw a batch of which one outcome is known, and whose women are flagged half as often."""
    made = as_approved(population, rows, rng)
    women = population.groups(made.sample)["sex"] == "female"
    spared = women & (rng.random(rows) < 0.5)
    risks = np.where(spared, np.minimum(made.risks, population.threshold * 0.99), made.risks)
    return Outcome(made.sample, risks, np.arange(rows) == 0)


def odds_doubled(population: Population, rows: int, rng: Generator) -> Outcome:
    """Draw a batch whose outcomes have twice the odds that the risks state."""
    made = as_approved(population, rows, rng)
    label = (rng.random(rows) < 2 * made.risks / (1 + made.risks)).astype(np.int64)
    return replace(made, sample=replace(made.sample, label=label))


def cases_missed(share: float) -> Maker:
    """Miss that share more of the women's cases."""

    def make(population: Population, rows: int, rng: Generator) -> Outcome:
        made = as_approved(population, rows, rng)
        cases = (population.groups(made.sample)["sex"] == "female") & (made.sample.label == 1)
        found = cases & (made.risks >= population.threshold)
        lost = found & (rng.random(rows) < share * cases.sum() / max(found.sum(), 1))
        return replace(made, risks=np.where(lost, population.threshold * 0.99, made.risks))

    return make


def area_lost(fall: float) -> Maker:
    """Exchange the outcomes of as many patients as lower the area by so much; prevalence stays."""

    def make(population: Population, rows: int, rng: Generator) -> Outcome:
        made = as_approved(population, rows, rng)
        mixed = np.flatnonzero(rng.random(rows) < _mixed(population, fall))
        label = made.sample.label.copy()
        label[mixed] = rng.permutation(label[mixed])
        return replace(made, sample=replace(made.sample, label=label))

    return make


_known: dict[tuple[str, float], float] = {}


def _mixed(population: Population, fall: float) -> float:
    """Return the share of exchanged outcomes that lowers the area of the population by so much."""
    key = population.use_case.name, fall
    if key not in _known:
        rng = np.random.default_rng(3)
        sample = population.draw(20_000, rng)
        cells, before = score_cells(population.risks(sample)), 0.0
        for share in np.arange(0, 1, 0.02):
            label = sample.label.copy()
            mixed = np.flatnonzero(rng.random(len(label)) < share)
            label[mixed] = rng.permutation(label[mixed])
            counts = [np.bincount(cells[label == value], minlength=100).tolist() for value in (1, 0)]
            area = auc(counts[0], counts[1]).value
            before = before or area
            if area <= before - fall:
                _known[key] = float(share)
                break
    return _known[key]


def material(
    population: Population, made: Outcome, evaluation: Mapping[str, Any], rng: Generator
) -> ScoreMaterial:
    """Return what performance and bias judge of a batch."""
    rows = np.flatnonzero(made.known)
    known = population.scores(made.sample.take(rows), labelled=True, risks=made.risks[rows])
    predicted = len(made.risks), int((made.risks >= population.threshold).sum())
    scores = population.scores(made.sample, risks=made.risks)
    return ScoreMaterial(evaluation, scores, rng, {}, known if len(rows) else None, predicted)


@cache
def approved(population: Population) -> Mapping[str, Any]:
    """Return the evaluation of a model that was approved with the figures of its population."""
    return population.evaluation(population.patients)


OUTCOMES: dict[str, tuple[Maker, Judge, dict[str, tuple[int, ...]]]] = {
    "performance: AUC falls by .10": (
        area_lost(0.10), performance_finding, {"heart": (100, 250, 500), "stroke": (1000, 2500, 5000)}
    ),
    "performance: odds doubled": (
        odds_doubled, performance_finding, {"heart": (110, 330), "stroke": (1000, 3000)}
    ),
    "performance: outcomes of flagged only": (
        of_flagged, performance_finding, {"heart": (250,), "stroke": (2500,)}
    ),
    "bias: 15 points fewer of the women's cases": (
        cases_missed(0.15), bias_finding, {"heart": (10_000, 20_000), "stroke": (40_000, 80_000)}
    ),
    "bias: 30 points fewer of the women's cases": (
        cases_missed(0.30), bias_finding, {"heart": (1000, 2000), "stroke": (5000, 10_000)}
    ),
    "bias: half of the women's flags, one outcome": (
        one_known, bias_finding, {"heart": (500, 2000), "stroke": (2000, 5000)}
    ),
}  # fmt: skip
