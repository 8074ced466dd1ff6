"""How often candidates have been held against the hold-out: every look makes it a little less unseen.

    LOOKS#<use_case>   <run_id>   how many labelled rows there were when that run looked

In the Uploads table. A run counts once, however often it is repeated.
"""

from __future__ import annotations

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.core.training.holdout_budget import Look, spent


def take(use_case: str, run_id: str, rows: int) -> int:
    """Record this run's look and give how many the present hold-out patients have had, this one included."""
    table, pk = settings().uploads_table, f"LOOKS#{use_case}"
    dynamodb.write(table, {"pk": pk, "sk": run_id, "rows": rows}, unless_exists=True)
    taken = [Look(str(item["sk"]), int(item["rows"])) for item in dynamodb.query(table, pk)]
    return spent(taken, rows)
