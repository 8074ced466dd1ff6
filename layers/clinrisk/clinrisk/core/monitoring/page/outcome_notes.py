"""What the page states about outcomes that are known and in no figure, and where none counts yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.performance import not_counted
from clinrisk.core.scoring.outcome_status import OutcomeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.core.monitoring.page.page_facts import PageFacts


def outcome_notes(facts: PageFacts) -> Iterator[str]:
    """Yield the sentences under the figures: what they leave out, what is too little, how sure they are."""
    if left := not_counted(facts.outcomes):
        yield left.strip()
    if facts.acted_on:
        accepted = (
            f"{facts.acted_on:,}" if facts.acted_on >= LIMITS.bias_rows else f"fewer than {LIMITS.bias_rows}"
        )
        yield (
            f"Clinicians accepted the flag of {accepted} of the {facts.since_release.rows:,} patients: "
            "what was done then may have changed their outcome, and can make right flags look wrong."
        )
    few = [one.title for one in facts.months if one.rows and not one.area and not one.selective]
    if few:
        yield (
            f"An AUC needs {LIMITS.performance_patients} patients with the condition and as many without it: "
            f"{', '.join(few)} have fewer."
        )
    yield (
        "The intervals of AUC and observed : expected hold for every look while outcomes arrive; those of "
        "cases found and flags right, 95%, for this one."
    )


def no_outcomes(facts: PageFacts) -> str:
    """Return what is stated where no outcome is in a figure, before the command that brings some."""
    left = not_counted(facts.outcomes)
    if not left:
        return (
            "No outcomes yet, so nobody knows how well this version does here. Drop a file with the columns "
            "id, label and date, and the next run shows AUC, calibration and groups by month:"
        )
    waits = ""
    if facts.outcomes.get(OutcomeStatus.WAITING):
        waits = " Those that wait count by themselves once the time that their risks speak for is over."
    return (
        "No outcome counts yet, so nobody knows how well this version does here."
        f"{left}{waits} Outcomes of other patients are needed:"
    )
