"""Measure what monitoring sees: false alarms on healthy batches, and power on faults, per use case and size.

Usage: CLINRISK_REAL_DATA=FOLDER .envs/dev/bin/python -m bench.monitoring_power [DRAWS] [SCENARIO ...]

A public file is the population. For every draw (500), as many patients as a training set has are drawn from
it and are reference and evaluation; the batch is drawn likewise, and changed. Prints how often the check
alerts, and of what it missed, which column.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.monitored_outcomes import OUTCOMES, approved, as_approved
from bench.monitored_outcomes import material as score_material
from bench.watched_population import TRAINED, Population, Sample
from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import CheckVerdict, ProfileMaterial
from clinrisk.core.monitoring.performance import performance_finding
from clinrisk.core.monitoring.quality import quality_finding
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.use_cases.columns import Column

    Values = NDArray[np.float64]
    Made = tuple[Sample, str]
    Maker = Callable[[Population, int, Generator], Made]


def _changed(sample: Sample, **columns: Values) -> Sample:
    return replace(sample, table=sample.table | columns)


def older(years: float) -> Maker:
    """Make everybody older, up to the oldest age of the contract."""

    def make(population: Population, rows: int, rng: Generator) -> Made:
        sample = population.draw(rows, rng)
        age = population.use_case.column("age")
        assert isinstance(age, Number)  # noqa: S101 - of both use cases
        return _changed(sample, age=np.clip(sample.table["age"] + years, age.low, age.high)), ""

    return make


def other_sex(population: Population, rows: int, rng: Generator) -> Made:
    """Draw 70% women; the reference has 30% (see `reference_of`)."""
    return population.draw(rows, rng, _weights(population, 0.7)), ""


def _weights(population: Population, women: float) -> Values:
    """Return chances with which so many of those drawn are women."""
    female = population.groups(population.patients)["sex"] == "female"
    return np.asarray(np.where(female, women / female.sum(), (1 - women) / (~female).sum()))


def more_cases(population: Population, rows: int, rng: Generator) -> Made:
    """Draw twice as many cases."""
    label = population.patients.label
    share = 2 * label.mean()
    return population.draw(
        rows, rng, np.where(label == 1, share / label.sum(), (1 - share) / (1 - label).sum())
    ), ""


def other_hospital(_: Population, rows: int, rng: Generator) -> Made:
    """Draw patients of the Hungarian hospital."""
    return Population.read("heart", "processed.hungarian.data").draw(rows, rng), ""


def untied(population: Population, rows: int, rng: Generator) -> Made:
    """Exchange the values of every column between patients: margins stay, correlations go."""
    sample = population.draw(rows, rng)
    table: dict[str, Values] = {}
    for column in population.use_case.columns:
        order = rng.permutation(rows)
        table |= {one: sample.table[one][order] for one in _features(population, column)}
    return _changed(sample, **table), ""


def faulty(applies: Callable[[Column], bool], fault: Callable[[Values, Column, int], Values]) -> Maker:
    """Spoil one column, any of those that the fault applies to."""

    def make(population: Population, rows: int, rng: Generator) -> Made:
        sample = population.draw(rows, rng)
        columns = [column for column in population.use_case.columns if applies(column)]
        column = columns[int(rng.integers(len(columns)))]
        someone = int(rng.integers(rows))
        table = {
            one: fault(sample.table[one], column, someone)
            for one in _features(population, column, missing=False)
        }
        for one in set(_features(population, column)) - set(table):
            table[one] = np.isnan(next(iter(table.values()))).astype(float)
        return _changed(sample, **table), column.name

    return make


def _features(population: Population, column: Column, *, missing: bool = True) -> list[str]:
    return [
        one.name
        for one in population.use_case.features
        if one.column == column.name and (missing or one.kind != "missing")
    ]


def _times(factor: float) -> Callable[[Values, Column, int], Values]:
    def fault(values: Values, column: Column, _: int) -> Values:
        assert isinstance(column, Number)  # noqa: S101 - the fault applies to numbers
        found = values * factor
        # What is out of range is quarantined or missing: it does not stay what it is.
        return np.where((found < column.low) | (found > column.high), np.nan, found)

    return fault


def _measured(column: Column) -> bool:
    return isinstance(column, Number) and not column.integer


ANY = lambda _: True  # noqa: E731 - a predicate
EMPTY = faulty(ANY, lambda values, _, __: np.full(len(values), np.nan))
ONE_VALUE = faulty(ANY, lambda values, _, someone: np.full(len(values), values[someone]))
DRIFT: dict[str, tuple[Maker, dict[str, tuple[int, ...]]]] = {
    "one column empty": (EMPTY, {"heart": (20, 50), "stroke": (20, 50)}),
    "one column constant": (ONE_VALUE, {"heart": (20, 50, 150), "stroke": (20, 50, 150)}),
    "one number times 10": (faulty(_measured, _times(10)), {"heart": (20, 50), "stroke": (20, 50)}),
    "one number a tenth": (faulty(_measured, _times(0.1)), {"heart": (20, 50), "stroke": (20, 50)}),
    "10 years older": (older(10), {"heart": (50, 100), "stroke": (100, 250)}),
    "5 years older": (older(5), {"heart": (100, 250, 500), "stroke": (500, 1000, 2000)}),
    "1 year older a month, 20 batches of month 4 or 5 together": (
        lambda population, rows, rng: older(4 if population.use_case.name == "heart" else 5)(
            population, rows, rng
        ),
        {"heart": (400, 1000), "stroke": (1000, 2000)},
    ),
    "women 30% to 70%": (other_sex, {"heart": (50, 100), "stroke": (50, 100)}),
    "correlations broken": (untied, {"heart": (200, 1000), "stroke": (200, 1000)}),
    "twice the cases, in the risks": (more_cases, {"heart": (), "stroke": (2000, 20_000)}),
    "another hospital (Hungarian)": (other_hospital, {"heart": (20, 50), "stroke": ()}),
}


SIZES = (20, 50, 100, 500, 1000, 5000)
HEALTHY = "healthy, all checks (alerts by check)"
REDRAWN = "the same, approved on another sample of the size of the training set"


class Line(NamedTuple):
    """One line of the table."""

    use_case: str
    scenario: str
    rows: int
    alerts: float
    not_judged: float
    missed: str

    def __str__(self) -> str:
        first = f"| {self.use_case} | {self.scenario} | {self.rows} "
        return f"{first}| {self.alerts:.1%} | {self.not_judged:.1%} | {self.missed} |".replace("|  |", "| |")


def drift_line(name: str, scenario: str, rows: int, draws: int) -> Line:
    """Return how often drift alerts."""
    population, rng = Population.read(name), np.random.default_rng([len(name), len(scenario), rows])
    make = DRIFT[scenario][0]
    verdicts, missed = Counter[CheckVerdict](), Counter[str]()
    for _ in range(draws):
        weights = _weights(population, 0.3) if make is other_sex else None
        trained = population.draw(TRAINED[name], rng, weights)
        batch, column = make(population, rows, rng)
        material = ProfileMaterial(
            population.profile(trained),
            population.profile(batch),
            0,
            rng,
            population.evaluation(trained),
            population.scores(batch),
        )
        verdict = drift_finding(population.use_case, material).verdict
        verdicts[verdict] += 1
        if verdict is not CheckVerdict.ALERT and column:
            missed[column] += 1
    return _line(name, scenario, rows, verdicts, missed)


def outcome_line(name: str, scenario: str, rows: int, draws: int) -> Line:
    """Return how often performance or bias alerts; the approved figures are those of the population."""
    population, rng = Population.read(name), np.random.default_rng([len(name), len(scenario), rows])
    make, judge, _ = OUTCOMES[scenario]
    verdicts = Counter[CheckVerdict]()
    for _ in range(draws):
        made = make(population, rows, rng)
        found = judge(population.use_case, score_material(population, made, approved(population), rng))
        verdicts[found.verdict] += 1
    return _line(name, scenario, rows, verdicts, Counter())


def healthy_line(name: str, scenario: str, rows: int, draws: int) -> Line:
    """Return how often any of the checks alerts on a healthy batch, and which."""
    population, rng = Population.read(name), np.random.default_rng([len(name), len(scenario), rows])
    verdicts, by_check = Counter[CheckVerdict](), Counter[str]()
    for _ in range(draws):
        trained = population.draw(TRAINED[name], rng)
        of_trained = population.evaluation(trained)
        made = as_approved(population, rows, rng)
        scored = score_material(
            population, made, of_trained if scenario == REDRAWN else approved(population), rng
        )
        profiled = ProfileMaterial(
            population.profile(trained), population.profile(made.sample), 0, rng, of_trained, scored.scores
        )
        case = population.use_case
        found = [
            quality_finding(case, profiled),
            drift_finding(case, profiled),
            performance_finding(case, scored),
            bias_finding(case, scored),
        ]
        alerts = [one.check.value for one in found if one.verdict is CheckVerdict.ALERT]
        by_check.update(alerts)
        verdicts[CheckVerdict.ALERT if alerts else CheckVerdict.OK] += 1
    return _line(name, scenario, rows, verdicts, by_check)


def _line(name: str, scenario: str, rows: int, verdicts: Counter[CheckVerdict], missed: Counter[str]) -> Line:
    shares = [verdicts[each] / verdicts.total() for each in (CheckVerdict.ALERT, CheckVerdict.NOT_EVALUATED)]
    names = ", ".join(f"{column} {count}" for column, count in missed.most_common())
    return Line(name, scenario, rows, shares[0], shares[1], names)


def main(draws: int, only: list[str]) -> None:
    """Print the table."""
    print(
        "| use case | what | rows | alerts | not evaluated | not seen in |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    with ProcessPoolExecutor(2) as workers:
        wanted: list[tuple[Callable[[str, str, int, int], Line], str, str, tuple[int, ...]]] = []
        for name in TRAINED:
            wanted += [(healthy_line, name, scenario, SIZES) for scenario in (HEALTHY, REDRAWN)]
            wanted += [(drift_line, name, scenario, sizes[name]) for scenario, (_, sizes) in DRIFT.items()]
            wanted += [
                (outcome_line, name, scenario, sizes[name]) for scenario, (_, _, sizes) in OUTCOMES.items()
            ]
        lines = [
            workers.submit(line, name, scenario, rows, draws)
            for line, name, scenario, sizes in wanted
            if not only or any(part in scenario for part in only)
            for rows in sizes
        ]
        for line in lines:
            print(line.result(), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, sys.argv[2:])
