"""The pauses in the Deployments table: while one lasts, no results of its use case go out.

USE_CASE#<use_case>   PAUSE   the last one, all fields of a `Pause`
"""

from __future__ import annotations

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.messages.live_changes import Pause


def _key(use_case: str) -> dynamodb.ItemKey:
    return f"USE_CASE#{use_case}", "PAUSE"


def current(use_case: str) -> Pause | None:
    """Return the pause of a use case that lasts, or None while its results go out."""
    found = last(use_case)
    return None if found is None or found.ended_by else found


def last(use_case: str) -> Pause | None:
    """Return the last pause of a use case, ended or not; None before the first."""
    item = dynamodb.read(settings().deployments_table, _key(use_case))
    if item is None:
        return None
    return Pause.model_validate({name: item[name] for name in Pause.model_fields})


def begin(asked: Pause) -> bool:
    """Pause a use case; False when it is paused already."""
    item = dynamodb.key_of(_key(asked.use_case)) | asked.model_dump()
    free = Attr("pk").not_exists() | Attr("ended_by").ne("")
    return dynamodb.write(settings().deployments_table, item, condition=free)


def end(pause: Pause, ended_by: str) -> bool:
    """Note the execution that ended a pause; False when another one did, or another pause follows."""
    lasts = Attr("since").eq(pause.since) & Attr("ended_by").eq("")
    key = _key(pause.use_case)
    return dynamodb.change(settings().deployments_table, key, {"ended_by": ended_by}, lasts)
