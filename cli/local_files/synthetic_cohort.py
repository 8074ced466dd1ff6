"""Synthetic patients in a use case's public columns, drawn from its declared marginals; they are nobody.

Numbers follow their published deciles and move with age through a Gaussian copula; codes follow their shares
by age; the outcome follows a logistic score whose intercept gives the stated prevalence in the unshifted
population. Numpy only; the same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np

from clinrisk import use_cases
from clinrisk.core.ingest.csv_file.head import OUTCOME_COLUMNS
from clinrisk.use_cases.columns import Number
from clinrisk.use_cases.external_model import PREDICTED_AT, RISK
from clinrisk.use_cases.marginals import Shift

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.marginals import Marginals, Spread

    Floats = NDArray[np.float64]
    Shares = tuple[tuple[float, Mapping[str, float]], ...]

PREDICTED_ON = dt.date(2026, 1, 15)
"""When predictions of synthetic patients are made, where nothing else is asked for."""
_UNSHIFTED = Shift("")
_CALIBRATION_ROWS = 40_000
_CALIBRATION_SEED = 20_240_229
_IDS_PER_SEED = 10_000_000
_AGE = "age"


def shifts(use_case: str | UseCase) -> tuple[str, ...]:
    """Return the names of the other populations that a use case declares."""
    return tuple(_declared(use_case).marginals.shifts)


def draw(
    use_case: str | UseCase,
    *,
    rows: int,
    seed: int,
    purpose: str = "training",
    shift: str | None = None,
    on: dt.date = PREDICTED_ON,
) -> bytes:
    """Return a CSV file of synthetic patients; without the outcome column for inference.

    Of a use case whose model is not ours: predictions made on that day, or the outcomes of the patients that
    the same seed gives predictions of. Raises KeyError for a shift that the use case does not declare.

    >>> draw("heart", rows=2, seed=7).splitlines()[0].decode()
    'age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num'
    """
    declared = _declared(use_case)
    marginals = declared.marginals
    generator = np.random.default_rng([abs(seed), int(seed < 0)])
    other = marginals.shifts[shift] if shift else _UNSHIFTED
    columns, logit = _draw_columns(declared, generator, rows, other)
    logit += _intercept(declared)
    outcome = generator.random(rows) < _logistic(logit + _unforeseen(declared, other, columns, rows))
    if declared.id_column:
        numbers = abs(seed) % 1000 * _IDS_PER_SEED + 1 + generator.permutation(max(rows, 1))[:rows]
        columns[declared.id_column] = [str(number) for number in numbers.tolist()]
    columns |= {name: [""] * rows for name in declared.unused}
    columns[declared.label.column] = _labels(marginals, outcome, generator)
    header = [name for name in declared.header if purpose == "training" or name != declared.label.column]
    if declared.external is not None:
        columns[RISK.name] = [f"{risk:.4f}" for risk in _logistic(logit).tolist()]
        columns[PREDICTED_AT] = [on.isoformat()] * rows
        if purpose == "outcomes":
            header = list(OUTCOME_COLUMNS)
            columns |= _outcomes(declared, columns[declared.label.column], outcome, on, generator)
    lines = map(",".join, zip(*(columns[name] for name in header), strict=True))
    return ("\n".join((",".join(header), *lines)) + "\n").encode()


def _unforeseen(use_case: UseCase, shift: Shift, columns: Mapping[str, list[str]], rows: int) -> Floats:
    """Return the log odds that each patient's groups add to the outcome without any risk knowing of it."""
    added = np.zeros(rows)
    for (name, group_name), odds in shift.unforeseen.items():
        attribute = next(one for one in use_case.protected if one.name == name)
        group = next(one for one in attribute.groups if one.name == group_name)
        low, high = (-np.inf if group.low is None else group.low), (group.high or np.inf)
        for row, text in enumerate(columns[attribute.column]):
            inside = text in group.codes if group.codes else text and low <= float(text) < high
            added[row] += odds if inside else 0.0
    return added


def _outcomes(
    use_case: UseCase,
    labels: list[str],
    outcome: NDArray[np.bool_],
    on: dt.date,
    generator: np.random.Generator,
) -> dict[str, list[str]]:
    """Return label and day of each outcome: a case within the horizon, everybody else at its end."""
    horizon = use_case.horizon_days or 1
    days = np.where(outcome, generator.integers(1, horizon, len(outcome), endpoint=True), horizon)
    dates = [(on + dt.timedelta(days=day)).isoformat() for day in days.tolist()]
    return dict(zip(OUTCOME_COLUMNS[1:], (labels, dates), strict=True))


def _declared(use_case: str | UseCase) -> UseCase:
    """Return a use case, given as such or by its name."""
    return use_cases.get(use_case) if isinstance(use_case, str) else use_case


def _draw_columns(
    use_case: UseCase, generator: np.random.Generator, rows: int, shift: Shift
) -> tuple[dict[str, list[str]], Floats]:
    """Draw every column as text, and each patient's score without the intercept."""
    marginals = use_case.marginals
    age_normal = generator.standard_normal(rows)
    age = _values(marginals.spreads[_AGE], age_normal, shift.quantiles.get(_AGE))
    logit = np.zeros(rows)
    columns: dict[str, list[str]] = {}
    for column in use_case.columns:
        if isinstance(column, Number):
            spread = marginals.spreads[column.name]
            own = generator.standard_normal(rows)
            tie = spread.age_correlation
            normal = age_normal if column.name == _AGE else tie * age_normal + np.sqrt(1 - tie**2) * own
            values = _values(spread, normal, shift.quantiles.get(column.name))
            missing = generator.random(rows) < shift.missing.get(column.name, spread.missing)
            mean, deviation = _moments(spread)
            logit += np.where(missing, spread.missing_weight, spread.risk * (values - mean) / deviation)
            text = [f"{value:.10g}" for value in values.tolist()]
        else:
            mix = marginals.mixes[column.name]
            codes, weights = _codes(
                mix.shares if column.name not in shift.shares else ((np.inf, shift.shares[column.name]),),
                age,
                generator.random(rows),
                mix.risk,
            )
            missing = generator.random(rows) < shift.missing.get(column.name, mix.missing)
            logit += np.where(missing, 0.0, weights)
            text = codes
        absent = marginals.missing_marker
        columns[column.name] = [
            absent if gone else one for one, gone in zip(text, missing.tolist(), strict=True)
        ]
    return columns, logit


def _values(spread: Spread, normal: Floats, quantiles: tuple[float, ...] | None) -> Floats:
    """Turn standard normal draws into draws from a spread, rounded as the public file is."""
    points = quantiles or spread.quantiles
    values = np.interp(_normal_cdf(normal), np.linspace(0, 1, len(points)), points)
    rounded = np.round(values, spread.decimals)
    return np.where(values < spread.fine_below, np.round(values, 2), rounded)


def _moments(spread: Spread) -> tuple[float, float]:
    """Return the mean and standard deviation of a spread in the unshifted population."""
    grid = np.interp(
        np.linspace(0, 1, 1001), np.linspace(0, 1, len(spread.quantiles)), np.asarray(spread.quantiles, float)
    )
    return float(grid.mean()), float(grid.std())


def _codes(
    shares: Shares, age: Floats, uniform: Floats, risk: Mapping[str, float]
) -> tuple[list[str], Floats]:
    """Draw a code per patient from the shares of the patient's age group, with its weight in the score."""
    limits = np.asarray([limit for limit, _ in shares])
    group = np.minimum(np.searchsorted(limits, age, side="left"), len(limits) - 1)
    codes = list(dict.fromkeys(code for _, mix in shares for code in mix))
    table = np.asarray([[mix.get(code, 0.0) for code in codes] for _, mix in shares])
    edges = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
    chosen = np.minimum((uniform[:, None] >= edges[group]).sum(axis=1), len(codes) - 1)
    weights = np.asarray([risk.get(code, 0.0) for code in codes])
    return [codes[position] for position in chosen.tolist()], weights[chosen]


def _labels(marginals: Marginals, outcome: NDArray[np.bool_], generator: np.random.Generator) -> list[str]:
    """Write each outcome as one of the values that the public file uses for its class."""
    uniform = generator.random(len(outcome))
    written = {}
    for value, shares in marginals.labels.items():
        edges = np.cumsum(list(shares.values()))
        written[value] = np.asarray(list(shares))[
            np.minimum(np.searchsorted(edges, uniform, side="right"), len(edges) - 1)
        ]
    return [str(text) for text in np.where(outcome, written[1], written[0])]


def _intercept(use_case: UseCase) -> float:
    """Return, by bisection, the intercept that gives the prevalence in a large unshifted population."""
    generator = np.random.default_rng(_CALIBRATION_SEED)
    _, logit = _draw_columns(use_case, generator, _CALIBRATION_ROWS, _UNSHIFTED)
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        too_many = _logistic(logit + middle).mean() > use_case.marginals.prevalence
        low, high = (low, middle) if too_many else (middle, high)
    return (low + high) / 2


def _logistic(logit: Floats) -> Floats:
    """Return probabilities."""
    return np.asarray(1 / (1 + np.exp(-logit)))


def _normal_cdf(values: Floats) -> Floats:
    """Return the standard normal distribution function (Abramowitz and Stegun 7.1.26, error below 2e-7)."""
    x = np.abs(values) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * x)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = 1 - tail * np.exp(-(x**2))
    return np.asarray(0.5 * (1 + np.sign(values) * erf))
