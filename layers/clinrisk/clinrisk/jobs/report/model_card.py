"""The model card as files: model-card.html, model-card.xml (CHAI), model-card.json (HTI-1)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.jobs.report.applied_model_card import applied_model_card
from clinrisk.jobs.report.card_answers import Source, answers_of
from clinrisk.jobs.report.provenance_text import public_sources
from clinrisk.jobs.report.report_page import filled
from clinrisk.jobs.report.source_attributes import counted, source_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import UseCase

SECTIONS = (
    ("What it is", ("kind", "output", "model_type")),
    ("What it is for", ("intended_use", "workflow", "intended_users", "population", "role")),
    ("Where not to rely on it", ("cautions", "risks", "limits", "risk_level")),
    ("Training patients", ("training_setting", "criteria", "people", "variables", "relevance")),
    ("How well it works", ("validity", "external_validity", "local_validity", "outcomes")),
    ("Fairness", ("fairness", "fairness_approach", "bias_management", "external_fairness")),
    ("Monitoring and updates", ("validity_monitoring", "fairness_monitoring", "update", "correction")),
    ("Who is responsible", ("developer", "contact", "funding", "stakeholders", "consent", "external_party")),
)


def card_files(
    document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase
) -> dict[str, bytes]:
    """Return the card's files by name: same evaluation, same bytes."""
    answers = answers_of(document, manifest, use_case)
    references = [source.reference for source in public_sources(manifest, use_case)]
    references += use_case.facts.references
    attributes = source_attributes(answers)
    counts = counted(answers, attributes)
    facts = {"use_case": use_case.name, "run_id": document["run_id"], "counts": counts}
    listed = facts | {"source_attributes": attributes}
    text = json.dumps(listed, indent=1, ensure_ascii=False, sort_keys=True)
    page = filled(
        "model-card.html.j2",
        document=document,
        use_case=use_case,
        answers=answers,
        attributes=attributes,
        counts=counts,
        sections=SECTIONS,
        references=references,
        hospital=Source.HOSPITAL,
        later=Source.LATER,
    )
    return {
        "model-card.html": page.encode(),
        "model-card.xml": applied_model_card(document, answers, use_case, references),
        "model-card.json": text.encode() + b"\n",
    }
