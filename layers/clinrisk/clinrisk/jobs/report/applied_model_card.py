"""The model card as CHAI's Applied Model Card v0.2 in XML, valid against docs/chai's schema.

Copyright of the schema: 2024 Coalition for Health AI, Inc.; its permission notice is in docs/chai/LICENSE.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from clinrisk.core.release.card.answers import Source
from clinrisk.core.training.promotion import CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.release.card.answers import CardAnswer
    from clinrisk.use_cases.base import UseCase

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
USEFUL = (
    "recall", "precision", "specificity", "npv", "f1", "net_benefit", "net_benefit_over_all",
    "selection_rate",
)  # fmt: skip
SAFE = (
    "auc", "average_precision", "brier", "log_loss", "calibration_slope", "calibration_intercept",
    "observed_to_expected",
)  # fmt: skip
FAIR = (
    "equal_opportunity_difference", "equalized_odds_difference", "selection_rate", "selection_rate_ratio",
    "false_positive_rate", "precision",
)  # fmt: skip


def applied_model_card(
    document: Mapping[str, Any],
    answers: Mapping[str, CardAnswer],
    use_case: UseCase,
    references: Sequence[str],
) -> bytes:
    """Return the XML document; a field that only the hospital can fill is marked as its question."""

    def answer(*names: str) -> str:
        return " ".join(_marked(answers[name]) for name in names)

    facts = use_case.facts
    tree: dict[str, Any] = {
        "BasicInfo": {
            "ModelName": f"{use_case.title} ({use_case.name})",
            "ModelDeveloper": answer("developer"),
            "DeveloperContact": answer("contact"),
        },
        "ReleaseInfo": {
            "ReleaseStage": "Candidate: blocked" if document["unmet"] else "Candidate: waits for a decision",
            "ReleaseDate": "Not released: this card describes a candidate; the ledger holds the release.",
            "ReleaseVersion": document["run_id"],
            "GlobalAvailability": "Only where the hospital has approved it.",
        },
        "ModelSummary": {
            "Summary": f"{use_case.description} {answer('model_type', 'output')}",
            "Keywords": {"Keyword": list(facts.keywords)},
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": answer("intended_use", "workflow"),
            "PrimaryIntendedUsers": answer("intended_users"),
            "HowToUse": answer("role", "workflow"),
            "TargetedPatientPopulation": answer("population"),
            "CautionedOutOfScopeSettings": answer("cautions"),
        },
        "Warnings": {
            "KnownRisksAndLimitations": answer("risks", "limits"),
            "KnownBiasesOrEthicalConsiderations": answer("fairness"),
            "ClinicalRiskLevel": answer("risk_level"),
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": answer("output"),
                "ModelType": answer("model_type"),
                "FoundationModels": "None.",
                "InputDataSource": answer("training_setting"),
                "OutputAndInputDataTypes": answer("variables"),
                "DevelopmentDataCharacterization": answer("criteria", "people"),
                "BiasMitigationApproaches": answer("fairness_approach", "bias_management"),
                "OngoingMaintenance": answer("validity_monitoring", "fairness_monitoring", "update"),
                "Security": "Runs inside the hospital's own account: no network in the container, encryption "
                "with the hospital's key, pseudonyms instead of patient ids.",
                "Transparency": "Every digest of code, data, model and report is recorded with the decision.",
            },
            "TransparencyInformation": {
                "FundingSource": answer("funding"),
                "StakeholdersConsulted": answer("stakeholders"),
            },
        },
        "KeyMetrics": _key_metrics(document, use_case, answers),
        "Resources": {
            "EvaluationReferences": f"evaluation.json and report.html of run {document['run_id']}.",
            "PeerReviewedPublications": "None about this model.",
            "PatientConsentOrDisclosure": answer("consent"),
        },
        "Bibliography": " ".join(references) or "None.",
    }
    ET.register_namespace("", NAMESPACE)
    root = ET.Element(f"{{{NAMESPACE}}}AppliedModelCard")
    _fill(root, tree)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _marked(given: CardAnswer) -> str:
    """Mark what the hospital has to answer."""
    mark = f"[{given.source}] " if given.source is Source.HOSPITAL else ""
    return mark + given.text


def _key_metrics(
    document: Mapping[str, Any], use_case: UseCase, answers: Mapping[str, CardAnswer]
) -> dict[str, Any]:
    """Return the three families of figures, each estimate with its interval as JSON."""
    figures, bar = document["models"][CANDIDATE], use_case.bar
    tested = f"{document['counts']['training']['rows']} patients of the training data, out of fold."
    folds = (
        f"{document['method']['folds']}-fold cross-validation, repeated {document['method']['repeats']} "
        "times; settings chosen inside the folds."
    )

    def family(goal: str, results: dict[str, Any], meaning: str) -> dict[str, Any]:
        return {
            "MetricGoal": goal,
            "Results": {"MetricResult": [_result(label, value) for label, value in results.items()]},
            "Interpretation": meaning,
            "TestType": "Internal validation",
            "TestingDataDescription": tested,
            "ValidationProcessAndJustification": folds,
        }

    gaps = {
        f"{attribute}: {name}": found[name] for attribute, found in document["gaps"].items() for name in FAIR
    }
    goal = f"Find {use_case.action.recall:.0%} of the cases, because {use_case.action.reason}."
    limits = (
        f"AUC of at least {bar.lowest_auc:g}; Brier score of at most {bar.highest_brier:g}; calibrated risks."
    )
    return {
        "UsefulnessUsabilityEfficacy": family(
            goal, {name: figures[name] for name in USEFUL}, "What acting on the flag at its threshold means."
        ),
        "FairnessEquity": family(answers["fairness_approach"].text, gaps, answers["bias_management"].text),
        "SafetyReliability": family(
            limits,
            {name: figures[name] for name in SAFE},
            "How well patients are ranked, and how accurate the risks are.",
        ),
    }


def _result(label: str, value: Any) -> dict[str, str]:
    """Return one figure: [estimate, low, high], or the word NOT_EVALUATED."""
    return {"Label": label, "ValueJson": json.dumps(value)}


def _fill(parent: ET.Element, content: Mapping[str, Any]) -> None:
    """Write nested content as elements, in order; a list repeats its element."""
    for name, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            child = ET.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(one, str):
                child.text = one
            else:
                _fill(child, one)
