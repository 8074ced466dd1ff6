"""The model card as files: model-card.html, model-card.xml (CHAI), model-card.json (HTI-1, and all of it)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.core.release.card import card_document
from clinrisk.jobs.report.applied_model_card import applied_model_card
from clinrisk.jobs.report.card_answers import answers_of
from clinrisk.jobs.report.provenance_text import public_sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import UseCase


def card_files(
    document: Mapping[str, Any], manifest: Mapping[str, Any], use_case: UseCase
) -> dict[str, bytes]:
    """Return the files of the card's first edition by name: same evaluation, same bytes."""
    answers = answers_of(document, manifest, use_case)
    references = [source.reference for source in public_sources(manifest, use_case)]
    references += use_case.facts.references
    facts = {
        "edition": 1,
        "use_case": use_case.name,
        "title": use_case.title,
        "description": use_case.description,
        "run_id": document["run_id"],
        "blocked": bool(document["unmet"]),
        "references": references,
        "since": {},
    }
    card = card_document.answered(facts, answers)
    text = json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True)
    return {
        "model-card.html": card_document.page(card).encode(),
        "model-card.xml": applied_model_card(document, answers, use_case, references),
        "model-card.json": text.encode() + b"\n",
    }
