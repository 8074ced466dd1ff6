"""What the engine gets wrong, repaired: one small file per theme, each repair with its reason and a test.

The engine has no plug-in interface: a repair replaces one of its module-level functions or table entries.
That is safe only against one exact version, which `twin.server.engine` checks before it applies anything.
"""

from importlib import import_module

from twin.repairs.registry import Site

__all__ = ["Site", "apply"]

MODULES = (
    "callers.request_checks",
    "callers.principal_arn",
    "lambda_functions.lambda_worker",
    "cloudwatch.published_metrics",
    "cloudwatch.alarm_evaluation",
    "notifications.mail_delivery",
    "step_functions.execution_life",
    "step_functions.task_limits",
    "step_functions.service_calls",
    "step_functions.parallel_branches",
    "step_functions.distributed_maps",
    "cloudformation.template_support",
    "cloudformation.signing_keys",
    "buckets.version_ranges",
    # Last: every other repair of S3 sees bodies as they are kept.
    "buckets.large_objects",
)


def apply(site: Site) -> None:
    """Apply every repair; importing the engine happens here, under the scrubbed environment."""
    for name in MODULES:
        import_module(f"twin.repairs.{name}").apply(site)
