"""What monitoring reads: the profiles of recent batches, the reference, and the approved evaluation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.aws import s3
from clinrisk.core.monitoring.findings import Check, not_evaluated
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile, merge
from clinrisk.messages import CheckResult, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator

    from clinrisk.core.monitoring import findings
    from clinrisk.messages import Batch

NO_BATCH = "none"
TOGETHER = "all recent batches together"


def profile(uri: str) -> Profile:
    """Read a batch's profile, or the reference."""
    return Profile.from_dict(_json(uri))


def evaluation(uri: str) -> dict[str, Any]:
    """Read the evaluation that the live model was approved on."""
    document: dict[str, Any] = _json(uri)
    return document


def score_profile(uri: str | None) -> ScoreProfile | None:
    """Read a score profile, where there is one yet."""
    return None if uri is None else ScoreProfile.from_dict(_json(uri))


def seeded(batch: str) -> Generator:
    """Return the random numbers of one batch: its name is the seed, so a repeated check says the same."""
    return np.random.default_rng(list(batch.encode()))


def scored(batches: Iterable[Batch]) -> list[tuple[str, ScoreProfile | None]]:
    """Read each batch's score profile, the labelled one where outcomes have been joined.

    Where more than one batch has outcomes, all of those together are one more: many small batches can be
    judged together long before any of them can alone.
    """
    read = [(batch.key, score_profile(batch.joined or batch.score_profile)) for batch in batches]
    labelled = [scores for _, scores in read if scores is not None and scores.everyone.outcomes]
    return [*read, (TOGETHER, merge(labelled))] if len(labelled) > 1 else read


def checked(check: Check, judged: Iterable[tuple[str, findings.CheckFinding]]) -> CheckResult:
    """Return the findings of a check, each with its batch; without any batch, say so rather than nothing."""
    found = [_message(batch, finding) for batch, finding in judged]
    if not found:
        known = "the live model has scored no batch of the present contract yet"
        why = f"The {check} check had nothing to judge: {known}."
        found = [_message(NO_BATCH, not_evaluated(check, 0.0, why))]
    return CheckResult(check=check.value, findings=tuple(found))


def _message(batch: str, found: findings.CheckFinding) -> Finding:
    return Finding(
        check=found.check.value,
        batch=batch,
        verdict=found.verdict.value,
        statistic=found.statistic,
        threshold=found.threshold,
        detail=found.detail,
    )


def _json(uri: str) -> Any:
    return json.loads(s3.fetch_current(uri))
