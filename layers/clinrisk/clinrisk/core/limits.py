"""The limits that monitoring and evaluation judge by, in one table, and the digest of the table.

docs/decisions/0021-limits-in-one-table.md names the page and the reason of each limit; a test fails when a
value changes without a page. What a candidate must reach is in use_cases/bars, per use case; the limits of
files and rows are with the rules of ingest. Standard library only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from clinrisk.core.digests import digest_of


@dataclass(frozen=True)
class Limits:
    """Every limit, with its unit; a share is between 0 and 1."""

    drift_rows: int = 20
    """Rows that batch and reference need for a verdict on drift."""
    drift_moved: float = 0.1
    """The smallest share of patients in other classes than at training that matters, where the use case has
    no other ..."""
    drift_shift: float = 0.25
    """... the smallest shift of a mean, in standard deviations of the training patients ..."""
    drift_correlation: float = 0.15
    """... and the smallest change of a correlation, on Fisher's scale."""
    drift_significance: float = 0.05
    """One minus the confidence with which no low end of all the changes of a batch is too high."""
    drift_constant: float = 0.01
    """The accepted chance that a column of a batch has one and the same value, for all columns together."""

    quality_rows: int = 20
    """Rows that batch and reference need for a verdict on quality."""
    quality_missing_rise: float = 0.10
    """The rise of a column's missing share above which it alerts."""
    quality_quarantined: float = 0.05
    """The share of quarantined rows above which a batch alerts."""
    quality_unseen_codes: float = 0.05
    """The share of rows with a code that training never had, above which a column alerts."""
    quality_significance: float = 0.05
    """One minus the confidence of the intervals of quality, before the correction for columns."""

    door_rows: int = 20
    """Rows that a batch needs before it is held against the training patients."""
    door_held: float = 0.3
    """The sure distance of a share (Cohen's h) from which a batch is held ..."""
    door_caution: float = 0.2
    """... and from which it is published with a caution."""
    door_margin: float = 2.0
    """Standard errors between what is found of a difference and what is sure of it ..."""
    door_errors: float = 5.0
    """... where it is at least so many from none, for all the shares of a batch ..."""
    door_column_errors: float = 4.25
    """... or so many, for how its columns go together."""
    door_agreement: float = 0.2
    """The agreement with other columns that an input must have had in training to be asked for it."""
    door_apart: float = 0.15
    """The sure share of its agreement from whose loss a column no longer goes with the others."""
    door_moves: float = 0.1
    """The sure correlation with the place in the file from which a column moves along it ..."""
    door_moves_alone: float = 0.25
    """... the one for a column that agrees with no other ..."""
    door_follows: float = 0.5
    """... and the share of the expected movement by which the other columns follow it."""
    door_unlike_held: float = 0.5
    """The share of patients without a risk, or with an uncertain one, from which a batch is held ..."""
    door_unlike_caution: float = 0.25
    """... and from which it is published with a caution."""

    performance_patients: int = 10
    """Patients with the outcome, and as many without, that an area under the ROC curve needs."""
    performance_expected: int = 10
    """Cases, expected or found, that a verdict on performance needs."""
    performance_ratio: float = 1.25
    """Observed cases per expected one, and the odds of cases against those predicted, may be between the
    inverse of this and this."""

    performance_confidence: float = 0.98
    """The confidence of the interval of the odds."""
    performance_conflicts: float = 0.05
    """The share of patients with contradictory outcomes above which performance is not judged."""

    bias_gap_rise: float = 0.10
    """What the gap of a group to the others may differ by from the approved one, either way."""
    bias_ratio: float = 1.25
    """The factor by which its cases per expected case, against those of the others, may differ likewise."""
    bias_doubt_gap: float = 0.25
    """The gap in uncertain risks, or patients without a risk, for which no number was approved."""
    bias_cases: int = 10
    """Known cases, others or flags that a rate of a group needs."""
    bias_rows: int = 20
    """Patients that a group needs for its share flagged."""
    bias_significance: float = 0.05
    """One minus the confidence with which all intervals of gaps hold at once."""
    outcome_balance: float = 0.5
    """Outcomes must be known of one kind of patients, flagged or not, this often against the other kind."""

    sequential_rows: int = 500
    """The known outcomes at which intervals that hold at every moment are narrowest."""

    monitored_batches: int = 20
    """The newest batches that one monitoring run checks one by one."""
    monitored_months: int = 3
    """The newest months of prediction with known outcomes that it judges, each as one."""

    group_rows: int = 20
    """Patients that a group needs for any figure in an evaluation."""
    group_events: int = 10
    """Patients with, and as many without, the condition that a rate or an area of a group needs."""
    group_power: float = 0.8
    """The chance with which a group that is served well has to be shown to be, to count as large enough."""
    interval_confidence: float = 0.95
    """The confidence of every interval in an evaluation."""
    holdout_growth: int = 2
    """The growth of the labelled rows after which an earlier use of the hold-out no longer counts."""

    shadow_rows: int = 200
    """Patients of recent batches on whom a candidate is compared with the live model."""
    shadow_batches: int = 8
    """The recent batches that such a comparison may read."""
    shadow_agreement_rows: int = 20
    """Patients that the agreement of two models needs."""


LIMITS = Limits()


def limits_digest(limits: Limits = LIMITS) -> str:
    """Return the sha256 of the table as canonical JSON."""
    return digest_of(asdict(limits))
