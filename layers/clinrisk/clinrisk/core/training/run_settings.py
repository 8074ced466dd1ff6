"""How a training run is set up: which uploads count, what has to have landed, how its models are grown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.training.training_plan import SEARCHED_DEPTHS, SEARCHED_ROUNDS, TrainingPlan
from clinrisk.errors import NotEnoughData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clinrisk.core.training.training_plan import SourceFile
    from clinrisk.messages.ingest import Settlement
    from clinrisk.use_cases.base import SearchRange, UseCase

# Data, split and models follow from this alone.
SEED = 0


def trainable(use_case: UseCase, uploads: Iterable[Settlement]) -> list[Settlement]:
    """Return the uploads that a training may read: those of the use case's present contract."""
    return [upload for upload in uploads if upload.schema_version == use_case.schema_version]


def enough(use_case: UseCase, committed: Iterable[Settlement]) -> bool:
    """Return whether the uploads that a training may read have the labelled rows that it needs."""
    rows = sum(each.labelled_rows for each in trainable(use_case, committed))
    return use_case.external is None and rows >= use_case.min_training_rows


def plan_of(
    use_case: UseCase,
    run_id: str,
    reason: str,
    committed: Sequence[Settlement],
    source_of: Callable[[Settlement], SourceFile],
) -> TrainingPlan:
    """Return the plan over the committed uploads of the present contract, in order of arrival.

    `source_of` adds to an upload what was stated about its file. Raises NotEnoughData below the minimum, with
    the rows that an earlier contract holds.
    """
    if use_case.external is not None:
        raise NotEnoughData(f"{use_case.title} is a score of {use_case.external.vendor}: nothing is trained.")
    uploads = trainable(use_case, committed)
    rows = sum(upload.labelled_rows for upload in uploads)
    if rows < use_case.min_training_rows:
        message = f"{use_case.title} has {rows} labelled rows; training needs {use_case.min_training_rows}."
        if earlier := sum(upload.labelled_rows for upload in committed) - rows:
            message += (
                f" {earlier} more were read under another version of its contract than "
                f"{use_case.schema_version}: drop their files again."
            )
        raise NotEnoughData(message)
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
        sources=tuple(source_of(upload) for upload in uploads),
    )


def hyperparameters_of(use_case: UseCase, plan: TrainingPlan) -> dict[str, dict[str, str]]:
    """Return each algorithm's hyperparameters, all text, as a training job takes them."""
    shared = {"use_case": use_case.name, "feature_digest": use_case.feature_digest, "seed": str(plan.seed)}
    return {
        algorithm: {"algorithm": algorithm} | shared | dict(chosen)
        for algorithm, chosen in use_case.hyperparameters.items()
    }


def tuning_of(use_case: UseCase, plan: TrainingPlan) -> dict[str, Any]:
    """Return what a tuning job keeps fixed, what it searches, in AWS's own words, and from which seed.

    Only settings of XGBoost are named: the trials run the image's own algorithm, which refuses any other.
    """
    ranges = use_case.tuning_ranges
    searched = {each.name for each in ranges} | {SEARCHED_DEPTHS, SEARCHED_ROUNDS}
    chosen = use_case.hyperparameters["xgboost"].items()
    fixed = {name: value for name, value in chosen if name not in searched}
    fixed |= {"objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist"}
    fixed["seed"] = str(plan.seed)
    if use_case.monotone:
        signs = (str(use_case.monotone.get(name, 0)) for name in use_case.feature_names)
        fixed["monotone_constraints"] = f"({','.join(signs)})"
    return {
        "fixed": fixed,
        "ranges": {
            "IntegerParameterRanges": [_range(each) for each in ranges if each.integer],
            "ContinuousParameterRanges": [_range(each) for each in ranges if not each.integer],
        },
        "seed": plan.seed,
    }


def _range(given: SearchRange) -> dict[str, str]:
    return {
        "Name": given.name,
        "MinValue": f"{given.low:g}",
        "MaxValue": f"{given.high:g}",
        "ScalingType": "Logarithmic" if given.logarithmic else "Linear",
    }
