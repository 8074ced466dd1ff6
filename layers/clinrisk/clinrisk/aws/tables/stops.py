"""Stops in the Slots table: which bad end of which execution somebody has been told of.

    STOP#<execution>   <ended_at>   one end of an execution

An execution that is redriven may end more than once; each end is announced.
"""

from __future__ import annotations

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings


def note(execution: str, ended_at: str) -> bool:
    """Note that an end is announced; return False where it has been."""
    item = dynamodb.key_of(_key(execution, ended_at))
    return dynamodb.write(settings().slots_table, item, unless_exists=True)


def forget(execution: str, ended_at: str) -> None:
    """Take the note back: the mail could not be sent."""
    dynamodb.remove(settings().slots_table, _key(execution, ended_at), Attr("pk").exists())


def _key(execution: str, ended_at: str) -> dynamodb.ItemKey:
    return f"STOP#{execution}", ended_at
