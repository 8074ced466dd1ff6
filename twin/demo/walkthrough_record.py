"""What the demo of one use case leaves for its summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class WalkthroughRecord:
    """What happened to one use case; `out/demo.json` is made of this."""

    uploads: list[dict[str, Any]] = field(default_factory=list)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    verdict: str = "NOT_REACHED"
    decision: str = "NOT_REACHED"
    live_version: int | None = None
    scored_rows: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    artefacts: dict[str, str] = field(default_factory=dict)
    source: str = ""
    rejected_after: float | None = None
    """Seconds from the drop of the wrong-header file to its receipt."""
    unexpected: list[str] = field(default_factory=list)
    """What did not end as expected, in words."""
