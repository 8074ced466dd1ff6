"""The registry of checks: per check, the function that makes its finding and the material it judges.

A new check is a module beside this one, a name in `findings.Check` and one line in CHECKS; `response` decides
what its alert asks for. Metrics and alarms carry the check's name, so they need no line of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import Check
from clinrisk.core.monitoring.performance import performance_finding
from clinrisk.core.monitoring.quality import quality_finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.core.monitoring.findings import CheckFinding, ProfileMaterial, ScoreMaterial
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class ProfileCheck:
    """A check of a batch's rows: it needs the reference profile and the profile of the batch."""

    finding: Callable[[UseCase, ProfileMaterial], CheckFinding]
    together: bool = False
    """Whether the batches that do not alert alone are judged as one as well."""


@dataclass(frozen=True)
class ScoreCheck:
    """A check of a batch's scores: it needs the approved evaluation and the batch's score profile."""

    finding: Callable[[UseCase, ScoreMaterial], CheckFinding]


CHECKS: dict[Check, ProfileCheck | ScoreCheck] = {
    Check.QUALITY: ProfileCheck(quality_finding),
    Check.DRIFT: ProfileCheck(drift_finding, together=True),
    Check.PERFORMANCE: ScoreCheck(performance_finding),
    Check.BIAS: ScoreCheck(bias_finding),
}
