"""What the engine gets wrong, repaired: one small file per theme, each repair with its reason and a test.

The engine has no plug-in interface: a repair replaces one of its module-level functions or table entries.
That is safe only against one exact version, which `twin.engine` checks before it applies anything.
"""

from twin.repairs.site import Site

__all__ = ["Site", "apply"]


def apply(site: Site) -> None:
    """Apply every repair; importing the engine happens here, under the scrubbed environment."""
    # The engine reads its environment when it is imported, so nothing may import it earlier.
    from twin.repairs import (  # noqa: PLC0415
        alarms,
        bodies,
        branches,
        executions,
        identity,
        integrations,
        keys,
        maps,
        messages,
        ranges,
        stacks,
        tasks,
        telemetry,
        transport,
        workers,
    )

    for repair in (
        transport,
        identity,
        workers,
        telemetry,
        alarms,
        messages,
        executions,
        tasks,
        integrations,
        branches,
        stacks,
        keys,
        ranges,
        maps,
        # Last: every other repair of S3 sees bodies as they are kept.
        bodies,
    ):
        repair.apply(site)
