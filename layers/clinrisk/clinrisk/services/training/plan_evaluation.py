"""Plan Evaluation: the models of a run that was trained before, and the model that is live now."""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.errors import ObjectMissing
from clinrisk.messages.training import PlanEvaluationRequest, PlanEvaluationResult, TrainedModel


def plan(request: PlanEvaluationRequest) -> PlanEvaluationResult:
    """Return what an existing run is evaluated with now; raises ObjectMissing where it has no models."""
    use_case = use_cases.get(request.use_case)
    key = object_keys.training_plan(use_case.name, request.run_id)
    planned = TrainingPlan.from_dict(s3.fetch_json_now(s3.uri_of(settings().lake_bucket, key)))
    return PlanEvaluationResult(
        use_case=use_case.name,
        run_id=request.run_id,
        expected_rows=planned.expected_rows,
        package_group=f"{settings().name_prefix}-{use_case.contract_id}",
        xgboost=_trained(request, "xgboost"),
        logistic=_trained(request, "logistic"),
        champion=deployments.champion(use_case.name),
        first_released=deployments.first_released(use_case.name),
        # A run has one use, however often it is evaluated.
        holdout_uses=uploads.record_holdout_use(use_case.name, request.run_id, planned.expected_rows),
    )


def _trained(request: PlanEvaluationRequest, model: str) -> TrainedModel:
    """Return the model that the last job of its kind left."""
    bucket = settings().lake_bucket
    prefix = object_keys.trained_models(request.use_case, request.run_id, model)
    archives = [key for key in s3.keys_under(bucket, prefix) if key.endswith("/output/model.tar.gz")]
    if not archives:
        raise ObjectMissing(
            f"Run {request.run_id} left no {model} model to evaluate. "
            f"Train again: clinrisk train {request.use_case} --reason TEXT"
        )
    # Jobs of a run count up at the end of their names.
    newest = s3.uri_of(bucket, max(archives, key=lambda key: (len(key), key)))
    return TrainedModel(model_uri=newest, prefix=newest.rpartition("/")[0] + "/")
