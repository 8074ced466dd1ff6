"""The evidence for a candidate as an approver reads it: figures with intervals, requirements with results.

What the shadow found is in `shadow_view`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.evaluation.figure_text import number, percent, share
from clinrisk.core.training.promotion import CHAMPION, Requirement, Unproven, requirements, unproven

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clinrisk.use_cases.base import UseCase

# The figures an approver asks for first, with the name they know them by.
FIGURES = {
    "auc": "Area under the curve (AUC)",
    "brier": "Brier score",
    "calibration_slope": "Calibration slope",
    "observed_to_expected": "Cases observed per case expected",
}
# What is compared between groups, with the name an approver knows it by.
RATES = {
    "selection_rate": "Share flagged",
    "recall": "Cases found",
    "false_positive_rate": "False alarms",
}


@dataclass(frozen=True)
class AucBar:
    """One model's AUC, ready to be drawn: positions run from 0 (AUC .5 or less) to 100 (AUC 1)."""

    title: str
    text: str
    low: float
    value: float
    high: float


@dataclass(frozen=True)
class TableLine:
    """One row of a table: its title and its cells, in the order of the table's columns."""

    title: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class AttributeTable:
    """How the groups of one attribute are served: a line per group, then their largest difference."""

    title: str
    groups: tuple[TableLine, ...]
    gap: TableLine


@dataclass(frozen=True)
class Evidence:
    """What the page shows about a candidate."""

    rows: int
    positives: int
    holdout_rows: int
    areas: tuple[AucBar, ...]
    figures: tuple[TableLine, ...]
    groups: tuple[AttributeTable, ...]
    requirements: tuple[Requirement, ...]
    unproven: tuple[Unproven, ...]
    """The groups in which harm could go unseen: an approver accepts each by name."""


def evidence_of(evaluation: Mapping[str, Any], use_case: UseCase) -> Evidence:
    """Return what an evaluation document shows; what it does not hold is shown as not evaluated."""
    counts = evaluation["counts"]
    return Evidence(
        rows=counts["training"]["rows"],
        positives=counts["training"]["positives"],
        holdout_rows=counts.get("holdout", {}).get("rows", 0),
        areas=tuple(_areas(evaluation, use_case)),
        figures=tuple(
            _figures(evaluation, ("xgboost", "logistic") if use_case.external is None else ("xgboost",))
        ),
        groups=tuple(_groups(evaluation, use_case)),
        requirements=tuple(requirements(evaluation, use_case.bar)),
        unproven=tuple(unproven(evaluation, use_case)),
    )


def summary_of(evaluation: Mapping[str, Any], use_case: UseCase) -> str:
    """Return three sentences on an evaluation: the training patients, how well it ranks, whom it flags."""
    counts = evaluation["counts"]["training"]
    models = evaluation["models"]
    if use_case.external is not None:
        figures = models["xgboost"]
        return (
            f"{use_case.external.product} of {use_case.external.vendor}: its predictions for "
            f"{counts['rows']:,} patients with a known outcome, {counts['positives']:,} of them with the "
            f"condition ({evaluation['cohort']['title']}). AUC with its 95% interval: "
            f"{number(figures['auc'])}; observed cases per expected one: "
            f"{number(figures['observed_to_expected'], 2)}. Patients are flagged from a risk of "
            f"{percent(evaluation['threshold'])}, as the vendor states."
        )
    candidate, logistic, floor = (
        number(models.get(name, {}).get("auc")) for name in ("xgboost", "logistic", "floor")
    )
    return (
        f"{use_case.title}: trained on {counts['rows']:,} patients, {counts['positives']:,} of them with "
        f"the condition. Cross-validated AUC with its 95% interval: {candidate}; logistic regression "
        f"{logistic}, {use_case.baseline_feature} alone {floor}. Patients are flagged from a risk of "
        f"{percent(evaluation['threshold'])}, chosen to find {percent(use_case.action.recall)} of the cases."
    )


def _areas(evaluation: Mapping[str, Any], use_case: UseCase) -> Iterator[AucBar]:
    titles = {
        "xgboost": "This candidate" if use_case.external is None else "The vendor's score",
        "logistic": "Logistic regression",
        "floor": f"{use_case.baseline_feature.capitalize()} alone",
    }
    for name, title in titles.items():
        auc = evaluation["models"].get(name, {}).get("auc", NOT_EVALUATED)
        if auc != NOT_EVALUATED:
            yield _area(title, auc)
    champion = evaluation["models"].get(CHAMPION, {}).get("auc", NOT_EVALUATED)
    if champion != NOT_EVALUATED:
        yield _area("Live model", champion)


def _area(title: str, auc: list[float]) -> AucBar:
    value, low, high = (round(max(0.0, float(number) - 0.5) * 200, 2) for number in auc)
    return AucBar(title, number(auc), low, value, high)


def _figures(evaluation: Mapping[str, Any], shown: Sequence[str]) -> Iterator[TableLine]:
    models = evaluation["models"]
    for name, title in FIGURES.items():
        cells = tuple(number(models.get(model, {}).get(name)) for model in shown)
        yield TableLine(title, cells)


def _groups(evaluation: Mapping[str, Any], use_case: UseCase) -> Iterator[AttributeTable]:
    for attribute in use_case.protected:
        figures = evaluation.get("groups", {}).get(attribute.name, {})
        gaps = evaluation.get("gaps", {}).get(attribute.name, {})
        titles = {group.name: group.title for group in attribute.groups}
        lines = tuple(
            TableLine(
                titles.get(name, name), (f"{found['n']:,}", *(share(found.get(rate)) for rate in RATES))
            )
            # JSON is written with sorted keys; a reader wants the declared order.
            for name in attribute.group_names
            if (found := figures.get(name)) is not None
        )
        gap = TableLine("largest difference", ("", *(share(gaps.get(rate)) for rate in RATES)))
        yield AttributeTable(attribute.title, lines, gap)
