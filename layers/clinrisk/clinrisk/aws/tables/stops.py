"""Stops in the Slots table: which bad end of which execution somebody has been told of.

    STOP#<execution>   <ended_at>      one end of an execution
    STOP#<execution>   STARTED_AGAIN   an end that was caused by whoever starts it again
    STOP#<sidecar>     <scored_at>     results whose own execution ended before it could mail

An execution that is redriven may end more than once; each end is announced.
"""

from __future__ import annotations

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings

STARTED_AGAIN = "STARTED_AGAIN"


def note(what: str, at: str) -> bool:
    """Note that an end is announced; return False where it has been."""
    item = dynamodb.key_of(_key(what, at))
    return dynamodb.write(settings().slots_table, item, unless_exists=True)


def noted(what: str, at: str) -> bool:
    """Return whether an end is announced."""
    return dynamodb.read(settings().slots_table, _key(what, at)) is not None


def forget(what: str, at: str) -> None:
    """Take the note back: the mail could not be sent."""
    dynamodb.remove(settings().slots_table, _key(what, at), Attr("pk").exists())


def _key(what: str, at: str) -> dynamodb.ItemKey:
    return f"STOP#{what}", at
