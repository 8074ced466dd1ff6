"""Plan Training: fix which committed uploads a run may read, and how many rows they have.

No row is read here: a commit has proved that the offline store holds its upload, and the job that reads the
store counts what it finds.

AWS calls: dynamodb:Query, PutItem on Uploads; dynamodb:GetItem on Deployments;
sagemaker:DescribeFeatureGroup; s3:PutObject on Lake (training/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, DEPLOYMENTS_TABLE, LAKE_BUCKET, STACK_NAME.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import feature_store, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, holdout_uses, uploads
from clinrisk.aws.telemetry import step
from clinrisk.core import object_keys
from clinrisk.core.training.run_settings import hyperparameters_of, plan_of, tuning_of
from clinrisk.messages import PlanTrainingRequest, PlanTrainingResult, Tuning


@step(PlanTrainingRequest)
def handler(request: PlanTrainingRequest) -> PlanTrainingResult:
    """Give the plan by reference, where the rows lie, and the models' hyperparameters."""
    use_case = use_cases.get(request.use_case)
    committed = uploads.by_arrival(uploads.used(use_case.name, "training"))
    plan = plan_of(use_case, request.run_id, request.reason, committed)
    key = object_keys.training_plan(use_case.name, request.run_id)
    return PlanTrainingResult(
        use_case=use_case.name,
        run_id=request.run_id,
        plan=s3.store_json(settings().lake_bucket, key, plan.to_dict()),
        expected_rows=plan.expected_rows,
        offline_prefix=feature_store.feature_group(settings().stack_name, use_case.name).offline_prefix,
        hyperparameters=hyperparameters_of(use_case, plan),
        tuning=Tuning.model_validate(tuning_of(use_case, plan)),
        feature_digest=plan.feature_digest,
        champion=deployments.champion(use_case.name),
        # Last, so that a plan that fails has looked at nobody.
        holdout_looks=holdout_uses.take(use_case.name, plan.run_id, plan.expected_rows),
    )
