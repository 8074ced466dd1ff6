"""Plan Training: which uploads a run may read, how its models are grown, what they are compared with."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import feature_store, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.training.file_statements import statements_of
from clinrisk.core.training.run_settings import hyperparameters_of, plan_of, tuning_of
from clinrisk.core.training.training_plan import SourceFile
from clinrisk.errors import ObjectMissing
from clinrisk.messages.training import PlanTrainingRequest, PlanTrainingResult, Tuning

if TYPE_CHECKING:
    from clinrisk.messages.ingest import Settlement


def plan(request: PlanTrainingRequest) -> PlanTrainingResult:
    """Store the plan of a run and return it by reference; raises NotEnoughData."""
    use_case = use_cases.get(request.use_case)
    committed = uploads.by_arrival(uploads.used(use_case.name, "training"))
    planned = plan_of(use_case, request.run_id, request.reason, committed, _source)
    planned = replace(planned, acted_on=_keep_acted_on(use_case.name, request.run_id))
    key = object_keys.training_plan(use_case.name, request.run_id)
    return PlanTrainingResult(
        use_case=use_case.name,
        run_id=request.run_id,
        plan=s3.store_json(settings().lake_bucket, key, planned.to_dict()),
        expected_rows=planned.expected_rows,
        offline_prefix=feature_store.feature_group(settings().name_prefix, use_case).offline_prefix,
        package_group=f"{settings().name_prefix}-{use_case.contract_id}",
        hyperparameters=hyperparameters_of(use_case, planned),
        tuning=Tuning.model_validate(tuning_of(use_case, planned)),
        feature_digest=planned.feature_digest,
        champion=deployments.champion(use_case.name),
        first_released=deployments.first_released(use_case.name),
        # Last, so that a plan that fails has used the hold-out for nobody.
        holdout_uses=uploads.record_holdout_use(use_case.name, planned.run_id, planned.expected_rows),
    )


def _keep_acted_on(use_case: str, run_id: str) -> str:
    """Keep the list of patients whose flag was accepted for the run; return its sha256, "" without one."""
    lake, key = settings().lake_bucket, object_keys.acted_on(use_case)
    if not s3.keys_under(lake, key):
        return ""
    data = s3.fetch_current(s3.uri_of(lake, key))
    kept = s3.store(lake, object_keys.training_acted_on(use_case, run_id), data, "application/json")
    return kept.sha256


def _source(upload: Settlement) -> SourceFile:
    """Return an upload with what was stated about its file; nothing where the inbox has let go of it."""
    try:
        stated = s3.facts(settings().inbox_bucket, upload.key, upload.version_id).metadata
    except ObjectMissing:
        stated = {}
    description, synthetic = statements_of(stated)
    facts = upload.model_dump(include={one.name for one in fields(SourceFile)})
    return SourceFile(**facts, description=description, synthetic=synthetic)
