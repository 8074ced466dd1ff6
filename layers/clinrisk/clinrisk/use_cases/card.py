"""The texts of a model card about a use case that no training run can find out.

The hospital fills in an empty text: the card marks and counts those. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublicSource:
    """A public data set: its text stands in a report only where a file holds exactly these rows."""

    rows: int
    rows_sha256: str
    """As `jobs.training.public_rows` computes it from features and outcomes, in any order of rows."""
    text: str
    reference: str


@dataclass(frozen=True)
class ModelFacts:
    """Purpose, users, limits and origin of a use case, in full sentences; "" where the hospital decides."""

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
    """Where and how the hospital's own training patients came about; else the files are asked."""
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
