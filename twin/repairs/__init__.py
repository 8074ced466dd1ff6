"""Repairs of the engine: one folder per service, each repair with its reason and a test.

`repair_registry` checks, applies and undoes them; docs/engine-faults.md reports the faults. What the
engine lacks altogether, SageMaker, is in `twin.sagemaker`.
"""

from importlib import import_module

from twin.repairs.repair_registry import REPAIRS, EngineChangedError, RepairRegistry, Site

__all__ = ["MODULES", "EngineChangedError", "Site", "load"]

MODULES = (
    "callers.request_checks",
    "callers.principal_arn",
    "lambda_functions.lambda_worker",
    "lambda_functions.worker_pool",
    "lambda_functions.concurrency",
    "cloudwatch.published_metrics",
    "cloudwatch.alarm_evaluation",
    "notifications.mail_delivery",
    "notifications.bucket_events",
    "step_functions.execution_life",
    "step_functions.execution_run",
    "step_functions.redrive",
    "step_functions.task_limits",
    "step_functions.service_calls",
    "step_functions.parallel_branches",
    "step_functions.distributed_maps",
    "cloudformation.template_support",
    "cloudformation.signing_keys",
    "cloudformation.flow_logs",
    "buckets.version_ranges",
    "buckets.object_lock",
    "tables.one_operation_at_a_time",
    # Last: every other repair of S3 gets bodies as they are kept.
    "buckets.large_objects",
    "buckets.multipart_uploads",
)


def load() -> RepairRegistry:
    """Return the registry with every repair of this package in it.

    This imports the engine, which reads its environment while it is imported: nothing may do so earlier.
    """
    for name in MODULES:
        import_module(f"{__name__}.{name}")
    return REPAIRS
