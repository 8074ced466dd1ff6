"""An answer of the model card: its words, and who gave it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Who gave an answer."""

    RUN = "computed by this run"
    USE_CASE = "stated by the use case"
    HOSPITAL = "to be answered by the hospital"
    LATER = "not available yet"
    MONITORING = "observed by monitoring"


@dataclass(frozen=True)
class CardAnswer:
    """One answer and who gave it."""

    text: str
    source: Source
