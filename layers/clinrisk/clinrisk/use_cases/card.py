"""What a model card says about a use case that no training run can find out.

An empty text is a question for the hospital: the card marks it and counts it. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFacts:
    """Purpose, users, limits and origin of a use case, each as whole sentences; "" is for the hospital."""

    intended_use: str = ""
    intended_users: str = ""
    population: str = ""
    workflow: str = ""
    """What happens with the result, step by step."""
    role: str = ""
    """Whether the risk informs, augments or replaces a decision."""
    cautions: str = ""
    """Tasks, situations and patients it is not for."""
    risks: str = ""
    """Known risks and limits beyond what the figures show."""
    training_setting: str = ""
    """Where and how the patients of the public training data came about."""
    references: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    developer: str = ""
    contact: str = ""
    funding: str = ""
    risk_level: str = ""
    """The clinical risk level, as the hospital's own governance rates it."""
    relevance: str = ""
    """Why patients like those of the training data are those of the place where it is used."""
    stakeholders: str = ""
    consent: str = ""
