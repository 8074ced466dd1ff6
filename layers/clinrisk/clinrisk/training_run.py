"""How a training run is set up: which uploads count, what has to have landed, how its models are grown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from clinrisk.errors import NotEnoughData
from clinrisk.training_plan import TrainingPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.use_cases.base import UseCase

# Data, split and models follow from this alone.
SEED = 0


class CommittedUpload(Protocol):
    """What a plan needs to know of a committed training upload."""

    @property
    def upload_id(self) -> str:
        """Name the upload."""

    @property
    def labelled_rows(self) -> int:
        """Count its rows with a label."""

    @property
    def rows_quarantined(self) -> int:
        """Count its rows that were set aside."""

    @property
    def settled_at(self) -> str:
        """Say when it was committed."""


def plan_of(use_case: UseCase, run_id: str, reason: str, uploads: Sequence[CommittedUpload]) -> TrainingPlan:
    """Give the plan over committed uploads in order of arrival; raises NotEnoughData below the minimum."""
    rows = sum(upload.labelled_rows for upload in uploads)
    if rows < use_case.min_training_rows:
        raise NotEnoughData(
            f"{use_case.title} has {rows} labelled rows; training needs {use_case.min_training_rows}."
        )
    return TrainingPlan(
        use_case=use_case.name,
        run_id=run_id,
        # An upload's records are older than its settlement, so the newest settlement covers them all.
        as_of=max(upload.settled_at for upload in uploads),
        upload_ids=tuple(upload.upload_id for upload in uploads),
        feature_digest=use_case.feature_digest,
        seed=SEED,
        expected_rows=rows,
        rows_quarantined=sum(upload.rows_quarantined for upload in uploads),
        reason=reason,
    )


def hyperparameters_of(use_case: UseCase, plan: TrainingPlan) -> dict[str, dict[str, str]]:
    """Give each algorithm's hyperparameters, all text, as a training job takes them."""
    shared = {"use_case": use_case.name, "feature_digest": use_case.feature_digest, "seed": str(plan.seed)}
    return {
        algorithm: {"algorithm": algorithm} | shared | dict(chosen)
        for algorithm, chosen in use_case.hyperparameters.items()
    }
