"""What an approver should note in an evaluation, in words.

Each sentence is about a figure whose interval lies on the wrong side, or a group too small to judge.
What blocks a candidate is in `core.training.promotion`; this is what a clinician should know of any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.evaluation.figure_text import number, percent, share
from clinrisk.core.training.promotion import BASELINE, CANDIDATE, FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    GroupTitles = Mapping[str, Mapping[str, str]]

DUPLICATES_NOTED = 0.01
"""Share of patients equal to another one, above which the report says so."""
ACTED_ON_NOTED = 0.01
"""Share of patients whose flag was accepted, above which the report says so."""
AUC_NOTED = 0.005
"""Difference that patients nearly equal to another one make, above which the report says so."""
PARTS = (("models", "training patients, out of fold"), ("holdout", "patients that no model has seen"))


def cautions(document: Mapping[str, Any], titles: Mapping[str, str], groups: GroupTitles) -> list[str]:
    """Return the sentences, those on all patients first, then those on groups."""
    return [
        *_all_patients(document),
        *_evidence(document),
        *_others(document, titles),
        *_groups(document, groups),
    ]


def _all_patients(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield where recall, calibration or usefulness is, with 95% confidence, not what it should be."""
    target = document["recall_target"]
    for part, among in PARTS:
        figures = document[part][CANDIDATE]
        recall, ratio, slope = (figures[n] for n in ("recall", "observed_to_expected", "calibration_slope"))
        if recall != NOT_EVALUATED and recall[2] < target:
            yield (
                f"Among {among}, the flag finds {share(recall)} of the cases: with 95% confidence fewer than "
                f"the {percent(target)} asked for."
            )
        if ratio != NOT_EVALUATED and not ratio[1] <= 1 <= ratio[2]:
            how = "too low" if ratio[0] > 1 else "too high"
            yield f"Among {among}, {number(ratio, 2)} cases occurred per case expected: the risks are {how}."
        if slope != NOT_EVALUATED and not slope[1] <= 1 <= slope[2]:
            how = "too extreme" if slope[0] < 1 else "not extreme enough"
            yield f"Among {among}, the calibration slope is {number(slope, 2)}: the risks are {how}."
    figures = document["models"][CANDIDATE]
    for name, other in (("net_benefit", "no one"), ("net_benefit_over_all", "everyone")):
        gain = figures[name]
        if gain != NOT_EVALUATED and gain[1] <= 0:
            yield (
                f"Acting on the flag is not shown to be better than acting on {other}: "
                f"difference in net benefit {number(gain)}."
            )


def _evidence(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what speaks against the evidence: patients there twice or treated, intervals that miss."""
    checks = document.get("cross_checks")
    if checks is None:
        return
    found, counts = checks["duplicates"], document["counts"]
    rows = counts["training"]["rows"] + counts["holdout"]["rows"]
    if found["equal"] > DUPLICATES_NOTED * rows:
        yield (
            f"{found['equal']} of {rows} patients agree in every input with an earlier one: if these are the "
            "same people under other ids, there are fewer patients than it seems."
        )
    if found["auc_without"] is not None and found["auc"] - found["auc_without"] > AUC_NOTED:
        yield (
            f"{found['nearly_equal']} patients are nearly equal to another one; without them the AUC is "
            f"{found['auc_without']:.3f} instead of {found['auc']:.3f}: some may be in the data twice."
        )
    treated = checks.get("acted_on", 0)
    if treated > ACTED_ON_NOTED * rows:
        yield (
            f"Clinicians had accepted an earlier flag of {treated} of {rows} patients: what was done then "
            "may have changed their outcomes, and the risks learned from them may be too low."
        )
    for band in checks["intervals"]:
        observed, low, high = band["observed"], band["low"], band["high"]
        if observed[2] < low or observed[1] > high:
            yield (
                f"Of the {band['rows']} held-out patients in the band {band['band']}, {share(observed)} had "
                f"the condition; their intervals reach from {percent(low)} to {percent(high)} on average."
            )


def doubted(document: Mapping[str, Any]) -> str:
    """Return for which share of the hold-out patients no risk, or an uncertain one, would be stated."""
    checks = document.get("cross_checks")
    if checks is None:
        return "How many hold-out patients would have no risk, or an uncertain one, was not counted."
    if not checks["doubts"]["rows"]:
        return "No patient was held out, so nobody counted for how many a risk would be stated."
    rows, without, uncertain = (checks["doubts"][name] for name in ("rows", "not_scored", "uncertain"))
    return (
        f"Of {rows} hold-out patients, {without} ({percent(without / rows)}) would have no risk, since too "
        f"little was measured, and {uncertain} ({percent(uncertain / rows)}) an uncertain one in no band."
    )


def _others(document: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield the simpler models that the candidate is not shown to outrank."""
    for name in (BASELINE, FLOOR):
        area = document["comparison"].get(f"{CANDIDATE}_vs_{name}", {}).get("auc", NOT_EVALUATED)
        if area == NOT_EVALUATED or area[1] > 0:
            continue
        if area[2] < 0:
            other = titles[name][0].upper() + titles[name][1:]
            yield f"{other}, a simpler model, ranks patients better: AUC difference {number(area)}."
        else:
            yield (
                f"The candidate is not shown to rank patients better than {titles[name]}, a simpler model: "
                f"AUC difference {number(area)}."
            )


def _groups(document: Mapping[str, Any], titles: GroupTitles) -> Iterator[str]:
    """Yield the groups with too few cases found or wrong risks, and those too small to judge."""
    every = [
        (titles[attribute][name], group)
        for attribute, table in document["groups"].items()
        for name, group in table.items()
    ]
    target = document["recall_target"]
    judged = [(title, group) for title, group in every if group["recall"] != NOT_EVALUATED]
    fewer = [f"{title} {share(group['recall'])}" for title, group in judged if group["recall"][2] < target]
    if fewer:
        found = "; ".join(fewer)
        yield f"Fewer cases found than the {percent(target)} asked for, with 95% confidence: {found}."
    ratios = [(t, g["observed_to_expected"]) for t, g in every if g["observed_to_expected"] != NOT_EVALUATED]
    wrong = [f"{title} {number(ratio, 2)}" for title, ratio in ratios if not ratio[1] <= 1 <= ratio[2]]
    if wrong:
        yield (
            f"Cases observed per case expected not 1, with 95% confidence: {'; '.join(wrong)}. "
            f"Of the {len(ratios)} groups compared, one in twenty differs by chance alone."
        )
    unjudged = [
        f"{title} ({group['n']} patients, {group['positives']} with the condition"
        + (f", {group['fn']} of them not flagged)" if group["fn"] else ")")
        for title, group in every
        if group["recall"] == NOT_EVALUATED
    ]
    if unjudged:
        yield f"Too few cases to judge: {', '.join(unjudged)}."
