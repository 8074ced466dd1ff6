"""The uses of the hold-out by candidates, in the Uploads table: each makes it a little less unseen.

    HOLDOUT_USE#<use_case>   <run_id>   how many labelled rows there were when that run used it

A run counts once, however often it is repeated.
"""

from __future__ import annotations

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.core.training.holdout_budget import HoldoutUse, spent


def record(use_case: str, run_id: str, rows: int) -> int:
    """Record this run's use and return how many the present hold-out has had, this one included."""
    table, pk = settings().uploads_table, f"HOLDOUT_USE#{use_case}"
    dynamodb.write(table, {"pk": pk, "sk": run_id, "rows": rows}, unless_exists=True)
    taken = [HoldoutUse(str(item["sk"]), int(item["rows"])) for item in dynamodb.query(table, pk)]
    return spent(taken, rows)
