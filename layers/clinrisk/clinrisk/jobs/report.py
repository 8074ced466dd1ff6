"""What do I get? The evaluation as one HTML page: summary first, then the evidence, then the lineage.

It is made from evaluation.json, the manifest and the use case alone, so it can hold no patient, and from the
same inputs it is the same bytes. It needs no network and runs no script.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, Environment, StrictUndefined

from clinrisk.jobs import charts
from clinrisk.promotion import BASELINE, CANDIDATE, CHAMPION, FLOOR, NOT_EVALUATED
from clinrisk.use_cases.base import UNKNOWN_GROUP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from clinrisk.use_cases.base import UseCase

FIGURES = (
    ("auc", "AUC", "chance that a patient with the condition gets the higher risk", "number"),
    ("average_precision", "PR-AUC", "area under precision and recall; prevalence is the floor", "number"),
    ("brier", "Brier score", "mean squared error of the risks; smaller is better", "number"),
    ("log_loss", "Log loss", "surprise at the outcomes; smaller is better", "number"),
    ("calibration_slope", "Calibration slope", "1 is right; below 1 the risks are too extreme", "number"),
    ("calibration_intercept", "Calibration intercept", "0 is right; above 0 the risks are too low", "number"),
    ("observed_to_expected", "Observed : expected", "cases that occurred per case predicted", "number"),
    ("recall", "Recall (sensitivity)", "patients with the condition who are flagged", "share"),
    ("specificity", "Specificity", "patients without it who are not flagged", "share"),
    ("precision", "Precision (PPV)", "flagged patients who have it", "share"),
    ("npv", "NPV", "patients not flagged who do not have it", "share"),
    ("f1", "F1", "harmonic mean of precision and recall", "number"),
    ("net_benefit", "Net benefit", "at the threshold; treating no one is 0", "number"),
)
GROUP_FIGURES = (
    ("selection_rate", "flagged", "share"),
    ("recall", "found of those with it", "share"),
    ("false_positive_rate", "false alarms of those without", "share"),
    ("precision", "right of those flagged", "share"),
    ("auc", "AUC", "number"),
    ("observed_to_expected", "observed per expected", "number"),
    ("calibration_slope", "calibration slope", "number"),
)
GAPS = (
    ("selection_rate", "flagged"),
    ("equal_opportunity_difference", "found (equal opportunity)"),
    ("false_positive_rate", "false alarms"),
    ("equalized_odds_difference", "equalized odds"),
    ("precision", "right when flagged"),
)

THE = {CHAMPION: "the live model"}
PAIRS = (
    ("auc", "AUC"),
    ("brier", "Brier score"),
    ("recall", "recall"),
    ("specificity", "specificity"),
    ("net_benefit", "net benefit"),
)


def number(figure: Any, digits: int = 3) -> str:
    """Write a figure with its interval.

    >>> number([0.9061, 0.8712, 0.9418])
    '0.906 (0.871 to 0.942)'
    """
    if figure == NOT_EVALUATED:
        return "not evaluated"
    value, low, high = (f"{part + 0.0:.{digits}f}" for part in figure)
    return f"{value} ({low} to {high})"


def share(figure: Any) -> str:
    """Write a proportion in per cent with its interval.

    >>> share([0.857, 0.781, 0.909])
    '86% (78 to 91)'
    """
    if figure == NOT_EVALUATED:
        return "not evaluated"
    # Below 10% a whole per cent would hide the difference between 2.6 and 3.4.
    digits = 1 if figure[0] < 0.1 else 0
    value, low, high = (f"{100 * part:.{digits}f}" for part in figure)
    return f"{value}% ({low} to {high})"


def hundred(figure: Any, *, complement: bool = False) -> str:
    """Write a proportion as "about 86 (78 to 91)" of every hundred patients."""
    if figure == NOT_EVALUATED:
        return "an unknown number"
    value, low, high = (1 - figure[0], 1 - figure[2], 1 - figure[1]) if complement else figure
    digits = 1 if value < 0.1 else 0
    return f"about {100 * value:.{digits}f} ({100 * low:.{digits}f} to {100 * high:.{digits}f})"


def percent(value: float) -> str:
    """Write a share in per cent with three digits at most.

    >>> percent(0.0412), percent(0.266)
    ('4.12%', '26.6%')
    """
    return f"{100 * value:.3g}%"


def comparisons(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Say in a sentence each how the candidate ranks the same patients against every other model."""
    sentences = []
    for part, found in (("", document["comparison"]), (" on the hold-out", document["holdout_comparison"])):
        for name, title in titles.items():
            pair = found.get(f"{CANDIDATE}_vs_{name}", {})
            if pair.get("auc", NOT_EVALUATED) == NOT_EVALUATED or (part and name != CHAMPION):
                continue
            value, low, high = pair["auc"]
            verdict = "no difference is shown"
            if low > 0 or high < 0:
                verdict = f"the candidate ranks patients {'better' if low > 0 else 'worse'}"
            interval = f"AUC difference {value:+.3f}, {low:+.3f} to {high:+.3f}, {pair['patients']} patients"
            sentences.append(f"Against {THE.get(name, title)}{part}, {verdict} ({interval}).")
    return sentences


def setting_up(document: Mapping[str, Any]) -> list[str]:
    """Say in a sentence each how the settings were chosen and whether the risks were corrected."""
    search, correction = document["search"], document["recalibration"]
    value, low, high = correction["log_loss_gain"]
    gain = f"log loss gain {value:+.4f}, {low:+.4f} to {high:+.4f}, on patients outside the fit"
    sentences = [
        f"The log odds of the risks are multiplied by {correction['slope']:.3f} and moved by "
        f"{correction['intercept']:+.3f}: {gain}."
        if correction["kept"]
        else f"The risks are served as they are: correcting the log odds did not surely help ({gain})."
    ]
    if search["tried"]:
        best = search["tried"][search["chosen"]]
        sentences.append(
            f"Of {len(search['tried'])} settings the search chose depth {best['max_depth']} and "
            f"{best['num_round']} trees; every figure comes from models whose settings were chosen without "
            "the patients they are judged on."
        )
    return sentences


def model_titles(use_case: UseCase) -> dict[str, str]:
    """Name the models as the page does."""
    floor = use_case.feature(use_case.baseline_feature).title
    return {
        CANDIDATE: "candidate (XGBoost)",
        CHAMPION: "live model",
        BASELINE: "logistic regression",
        FLOOR: f"{floor} alone",
    }


def _group_titles(use_case: UseCase) -> dict[str, dict[str, str]]:
    """Name each group of each attribute as the page does."""
    return {
        attribute.name: {group.name: group.title for group in attribute.groups} | {UNKNOWN_GROUP: "not known"}
        for attribute in use_case.protected
    }


def _crossed(
    intersections: Mapping[str, Any], titles: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Give the crossed groups that are large enough for at least one rate, as rows with plain names."""
    rows = []
    for crossed, table in intersections.items():
        first, second = crossed.split(" & ")
        for name, group in table.items():
            if group["recall"] == NOT_EVALUATED:
                continue
            one, two = name.split(" & ")
            rows.append({"title": f"{titles[first][one]}, {titles[second][two]}", **group})
    return rows


def _charts(document: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw the page's pictures."""
    curves = document["curves"]
    return {
        "roc": charts.roc_chart(curves["roc"]),
        "calibration": charts.calibration_chart(curves["calibration"]),
        "net_benefit": charts.net_benefit_chart(curves["net_benefit"], document["threshold"]),
    }


def render(document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase) -> str:
    """Give the page of one evaluation."""
    template = files("clinrisk.jobs").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        loader=DictLoader({"report.html": template}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "share": share, "hundred": hundred, "percent": percent}
    titles, groups = model_titles(use_case), _group_titles(use_case)
    out_of_fold = [name for name in titles if name in document["models"]]
    missing = manifest["parts"]["training"]["missing"]
    return environment.get_template("report.html").render(
        document=document,
        manifest=manifest,
        use_case=use_case,
        candidate=document["models"][CANDIDATE],
        titles=titles,
        models=out_of_fold,
        comparisons=comparisons(document, titles),
        setting_up=setting_up(document),
        holdout_models=[name for name in titles if name in document["holdout"]],
        figures=FIGURES,
        group_figures=GROUP_FIGURES,
        gap_titles=GAPS,
        pair_titles=PAIRS,
        group_titles=groups,
        attributes=[attribute for attribute in use_case.protected if attribute.name in document["groups"]],
        crossed=_crossed(document["intersections"], groups),
        charts=_charts(document),
        legend=charts.legend(out_of_fold, titles),
        missing=[(use_case.feature(name).title, count) for name, count in missing.items()],
        not_evaluated=NOT_EVALUATED,
    )
