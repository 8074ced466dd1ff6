"""What do I get? What a careful reader of evaluation.json would point out before anybody decides, in words.

Each is a figure whose interval lies wholly on the wrong side, or a group that nobody could judge. The bar
decides what blocks; this says what a clinician should know of a candidate that is not blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.evaluation.figure_text import number, percent, share
from clinrisk.core.training.promotion import BASELINE, CANDIDATE, FLOOR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    GroupTitles = Mapping[str, Mapping[str, str]]

PARTS = (("models", "training patients, out of fold"), ("holdout", "patients that no model has seen"))


def cautions(document: Mapping[str, Any], titles: Mapping[str, str], groups: GroupTitles) -> list[str]:
    """Give the sentences, the whole model first, then its groups; empty when there is nothing to say."""
    return [*_whole(document), *_others(document, titles), *_groups(document, groups)]


def _whole(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield where recall, calibration or usefulness is surely not what it should be."""
    target = document["recall_target"]
    for part, among in PARTS:
        figures = document[part][CANDIDATE]
        recall, ratio, slope = (figures[n] for n in ("recall", "observed_to_expected", "calibration_slope"))
        if recall != NOT_EVALUATED and recall[2] < target:
            yield (
                f"Among {among}, the flag finds {share(recall)} of those with the condition: surely fewer "
                f"than the {percent(target)} that were asked for."
            )
        if ratio != NOT_EVALUATED and not ratio[1] <= 1 <= ratio[2]:
            how = "too low" if ratio[0] > 1 else "too high"
            yield f"Among {among}, {number(ratio, 2)} cases occurred per case predicted: the risks are {how}."
        if slope != NOT_EVALUATED and not slope[1] <= 1 <= slope[2]:
            how = "too extreme" if slope[0] < 1 else "too timid"
            yield f"Among {among}, the calibration slope is {number(slope, 2)}: the risks are {how}."
    figures = document["models"][CANDIDATE]
    for name, other in (("net_benefit", "no one"), ("net_benefit_over_all", "everyone")):
        gain = figures[name]
        if gain != NOT_EVALUATED and gain[1] <= 0:
            yield f"Acting on the flag is not shown to be better than acting on {other} ({number(gain)})."


def _others(document: Mapping[str, Any], titles: Mapping[str, str]) -> Iterator[str]:
    """Yield the simpler models that the candidate is not shown to outrank."""
    for name in (BASELINE, FLOOR):
        area = document["comparison"].get(f"{CANDIDATE}_vs_{name}", {}).get("auc", NOT_EVALUATED)
        if area == NOT_EVALUATED or area[1] > 0:
            continue
        found = "ranks patients better" if area[2] < 0 else "ranks patients as well, as far as can be told"
        other = titles[name][0].upper() + titles[name][1:]
        yield f"{other}, a simpler model, {found} (AUC difference {number(area)})."


def _groups(document: Mapping[str, Any], titles: GroupTitles) -> Iterator[str]:
    """Yield the groups that are served surely worse than asked for, and those that could not be judged."""
    every = [
        (titles[attribute][name], group)
        for attribute, table in document["groups"].items()
        for name, group in table.items()
    ]
    target = document["recall_target"]
    judged = [(title, group) for title, group in every if group["recall"] != NOT_EVALUATED]
    fewer = [f"{title}: {share(group['recall'])}" for title, group in judged if group["recall"][2] < target]
    if fewer:
        yield f"Found surely less often than the {percent(target)} asked for: {'; '.join(fewer)}."
    ratios = [(t, g["observed_to_expected"]) for t, g in every if g["observed_to_expected"] != NOT_EVALUATED]
    wrong = [f"{title}: {number(ratio, 2)}" for title, ratio in ratios if not ratio[1] <= 1 <= ratio[2]]
    if wrong:
        yield (
            f"Cases per case predicted surely not 1: {'; '.join(wrong)}. Of the {len(ratios)} groups looked "
            "at, one in twenty looks so by chance."
        )
    unjudged = [
        f"{title} ({group['n']} patients, {group['positives']} with the condition"
        + (f", {group['fn']} of them not flagged)" if group["fn"] else ")")
        for title, group in every
        if group["recall"] == NOT_EVALUATED
    ]
    if unjudged:
        yield f"Too few cases to judge: {', '.join(unjudged)}."
