"""A proposal of a use case from a file of patients: columns, codes, ranges, groups, how cohorts are drawn.

What is written rests on counts, rounded, and on percentiles instead of extremes: no patient can be read off
it. What only a person knows stands in it as a question.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.use_cases.columns import MISSING_MARKERS

if TYPE_CHECKING:
    from pathlib import Path

AGE = "age"
SEX = ("sex", "gender")
MOST_CODES = 12
"""A column with more different values than this is a number, if its values are; else it is not used."""
FEWEST_STEPS = 4
"""Whole numbers from 0 beyond this one are counted things, not codes."""
FEWEST_PATIENTS = 10
"""A code of fewer patients is not proposed: it could be one person, or a mistake."""
_SHRUNK = 0.8
"""Of each column's own association with the outcome, since columns share what they know."""


class CannotPropose(Exception):  # noqa: N818 - it says what the file lacks
    """The file is not enough to propose a use case from; the message says what it lacks."""


@dataclass(frozen=True)
class NumberDraft:
    """A measured column."""

    name: str
    low: float
    high: float
    counted: bool
    """Whole numbers from 0."""
    decimals: int
    quantiles: tuple[float, ...]
    missing: float
    risk: float
    commonest: float


@dataclass(frozen=True)
class CodeDraft:
    """A column of codes with the share of each."""

    name: str
    shares: dict[str, float]
    missing: float
    risk: dict[str, float]
    commonest: float


@dataclass(frozen=True)
class UseCaseDraft:
    """Everything that the file says about the use case."""

    rows: int
    label: str
    negative: str
    positive: str
    prevalence: float
    numbers: tuple[NumberDraft, ...]
    codes: tuple[CodeDraft, ...]
    unused: tuple[str, ...]
    id_column: str | None
    order: tuple[str, ...]
    """The columns that are used, in the order of the file."""
    sex: CodeDraft | None = field(default=None)
    age_limits: tuple[int, int] = (45, 65)


def propose(path: Path, label: str, positive: str | None, id_column: str | None) -> UseCaseDraft:
    """Read a file of patients and return the proposal; raises CannotPropose."""
    table = _read(path)
    for name in (label, AGE, *([id_column] if id_column else [])):
        if name not in table.columns:
            raise CannotPropose(
                f"The file has no column {name}; it has {', '.join(table.columns)}. Every use case has one "
                "of the outcome, and age in years."
            )
    known = table.filter(pl.col(label).is_not_null())
    negative, positive = _answers(known[label], positive)
    case = (known[label] == positive).cast(pl.Float64)
    used: dict[str, NumberDraft | CodeDraft] = {}
    inputs = [name for name in table.columns if name not in {label, id_column}]
    for name in inputs:
        if drafted := _number(known[name], case) or _code(known[name], case):
            used[name] = drafted
    if not isinstance(used.get(AGE), NumberDraft):
        raise CannotPropose("The column age is not a number of years in nearly every row.")
    codes = tuple(one for one in used.values() if isinstance(one, CodeDraft))
    return UseCaseDraft(
        rows=known.height,
        label=label,
        negative=negative,
        positive=positive,
        prevalence=_rounded(_mean(case), 2),
        numbers=tuple(one for one in used.values() if isinstance(one, NumberDraft)),
        codes=codes,
        unused=tuple(name for name in inputs if name not in used),
        id_column=id_column,
        order=tuple(used),
        sex=next((one for one in codes if one.name.lower() in SEX), None),
    )


def _read(path: Path) -> pl.DataFrame:
    """Read a file as text, with nothing where it says that nothing was measured."""
    table = pl.read_csv(path, infer_schema=False).with_columns(pl.all().str.strip_chars())
    markers = [marker.lower() for marker in MISSING_MARKERS]
    return table.with_columns(
        pl.when(pl.col(name).str.to_lowercase().is_in(markers)).then(None).otherwise(pl.col(name)).alias(name)
        for name in table.columns
    )


def _answers(label: pl.Series, positive: str | None) -> tuple[str, str]:
    """Return how the outcome writes no and yes."""
    answers: list[str] = sorted(label.unique().to_list())
    if len(answers) != 2:
        raise CannotPropose(
            f"The outcome has {len(answers)} different values; two are needed, for no and yes."
        )
    if positive is None:
        positive = next((one for one in answers if one.lower() in {"1", "yes", "true", "y"}), None)
    if positive is None or positive not in answers:
        raise CannotPropose(
            "Which value of the outcome is the condition? State one of the file with --positive."
        )
    return next(one for one in answers if one != positive), positive


def _mean(numbers: pl.Series) -> float:
    mean = numbers.mean()
    return float(mean) if isinstance(mean, float) else 0.0


def _number(values: pl.Series, case: pl.Series) -> NumberDraft | None:
    numbers = values.cast(pl.Float64, strict=False)
    measured = numbers.drop_nulls()
    # A few words among numbers are mistakes; the inbox sets such rows aside.
    if measured.len() < 0.98 * values.drop_nulls().len():
        return None
    different = sorted(measured.unique().to_list())
    counted = different[: FEWEST_STEPS + 1] == list(range(FEWEST_STEPS + 1))
    if len(different) <= MOST_CODES and not counted:
        return None
    steps = [0.01, *(step / 10 for step in range(1, 10)), 0.99]
    quantiles = [float(measured.quantile(step, "linear") or 0.0) for step in steps]
    decimals = max(
        (len(text.partition(".")[2]) for text in values.drop_nulls().head(1000).to_list()), default=0
    )
    width = quantiles[-1] - quantiles[0]
    low = 0.0 if quantiles[0] >= 0 else -_outward(-quantiles[0] + width)
    return NumberDraft(
        name=values.name,
        low=low,
        high=_outward(quantiles[-1] + width),
        counted=counted,
        decimals=min(decimals, 3),
        quantiles=tuple(_rounded(one, 3) for one in quantiles),
        missing=_rounded(1 - measured.len() / values.len(), 2),
        risk=_standardised(numbers, case),
        commonest=max(0.3, math.ceil(100 * _largest_share(measured) + 15) / 100),
    )


def _code(values: pl.Series, case: pl.Series) -> CodeDraft | None:
    given = values.drop_nulls()
    counts = given.value_counts(sort=True)
    frequent = counts.filter(pl.col("count") >= FEWEST_PATIENTS)
    if not 2 <= frequent.height <= MOST_CODES or counts.height > 2 * MOST_CODES:
        return None
    total = int(frequent["count"].sum())
    texts, times = frequent[values.name].to_list(), frequent["count"].to_list()
    shares = {text: _rounded(count / total, 2) for text, count in zip(texts, times, strict=True)}
    usual = _log_odds(case.filter(values == texts[0]))
    risk = {text: round(_SHRUNK * (_log_odds(case.filter(values == text)) - usual), 2) for text in texts[1:]}
    return CodeDraft(
        name=values.name,
        shares=dict(sorted(shares.items())),
        missing=_rounded(1 - given.len() / values.len(), 2),
        risk={text: odds for text, odds in risk.items() if abs(odds) >= 0.1},
        commonest=max(0.85, math.ceil(50 * (1 + _largest_share(given))) / 100),
    )


def _largest_share(given: pl.Series) -> float:
    return float(given.value_counts(sort=True)["count"][0]) / given.len()


def _log_odds(case: pl.Series) -> float:
    cases = float(case.sum())
    return math.log((cases + 0.5) / (case.len() - cases + 0.5))


def _standardised(numbers: pl.Series, case: pl.Series) -> float:
    """Return the difference of the means of cases and others, in standard deviations, shrunk."""
    deviation = numbers.std()
    if not isinstance(deviation, float) or not deviation:
        return 0.0
    ill, well = (_mean(numbers.filter(case == one)) for one in (1.0, 0.0))
    return round(_SHRUNK * (ill - well) / deviation, 2)


def _rounded(value: float, figures: int) -> float:
    """Round to so many significant figures.

    >>> _rounded(0.3489, 2), _rounded(148.6, 3)
    (0.35, 149.0)
    """
    return float(f"{value:.{figures}g}")


def _outward(value: float) -> float:
    """Round up to two significant figures.

    >>> _outward(141.2), _outward(67)
    (150.0, 67.0)
    """
    if value <= 0:
        return 0.0
    unit = 10 ** (math.floor(math.log10(value)) - 1)
    return float(math.ceil(round(value / unit, 6)) * unit)
