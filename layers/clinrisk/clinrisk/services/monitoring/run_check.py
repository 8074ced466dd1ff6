"""Run Check: what one check of the registry finds in each recent batch of the live model."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.core.monitoring.checks import CHECKS, ProfileCheck
from clinrisk.core.monitoring.findings import (
    TOGETHER,
    Check,
    CheckFinding,
    CheckVerdict,
    ProfileMaterial,
    ScoreMaterial,
    not_evaluated,
)
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles import feature_profile, score_profile
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.messages.monitoring import CheckRequest, CheckResult, Finding
from clinrisk.services.monitoring import scored_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from clinrisk.messages.monitoring import Batch, BatchSelection
    from clinrisk.use_cases.base import UseCase

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
        yield from _of_rows(check, registered, use_case, selection)
    else:
        evaluation = _read(selection.evaluation_uri)
        for name, scored in scored_batches.read(selection):
            if scored is None:
                yield name, _unreadable(check)
            else:
                judged = ScoreMaterial(
                    evaluation,
                    scored.scores,
                    _seeded(name),
                    scored.outcomes,
                    scored.labelled,
                    scored.predicted,
                    scored.sequential,
                )
                yield name, registered.finding(use_case, judged)


def _of_rows(
    check: Check, registered: ProfileCheck, use_case: UseCase, selection: BatchSelection
) -> Iterator[tuple[str, CheckFinding]]:
    """Yield the finding of each batch, and of all together that do not alert alone, where the check asks it.

    What is too small or too slow for one batch shows in many.
    """
    reference, evaluation = Profile.from_dict(_read(selection.reference_uri)), _read(selection.evaluation_uri)
    calm: list[ProfileMaterial] = []
    for batch in selection.batches:
        try:
            material: ProfileMaterial | None = material_of(batch, reference, evaluation)
        except scored_batches.UNREADABLE:
            material = None
        if material is None or material.current.schema_version != use_case.schema_version:
            yield batch.key, _unreadable(check)
            continue
        found = registered.finding(use_case, material)
        if found.verdict is not CheckVerdict.ALERT:
            calm.append(material)
        yield batch.key, found
    if registered.together and len(calm) > 1:
        yield TOGETHER, registered.finding(use_case, _merged(calm))


def material_of(batch: Batch, reference: Profile, evaluation: Any) -> ProfileMaterial:
    """Return what is stored of a batch's rows; raises one of UNREADABLE where that has another form."""
    return ProfileMaterial(
        reference,
        Profile.from_dict(_read(batch.profile)),
        batch.rows_quarantined,
        _seeded(batch.upload_id),
        evaluation,
        None if batch.score_profile is None else scored_batches.unseen_scores(_read(batch.score_profile)),
        Sequential(batch.number),
    )


def _merged(parts: list[ProfileMaterial]) -> ProfileMaterial:
    """Return the material of several batches as if they were one; risks where every batch has some."""
    scores = [part.scores for part in parts if part.scores is not None]
    return replace(
        parts[0],
        current=feature_profile.merge([part.current for part in parts]),
        quarantined=sum(part.quarantined for part in parts),
        rng=_seeded(TOGETHER),
        scores=score_profile.merge(scores) if len(scores) == len(parts) else None,
        sequential=Sequential(),
    )


def _unreadable(check: Check) -> CheckFinding:
    why = "was not evaluated: the stored counts of this batch are of a form that this version cannot read."
    return not_evaluated(check, 0.0, f"{check.capitalize()} {why}")


def _seeded(name: str) -> Generator:
    """Return the random numbers of one batch: its name is the seed, so a repeated check finds the same."""
    return np.random.default_rng(list(name.encode()))


def _read(uri: str) -> Any:
    return json.loads(s3.fetch_current(uri))
