"""The model card as one JSON document, which holds all that its page shows, and that page.

Edition 1 is made with the candidate and describes it; later editions add what happened since (`editions`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clinrisk.core.release.card.answers import CardAnswer, Source
from clinrisk.core.release.card.source_attributes import counted, source_attributes
from clinrisk.core.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Mapping

SECTIONS = (
    ("What it is", ("kind", "output", "model_type")),
    ("What it is for", ("intended_use", "workflow", "intended_users", "population", "role")),
    ("Where not to rely on it", ("cautions", "risks", "limits", "risk_level")),
    ("Training patients", ("training_setting", "criteria", "people", "variables", "relevance")),
    ("How well it works", ("validity", "external_validity", "local_validity", "outcomes")),
    ("Fairness", ("fairness", "fairness_approach", "bias_management", "external_fairness", "local_fairness")),
    ("Monitoring and updates", ("validity_monitoring", "fairness_monitoring", "update", "correction")),
    ("Who is responsible", ("developer", "contact", "funding", "stakeholders", "consent", "external_party")),
)

# What the parts of `since` are called on the page.
HAPPENED = {
    "release": "Release",
    "results": "Results observed here",
    "fairness": "Fairness observed here",
    "findings": "Open findings of monitoring",
}


def answered(card: Mapping[str, Any], answers: Mapping[str, CardAnswer]) -> dict[str, Any]:
    """Return a card with these answers, and with the source attributes and counts that follow from them."""
    attributes = source_attributes(answers)
    spelled = {name: {"text": one.text, "source": str(one.source)} for name, one in answers.items()}
    return {
        **card,
        "answers": spelled,
        "source_attributes": attributes,
        "counts": counted(answers, attributes),
    }


def answers_of(card: Mapping[str, Any]) -> dict[str, CardAnswer]:
    """Return the answers of a card."""
    return {name: CardAnswer(one["text"], Source(one["source"])) for name, one in card["answers"].items()}


def page(card: Mapping[str, Any]) -> str:
    """Return the card as HTML that needs no network and no script: the same document, the same bytes."""
    template = _templates().get_template("model-card.html.j2")
    return template.render(
        card=card, sections=SECTIONS, happened=HAPPENED, hospital=Source.HOSPITAL, later=Source.LATER
    )


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("clinrisk.core.release", "card"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = day
    return environment
