"""Drift: whether the patients of a batch come from another population than the training patients.

Columns, groups, correlations, missing values and risks are watched together: each has a size that people
understand, and alerts where the low end of its interval passes the smallest change that matters
(docs/decisions/0038). The intervals hold for all of them at once. Standard library and numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.changes import ChangeKind
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.monitoring.input_changes import column_changes, group_changes, pair_changes
from clinrisk.core.monitoring.risk_changes import flagged_at_approval, risk_changes
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.monitoring.changes import Change
    from clinrisk.core.monitoring.findings import ProfileMaterial
    from clinrisk.use_cases.base import UseCase

LIMIT = 1.0
"""Of the statistic: what is sure of the largest change, in smallest changes that matter."""
FOR_PAIRS = 0.25
"""The share of the error that correlations and what is missing together have among them."""
_SHOWN = 5


def changes(use_case: UseCase, material: ProfileMaterial) -> list[Change]:
    """Return every watched change, the surest first.

    The error is divided evenly (Bonferroni) among columns, shifts, groups and risks; pairs of inputs have a
    part of their own. A later batch has less of it than the first one.
    """
    error = 1 - material.sequential.confidence(1 - LIMITS.drift_significance, material.current.rows)
    reference, current = material.reference, material.current
    numbers = sum(isinstance(column, Number) for column in use_case.columns)
    groups = len(use_case.protected) + sum(len(one.group_names) for one in use_case.protected)
    # Risks in fifths, their mean, and the shares flagged, uncertain and not scored.
    watched = len(use_case.columns) + numbers + groups + 5
    each = error * (1 - FOR_PAIRS) / watched
    found = [
        *column_changes(use_case, reference, current, each, material.rng),
        *group_changes(use_case, reference, current, each, material.rng),
        *pair_changes(use_case, reference, current, error * FOR_PAIRS),
    ]
    if material.scores is not None:
        found += risk_changes(use_case, material.evaluation, material.scores, each, material.rng)
    return sorted(found, key=lambda change: -change.proven)


def drift_finding(use_case: UseCase, material: ProfileMaterial) -> CheckFinding:
    """Return whether a batch drifted; the statistic is what is sure of the largest change, the limit 1."""
    reference, current = material.reference, material.current
    contracts = {(one.use_case, one.schema_version) for one in (reference, current)}
    if contracts != {(use_case.name, use_case.schema_version)}:
        why = "Drift was not evaluated: training patients and batch were read under other contracts."
        return not_evaluated(Check.DRIFT, LIMIT, why)
    fewest = min(reference.rows, current.rows)
    if fewest < LIMITS.drift_rows:
        side = "batch" if current.rows <= reference.rows else "training set"
        why = f"Drift was not evaluated: the {side} has {fewest} rows, and {LIMITS.drift_rows} are needed."
        if fewest:
            why += f" So few would have shown {visible(changes(use_case, material))} at the least."
        return not_evaluated(Check.DRIFT, LIMIT, why)
    found = changes(use_case, material)
    drifted = [change for change in found if change.proven > LIMIT]
    detail = _drifted(drifted, material) if drifted else _in_order(found, current.rows)
    if material.scores is not None:
        detail = " ".join((detail, *material.scores.notes))
    verdict = CheckVerdict.ALERT if drifted else CheckVerdict.OK
    return CheckFinding(Check.DRIFT, verdict, round(found[0].proven, 4), LIMIT, detail)


def _drifted(drifted: Sequence[Change], material: ProfileMaterial) -> str:
    """Return what changed, the surest first, and what it does to the flags."""
    surest: dict[str, str] = {}
    for change in drifted:
        surest.setdefault(change.subject, change.sentence)
    named = list(surest.values())[:_SHOWN]
    if len(surest) > _SHOWN:
        named.append(f"and {len(surest) - _SHOWN} more")
    text = f"{material.current.rows} rows differ from the training patients: {'; '.join(named)}."
    flagged, evaluated = flagged_at_approval(material.evaluation)
    everyone = None if material.scores is None else material.scores.everyone
    if everyone is None or not everyone.n or not evaluated:
        return text
    return (
        f"{text} The model flags {everyone.flagged / everyone.n:.0%} of them, against "
        f"{flagged / evaluated:.0%} in its evaluation."
    )


def _in_order(found: Sequence[Change], rows: int) -> str:
    """Return that nothing changed, and what so many rows would have shown."""
    return (
        f"No change that matters is sure in {len(found)} figures of {rows} rows. In four of five cases they "
        f"would have shown {visible(found)}."
    )


def visible(found: Sequence[Change]) -> str:
    """Return in words the changes that these rows can show, from the best to the least known figure."""

    def sizes(kind: ChangeKind) -> list[float]:
        return sorted(change.visible for change in found if change.kind is kind)

    shares, shifts = sizes(ChangeKind.SHARE), sizes(ChangeKind.SHIFT)
    text = f"{shares[0]:.0%} to {shares[-1]:.0%} of the patients in other classes"
    if shifts:
        text += f", and means that are {shifts[0]:.2f} to {shifts[-1]:.2f} standard deviations apart"
    return text
