"""What the three tables hold, as plain values: uploads on their way, approvals, and what is live."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cli.stack import Stack

Item = dict[str, Any]
# A task token lets its holder answer for the approver: it never leaves the table.
SECRET = {"task_token", "nonce", "mac"}


def plain(value: Any) -> Any:
    """DynamoDB's numbers and sets as Python's own.

    >>> plain({"n": Decimal("3"), "share": Decimal("0.5"), "tags": {"b", "a"}})
    {'n': 3, 'share': 0.5, 'tags': ['a', 'b']}
    """
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(inner) for inner in value)
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def _read_item(stored: dict[str, Any]) -> Item:
    from boto3.dynamodb.types import TypeDeserializer

    read = TypeDeserializer().deserialize
    return {name: plain(read(value)) for name, value in stored.items() if name not in SECRET}


def get(stack: Stack, table: str, pk: str, sk: str) -> Item | None:
    """One item by its key, without its secrets; None when it is not there."""
    answer = stack.dynamodb.get_item(
        TableName=stack.output(table), Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
    )
    return _read_item(answer["Item"]) if "Item" in answer else None


def newest(stack: Stack, table: str, pk: str, *, prefix: str = "", limit: int = 50) -> list[Item]:
    """Return the items under one partition key, last sort key first."""
    answer = stack.dynamodb.query(
        TableName=stack.output(table),
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}} | ({":prefix": {"S": prefix}} if prefix else {}),
        ScanIndexForward=False,
        Limit=limit,
    )
    return [_read_item(item) for item in answer["Items"]]


def live_model(stack: Stack, use_case: str) -> Item | None:
    """Return the live pointer of a use case with its decision (`approval`); None before the first release."""
    live = get(stack, "DeploymentsTable", f"USE_CASE#{use_case}", "LIVE")
    if live is None:
        return None
    approval = get(stack, "ApprovalsTable", f"APPROVAL#{live.get('approval_id')}", "STATE")
    return live | {"approval": approval}


def live_version(stack: Stack, use_case: str) -> int:
    """Return the number of the live version of a use case; 0 before the first release."""
    live = get(stack, "DeploymentsTable", f"USE_CASE#{use_case}", "LIVE")
    return 0 if live is None else int(live["live_version"])


def versions(stack: Stack, use_case: str) -> list[Item]:
    """Every version that was ever live, newest first."""
    return newest(stack, "DeploymentsTable", f"USE_CASE#{use_case}", prefix="VERSION#")


def approvals(stack: Stack, use_case: str) -> list[Item]:
    """Return the approvals of a use case, newest first, each with its present status."""
    listed = newest(stack, "ApprovalsTable", f"USE_CASE#{use_case}")
    ids = [str(item.get("approval_id") or item["sk"].rpartition("#")[2]) for item in listed]
    found = [get(stack, "ApprovalsTable", f"APPROVAL#{approval_id}", "STATE") for approval_id in ids]
    return [
        {"approval_id": approval_id, **item}
        for approval_id, item in zip(ids, found, strict=True)
        if item is not None
    ]
