"""Run Check: what one check of the registry finds in each recent batch of the live model."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.core.monitoring.checks import CHECKS, ProfileCheck
from clinrisk.core.monitoring.findings import (
    TOGETHER,
    Check,
    CheckFinding,
    ProfileMaterial,
    ScoreMaterial,
    not_evaluated,
)
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile, merge
from clinrisk.messages.monitoring import CheckRequest, CheckResult, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.random import Generator

    from clinrisk.messages.monitoring import Batch

NO_BATCH = "none"


def run(request: CheckRequest) -> CheckResult:
    """Return the finding of one check for each batch; without any batch, one that states so."""
    check = Check(request.check)
    found = list(_findings(check, request))
    if not found:
        known = "the live model has scored no batch of the present contract yet"
        why = f"The {check} check had nothing to judge: {known}."
        found = [(NO_BATCH, not_evaluated(check, 0.0, why))]
    findings = (Finding.model_validate({"batch": batch} | vars(finding)) for batch, finding in found)
    return CheckResult(check=request.check, findings=tuple(findings))


def _findings(check: Check, request: CheckRequest) -> Iterator[tuple[str, CheckFinding]]:
    selection, registered = request.selection, CHECKS[check]
    use_case = use_cases.get(selection.use_case)
    if isinstance(registered, ProfileCheck):
        reference = Profile.from_dict(_read(selection.reference_uri))
        for batch in selection.batches:
            current = Profile.from_dict(_read(batch.profile))
            material = ProfileMaterial(reference, current, batch.rows_quarantined, _seeded(batch.upload_id))
            yield batch.key, registered.finding(use_case, material)
    else:
        evaluation = _read(selection.evaluation_uri)
        for name, scores, outcomes in _scored(selection.batches):
            judged = ScoreMaterial(evaluation, scores, _seeded(name), outcomes)
            yield name, registered.finding(use_case, judged)


def _scored(batches: Iterable[Batch]) -> list[tuple[str, ScoreProfile | None, Counter[str]]]:
    """Read each batch's score profile, the labelled one where outcomes are joined, and its outcomes' counts.

    Where more than one batch has outcomes, all of those together are one more: many small batches can be
    judged together long before any of them can alone.
    """
    found = []
    for batch in batches:
        known = {"scores": None, "outcomes": {}} if batch.joined is None else _read(batch.joined)
        scores = known["scores"]
        if scores is None and batch.score_profile is not None:
            scores = _read(batch.score_profile)
        profile = None if scores is None else ScoreProfile.from_dict(scores)
        found.append((batch.key, profile, Counter(known["outcomes"])))
    labelled = [scores for _, scores, _ in found if scores is not None and scores.everyone.outcomes]
    if len(labelled) > 1:
        found.append((TOGETHER, merge(labelled), sum((counts for _, _, counts in found), Counter())))
    return found


def _seeded(name: str) -> Generator:
    """Return the random numbers of one batch: its name is the seed, so a repeated check finds the same."""
    return np.random.default_rng(list(name.encode()))


def _read(uri: str) -> Any:
    return json.loads(s3.fetch_current(uri))
