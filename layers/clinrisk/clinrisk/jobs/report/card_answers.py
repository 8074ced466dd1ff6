"""Every answer of the model card once, in words, with who gave it.

Made from evaluation.json, the manifest and the use case, so it can hold no patient. What only the hospital
can answer is marked as a question to it, never filled with something plausible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.figure_text import number, percent, share
from clinrisk.core.release.card.answers import CardAnswer, Source
from clinrisk.core.training.promotion import BASELINE, CANDIDATE, FLOOR
from clinrisk.jobs.report import provenance_text
from clinrisk.jobs.report.cautions import cautions, doubted
from clinrisk.jobs.report.report_page import FIGURES, group_titles, model_titles, tuned_settings
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import UseCase


# What nobody but the hospital can know, as a question to it.
QUESTIONS = {
    "developer": "Who is responsible for this model here?",
    "contact": "Whom can a reader of this card write to?",
    "funding": "Who paid for building it and for putting it into use?",
    "risk_level": "How does the hospital's own governance rate the clinical risk?",
    "relevance": "Why are patients like those of the training data your patients?",
    "stakeholders": "Which patients, clinicians and staff were asked about it?",
    "consent": "How do patients learn that it is used, and do they consent?",
    "intended_use": "What is it for?",
    "intended_users": "Who may use it?",
    "population": "For which patients?",
    "workflow": "What happens with its result?",
    "role": "Does it inform, augment or replace a decision?",
    "cautions": "Where must it not be used?",
    "risks": "Which risks are known?",
    "training_setting": "Where do the training patients come from?",
    "external_party": "Who has tested it on patients of another hospital?",
}
NOT_MEASURED = "Not measured: the patients of this run all come from the same source as the training data."
NO_BATCH = "Not yet: this card was written before the model went live. Monitoring records its findings later."


def answers_of(
    document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase
) -> dict[str, CardAnswer]:
    """Return every answer by name, those that only the hospital can give among them."""
    stated = vars(use_case.facts)
    found = {
        name: CardAnswer(str(stated[name]), Source.USE_CASE)
        if stated.get(name)
        else CardAnswer(question, Source.HOSPITAL)
        for name, question in QUESTIONS.items()
    }
    found |= {
        name: CardAnswer(text, Source.RUN) for name, text in _computed(document, manifest, use_case).items()
    }
    found |= {
        name: CardAnswer(NOT_MEASURED, Source.LATER)
        for name in (
            "external_source",
            "external_people",
            "external_process",
            "external_validity",
            "external_fairness",
        )
    }
    local = {name: CardAnswer(NO_BATCH, Source.LATER) for name in ("local_validity", "local_fairness")}
    found["training_setting"] = _origin(found["training_setting"], manifest, use_case)
    outcomes = CardAnswer("No study of patient outcomes under this model is known.", Source.LATER)
    return found | local | {"outcomes": outcomes}


def _origin(given: CardAnswer, manifest: Mapping[str, Any], use_case: UseCase) -> CardAnswer:
    """Return where the training patients come from: as the hospital states it, else as the files do."""
    sentences = provenance_text.stated(manifest, use_case)
    if given.source is Source.USE_CASE:
        return CardAnswer(" ".join([given.text, *sentences]), Source.USE_CASE)
    if unknown := provenance_text.undescribed(manifest):
        sentences.append(
            f"{unknown} of {len(manifest['sources'])} files: {given.text[0].lower()}{given.text[1:]}"
        )
        return CardAnswer(" ".join(sentences), Source.HOSPITAL)
    return CardAnswer(" ".join(sentences), Source.RUN) if sentences else given


def _computed(document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase) -> dict[str, str]:
    """Return what follows from the run and the use case, by name."""
    bands = ", ".join(band.name for band in use_case.bands)
    every = use_case.schedule.removeprefix("rate(").removesuffix(")").replace("1 ", "")
    return {
        "output": (
            f"A risk between 0 and 1 of {use_case.label.title}; its band ({bands}, or uncertain for a "
            "patient unlike the training patients) and the interval of refitted models; no risk, and the "
            "band not scored, for a patient of whom too little was measured; what was not "
            "measured; a flag from a risk of "
            f"{percent(document['threshold'])}, chosen to find "
            f"{percent(document['recall_target'])} of the cases because "
            f"{use_case.action.reason}; and the three columns that moved the risk most, with their direction."
        ),
        "kind": "Prediction: a probability, and a flag at a stated threshold.",
        "model_type": _model_type(document),
        "variables": _variables(use_case),
        "criteria": _criteria(use_case, document, manifest),
        "people": _people(document, manifest, use_case),
        "fairness_approach": _fairness_approach(document, use_case),
        "bias_management": (
            "No class weights and no oversampling, which would distort the risks. Copies of the "
            "patients with inputs blanked at random, which weigh no more than the patients, teach the model "
            "what the other inputs say alone. Gaps between groups are measured with intervals, shown to the "
            "approver, and become the "
            "baseline of monitoring. Parity is shown and does not block a release, since the condition is "
            "not equally common in all groups."
        ),
        "validity": _validity(document),
        "fairness": _fairness(document, use_case),
        "validity_monitoring": (
            f"Every {every}: input quality, drift against the training data, and, once outcomes are known, "
            "AUC and cases observed per case expected, with intervals. A check that does not run raises an "
            "alarm."
        ),
        "fairness_monitoring": (
            f"Every {every}: each attribute's gap between groups against the gap at approval, with intervals "
            "and minimum counts."
        ),
        "update": (
            f"When at least {use_case.min_training_rows} labelled rows are there and new ones arrive, a "
            "candidate is trained and compared with the promotion bar. Nothing goes live without a recorded "
            "human decision."
        ),
        "correction": ("An alert opens an investigation or proposes retraining at the next monitoring run."),
        "limits": _limits(document, use_case),
    }


def _model_type(document: Mapping[str, Any]) -> str:
    search, correction = document["search"], document["recalibration"]
    text = "Gradient boosted decision trees (XGBoost, binary logistic loss)"
    if search["tried"]:
        best = search["tried"][search["chosen"]]
        text += f", {best['num_round']} trees of depth {best['max_depth']}, chosen by nested cross-validation"
    if "tuning" in search:
        tuning = search["tuning"]
        text += (
            f" with {tuned_settings(tuning)}, chosen by a tuning job from {tuning['trials']} trials on "
            f"{tuning['patients']} of the training patients, whom the out-of-fold figures "
            "include"
        )
    kept = "with" if correction["kept"] else "without"
    return f"{text}, {kept} logistic recalibration of the risks."


def _variables(use_case: UseCase) -> str:
    """Return what goes in, and which of it is also a protected attribute."""
    inputs = ", ".join(column.title for column in use_case.columns)
    protected = [a.title for a in use_case.protected if a.column in {c.name for c in use_case.columns}]
    return f"Inputs: {inputs}. Of these, patients are also compared by {', '.join(protected)}."


def _criteria(use_case: UseCase, document: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """Return which rows are training rows: what validation accepts."""
    ranges = ", ".join(
        f"{column.title} {column.low:g} to {column.high:g} {column.unit}".strip()
        for column in use_case.columns
        if isinstance(column, Number)
    )
    return (
        f"Included: every labelled row with a known code in each coded column and {ranges}, or the value "
        f"missing{_essential(use_case)}. {document['counts']['rows_quarantined']} rows of the same uploads "
        f"were quarantined. They are from {provenance_text.arrival(manifest)} "
        f"{percent(manifest['split']['holdout_share'])} of the patients, by a hash of the record id, were "
        "held out."
    )


def _essential(use_case: UseCase) -> str:
    """Return which values a training row may not lack."""
    titles = [column.title for column in use_case.columns if column.essential]
    return f" (but not {', '.join(titles)})" if titles else ""


def _people(document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase) -> str:
    """Count the training patients by group."""
    counts = document["counts"]["training"]
    parts = [f"{counts['rows']} patients, {counts['positives']} with the condition."]
    groups = manifest["parts"]["training"]["groups"]
    for attribute in use_case.protected:
        titles, of = group_titles(use_case)[attribute.name], groups[attribute.name]
        by = ", ".join(f"{title} ({of[name]})" for name, title in titles.items() if name in of)
        parts.append(f"By {attribute.title}: {by}.")
    return " ".join(parts)


def _fairness_approach(document: Mapping[str, Any], use_case: UseCase) -> str:
    bar, unproven = use_case.bar, len(document["unproven"])
    low, high = bar.group_observed_to_expected
    return (
        "A candidate is blocked when a group is harmed: ranked or found worse than under the live or the "
        f"first released model, cases observed per case expected outside {low:g} to {high:g}, or expected "
        f"cases moved by a factor of more than {bar.expected_cases_factor:g}. A group too small to show that "
        f"it is not harmed has to be accepted by name before a release: {unproven} in this run."
    )


def _validity(document: Mapping[str, Any]) -> str:
    """Return the figures of the candidate, out of fold and held out, and of what it is compared with."""
    parts = []
    for part, title in (("models", "Out of fold"), ("holdout", "Hold-out patients")):
        figures = document[part][CANDIDATE]
        spelled = "; ".join(
            f"{word} {share(figures[name]) if kind == 'share' else number(figures[name])}"
            for name, word, _, kind in FIGURES
        )
        parts.append(f"{title}: {spelled}.")
    others = ((BASELINE, "logistic regression"), (FLOOR, f"{document['floor_feature']} alone"))
    compared = ", ".join(f"{title} {number(document['models'][name]['auc'])}" for name, title in others)
    return " ".join(parts) + f" AUC of {compared}. Intervals are 95%."


def _fairness(document: Mapping[str, Any], use_case: UseCase) -> str:
    """Return the gaps between groups at the threshold."""
    parts = []
    for attribute in use_case.protected:
        gaps = document["gaps"][attribute.name]
        parts.append(
            f"By {attribute.title}: equal opportunity difference "
            f"{number(gaps['equal_opportunity_difference'])}, equalized odds difference "
            f"{number(gaps['equalized_odds_difference'])}, difference in the share flagged "
            f"{number(gaps['selection_rate'])}."
        )
    return " ".join(parts)


def _limits(document: Mapping[str, Any], use_case: UseCase) -> str:
    """Return what this run found to be careful about."""
    found = cautions(document, model_titles(use_case), group_titles(use_case))
    nothing = "This run found no figure to be careful about and no group too small to judge."
    return f"{' '.join(found) or nothing} {doubted(document)}"
