"""A check's result: a verdict, the number behind it, the limit it was held against, and a plain sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckVerdict(StrEnum):
    """How a check can end. There is no fourth way: what could not be judged is said to be so."""

    OK = "OK"
    ALERT = "ALERT"
    NOT_EVALUATED = "NOT_EVALUATED"


class Check(StrEnum):
    """The four questions that monitoring asks about a batch."""

    QUALITY = "quality"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    BIAS = "bias"


@dataclass(frozen=True)
class CheckFinding:
    """What one check says about one batch; the detail is fit for a mail: counts and shares, no values."""

    check: Check
    verdict: CheckVerdict
    statistic: float | None
    """The number that the rule looked at, rounded for people; None when nothing was computed."""
    threshold: float
    """The limit that the rule named; its meaning is in the detail."""
    detail: str


def not_evaluated(check: Check, threshold: float, why: str) -> CheckFinding:
    """Return a finding that says why nothing could be judged.

    >>> not_evaluated(Check.DRIFT, 0.25, "The batch has 7 rows; 20 are needed.").verdict
    <CheckVerdict.NOT_EVALUATED: 'NOT_EVALUATED'>
    """
    return CheckFinding(check, CheckVerdict.NOT_EVALUATED, None, threshold, why)
