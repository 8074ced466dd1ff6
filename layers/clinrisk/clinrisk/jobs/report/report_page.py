"""The report: the evaluation as one HTML page, summary first, then the evidence, then the lineage.

It is made from evaluation.json, the manifest and the use case alone, so it can hold no patient, and from the
same inputs it is the same bytes. It needs no network and runs no script.
"""

from __future__ import annotations

from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.evaluation.figure_text import number, per_hundred, percent, share
from clinrisk.core.timestamps import day
from clinrisk.core.training.promotion import BASELINE, CANDIDATE, CHAMPION, FIRST_RELEASED, FLOOR, REFERENCES
from clinrisk.jobs.report import charts, pictures, provenance_text
from clinrisk.jobs.report.cautions import cautions, doubted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from clinrisk.use_cases.base import UseCase

FIGURES = (
    ("auc", "AUC", "chance that a patient with the condition gets the higher risk", "number"),
    ("average_precision", "PR-AUC", "area under precision and recall; chance has the prevalence", "number"),
    ("brier", "Brier score", "mean squared error of the risks; smaller is better", "number"),
    ("log_loss", "Log loss", "penalty for confident errors; smaller is better", "number"),
    ("calibration_slope", "Calibration slope", "1 is right; below 1 the risks are too extreme", "number"),
    ("calibration_intercept", "Calibration intercept", "0 is right; above 0 the risks are too low", "number"),
    ("observed_to_expected", "Observed : expected", "cases that occurred per case predicted", "number"),
    ("recall", "Recall (sensitivity)", "patients with the condition who are flagged", "share"),
    ("specificity", "Specificity", "patients without it who are not flagged", "share"),
    ("precision", "Precision (PPV)", "flagged patients who have it", "share"),
    ("npv", "NPV", "patients not flagged who do not have it", "share"),
    ("f1", "F1", "harmonic mean of precision and recall", "number"),
    ("net_benefit", "Net benefit", "at the threshold; above 0 it beats acting on no one", "number"),
    ("net_benefit_over_all", "Net benefit over all", "above 0 it beats acting on everyone", "number"),
)
GROUP_FIGURES = (
    ("selection_rate", "flagged", "share"),
    ("recall", "cases found (recall)", "share"),
    ("false_positive_rate", "false alarms", "share"),
    ("precision", "flags correct (PPV)", "share"),
    ("auc", "AUC", "short"),
    ("observed_to_expected", "observed : expected", "short"),
    ("calibration_slope", "slope", "short"),
)
MORE_GROUP_FIGURES = (
    ("specificity", "specificity", "share"),
    ("npv", "NPV", "share"),
    ("average_precision", "PR-AUC", "short"),
    ("f1", "F1", "short"),
    ("brier", "Brier score", "number"),
    ("log_loss", "log loss", "number"),
    ("calibration_intercept", "intercept", "short"),
    ("net_benefit", "net benefit", "number"),
)
GAPS = (
    ("selection_rate", "flagged"),
    ("equal_opportunity_difference", "cases found (equal opportunity)"),
    ("false_positive_rate", "false alarms"),
    ("equalized_odds_difference", "equalized odds"),
    ("precision", "flags correct"),
    ("selection_rate_ratio", "smallest : largest share flagged"),
)

PAIRS = (
    ("auc", "AUC"),
    ("brier", "Brier score"),
    ("log_loss", "log loss"),
    ("recall", "recall"),
    ("specificity", "specificity"),
    ("net_benefit", "net benefit"),
    ("expected_cases", "expected cases"),
)


def comparisons(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Return, in a sentence each, how the candidate ranks the same patients compared with each model."""
    sentences = []
    for part, found in (("", document["comparison"]), (" on the hold-out", document["holdout_comparison"])):
        for name, title in titles.items():
            pair = found.get(f"{CANDIDATE}_vs_{name}", {})
            if pair.get("auc", NOT_EVALUATED) == NOT_EVALUATED or (part and name != CHAMPION):
                continue
            value, low, high = pair["auc"]
            finding = "no difference is shown"
            if low > 0 or high < 0:
                finding = f"the candidate ranks patients {'better' if low > 0 else 'worse'}"
            value, low, high = (round(part, 3) + 0.0 for part in pair["auc"])
            interval = f"AUC difference {value:+.3f}, {low:+.3f} to {high:+.3f}, {pair['patients']} patients"
            other = REFERENCES[name] if name in {CHAMPION, FIRST_RELEASED} else title
            sentences.append(f"Compared with {other}{part}, {finding} ({interval}).")
    return sentences


def setting_up(document: Mapping[str, Any]) -> list[str]:
    """Return, in a sentence each, how the settings were chosen and whether the risks were corrected."""
    search, correction = document["search"], document["recalibration"]
    value, low, high = correction["log_loss_gain"]
    gain = f"log loss gain {value:+.4f}, {low:+.4f} to {high:+.4f}, on patients outside the fit"
    sentences = [
        f"The log odds of the risks are multiplied by {correction['slope']:.3f} and moved by "
        f"{correction['intercept']:+.3f}: {gain}."
        if correction["kept"]
        else f"The risks are used as they are: a correction of the log odds was not shown to help ({gain})."
    ]
    if search["tried"]:
        best = search["tried"][search["chosen"]]
        sentences.append(
            f"Of {len(search['tried'])} settings the search chose depth {best['max_depth']} and "
            f"{best['num_round']} trees; every figure comes from models whose settings were chosen without "
            "the patients they are judged on."
        )
    if "tuning" in search:
        sentences += tuning_sentences(search["tuning"])
    return sentences


def tuned_settings(tuning: Mapping[str, Any]) -> str:
    """Return the settings that a tuning job chose, in words.

    >>> tuned_settings({"settings": {"eta": 0.0512345, "max_depth": 4}})
    'eta 0.05123, max_depth 4'
    """
    return ", ".join(f"{name} {value:.4g}" for name, value in tuning["settings"].items())


def tuning_sentences(tuning: Mapping[str, Any]) -> list[str]:
    """Return which tuning job chose the settings, and what its choice does to the figures."""
    chose = (
        f"The SageMaker tuning job {tuning['job']} chose {tuned_settings(tuning)}: the best of "
        f"{tuning['trials']} trials by the log loss ({tuning['log_loss']:.4f}) of "
        f"{tuning['patients']} of the training patients."
    )
    flattered = (
        "The out-of-fold figures include these patients, so they, and the threshold, may be a little too "
        "good. The search never saw a hold-out patient: where the two differ, trust the hold-out."
    )
    return [chose, flattered]


def model_titles(use_case: UseCase) -> dict[str, str]:
    """Return the name of each model."""
    floor = use_case.feature(use_case.baseline_feature).title
    return {
        CANDIDATE: "candidate (XGBoost)",
        CHAMPION: "live model",
        FIRST_RELEASED: "first released model",
        BASELINE: "logistic regression",
        FLOOR: f"{floor} alone",
    }


def group_titles(use_case: UseCase) -> dict[str, dict[str, str]]:
    """Return the name of each group of each attribute."""
    return {attribute.name: attribute.group_titles for attribute in use_case.protected}


def _sections(
    document: Mapping[str, Any], use_case: UseCase, titles: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return each attribute's title with its groups, as rows with plain names."""
    return [
        (
            attribute.title,
            [
                {"title": titles[attribute.name][name], **group}
                for name, group in document["groups"][attribute.name].items()
            ],
        )
        for attribute in use_case.protected
        if attribute.name in document["groups"]
    ]


def _crossed(
    intersections: Mapping[str, Any], titles: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Return the crossed groups that are large enough for at least one rate, as rows with plain names."""
    rows = []
    for crossed, table in intersections.items():
        first, second = crossed.split(" & ")
        for name, group in table.items():
            if group["recall"] == NOT_EVALUATED:
                continue
            one, two = name.split(" & ")
            rows.append({"title": f"{titles[first][one]}, {titles[second][two]}", **group})
    return rows


def _pairs(document: Mapping[str, Any], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the candidate's paired differences from each other model, as rows with plain names."""
    found = {name: document["comparison"].get(f"{CANDIDATE}_vs_{name}") for name in titles}
    return [{"title": titles[name], **pair} for name, pair in found.items() if pair and pair["patients"]]


def _missing(counts: Mapping[str, int], use_case: UseCase) -> list[tuple[str, int]]:
    """Return each column with missing values and their number; the flags of one column count once."""
    names = {use_case.feature(name).column: count for name, count in counts.items()}
    return [(use_case.column(name).title, count) for name, count in names.items()]


def _charts(document: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Markup]:
    """Draw the page's pictures."""
    curves, counts = document["curves"], _everyone(document)
    return {
        "roc": charts.roc_chart(curves["roc"]),
        "calibration": charts.calibration_chart(curves["calibration"]),
        "net_benefit": charts.net_benefit_chart(curves["net_benefit"], document["threshold"]),
        "risks": pictures.risk_chart(curves["risks"], document["threshold"]),
        "hundred": pictures.hundred_patients(counts),
        "hundred_legend": pictures.hundred_legend(counts),
        "flow": pictures.flow_chart(manifest["flow"], manifest["parts"]),
    }


def _everyone(document: Mapping[str, Any]) -> dict[str, int]:
    """Add up the counts of all groups of one attribute: everybody is in one of them."""
    table = next(iter(document["groups"].values()))
    return {name: sum(group[name] for group in table.values()) for name in ("tp", "fn", "fp", "tn")}


def _calibrations(
    document: Mapping[str, Any], groups: Mapping[str, Mapping[str, str]]
) -> list[tuple[str, Markup]]:
    """Draw the calibration of the hold-out patients and of each group, each with its title."""
    curves = document["curves"]
    drawn = [("Hold-out patients", charts.calibration_chart(curves["calibration_holdout"]))]
    return drawn + [
        (title, charts.calibration_chart(curves["calibration_groups"][attribute][name]))
        for attribute, titles in groups.items()
        for name, title in titles.items()
        if name in curves["calibration_groups"].get(attribute, {})
    ]


def filled(template: str, **values: Any) -> str:
    """Return a page of this folder with its values; raises UndefinedError where one is missing."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": number, "share": share, "per_hundred": per_hundred, "percent": percent}
    environment.filters["short"] = partial(number, digits=2)
    environment.filters["day"] = day
    text = files("clinrisk.jobs.report").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(**values)


def render(document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase) -> str:
    """Return the page of one evaluation."""
    titles, groups = model_titles(use_case), group_titles(use_case)
    out_of_fold = [name for name in titles if name in document["models"]]
    missing = manifest["parts"]["training"]["missing"]
    return filled(
        "report.html.j2",
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
        cautions=cautions(document, titles, groups),
        doubted=doubted(document),
        absences=document.get("cross_checks", {}).get("absences", []),
        group_figures=GROUP_FIGURES,
        more_group_figures=MORE_GROUP_FIGURES,
        gap_titles=GAPS,
        pair_titles=PAIRS,
        group_titles=groups,
        attributes=[attribute for attribute in use_case.protected if attribute.name in document["groups"]],
        sections=_sections(document, use_case, groups),
        crossed=_crossed(document["intersections"], groups),
        charts=_charts(document, manifest),
        calibrations=_calibrations(document, groups),
        origin=provenance_text.stated(manifest, use_case),
        arrival=provenance_text.arrival(manifest),
        undescribed=provenance_text.undescribed(manifest),
        legend=charts.legend(out_of_fold, titles),
        pairs=_pairs(document, titles),
        missing=_missing(missing, use_case),
        not_evaluated=NOT_EVALUATED,
    )
