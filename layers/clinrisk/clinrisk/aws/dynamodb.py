"""DynamoDB items: one read, a partition, and writes that all happen or none.

What may lose a race returns that it did; every other refusal of AWS is raised. The keys themselves are
spelled in `clinrisk.aws.tables`, one module per kind of item.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from clinrisk.aws import clients
from clinrisk.errors import FormatUnknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boto3.dynamodb.conditions import ConditionBase

Item = dict[str, Any]
ItemKey = tuple[str, str]
"""Partition key and sort key."""


def key_of(key: ItemKey) -> Item:
    """Return a key as the two attributes of its item."""
    return dict(zip(("pk", "sk"), key, strict=True))


def read(table: str, key: ItemKey) -> Item | None:
    """Return one item as it is now (a consistent read), or None."""
    found: dict[str, Any] = _client().get_item(TableName=table, Key=key_of(key), ConsistentRead=True)
    return found.get("Item")


def query(
    table: str,
    pk: str,
    *,
    sort_prefix: str = "",
    before: str = "",
    newest_first: bool = False,
    limit: int | None = None,
) -> list[Item]:
    """Return the items of a partition in the order of their sort keys, `limit` of them at most.

    With `sort_prefix` only those whose sort key begins with it, with `before` only those whose is smaller.
    """
    wanted: ConditionBase = Key("pk").eq(pk)
    if sort_prefix:
        wanted &= Key("sk").begins_with(sort_prefix)
    elif before:
        wanted &= Key("sk").lt(before)
    items: list[Item] = []
    more: dict[str, Any] = {} if limit is None else {"Limit": limit}
    while True:
        page = _client().query(
            TableName=table,
            KeyConditionExpression=wanted,
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            **more,
        )
        items.extend(page["Items"])
        if "LastEvaluatedKey" not in page or len(items) == limit:
            return items
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        if limit is not None:
            more["Limit"] = limit - len(items)


def write(
    table: str, item: Item, *, unless_exists: bool = False, condition: ConditionBase | None = None
) -> bool:
    """Put one item; return False when `condition` does not hold, or it was there and must not be replaced."""
    if unless_exists:
        condition = Attr("pk").not_exists()
    given: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
    try:
        _client().put_item(TableName=table, Item=plain(item), **given)
    except ClientError as error:
        return _not_written(error)
    return True


def change(table: str, key: ItemKey, changes: Item, condition: ConditionBase) -> bool:
    """Set attributes of one item while `condition` holds; return False when it no longer did."""
    assignments = ", ".join(f"#{name} = :{name}" for name in changes)
    try:
        _client().update_item(
            TableName=table,
            Key=key_of(key),
            UpdateExpression=f"SET {assignments}",
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in changes},
            ExpressionAttributeValues={f":{name}": plain(value) for name, value in changes.items()},
        )
    except ClientError as error:
        return _not_written(error)
    return True


def remove(table: str, key: ItemKey, condition: ConditionBase) -> bool:
    """Delete one item while `condition` holds; return False when it did not, or nothing was there."""
    try:
        _client().delete_item(TableName=table, Key=key_of(key), ConditionExpression=condition)
    except ClientError as error:
        return _not_written(error)
    return True


def _client() -> Any:
    """Return the client that takes plain values and conditions; a `Table` of its own per call costs 5 ms."""
    return clients.dynamodb().meta.client


def _not_written(error: ClientError) -> bool:
    """Return False where the condition of a write did not hold; raises every other error again."""
    if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    return False


def transact(writes: Sequence[dict[str, Any]]) -> list[str]:
    """Write all or nothing; return per write "None" or why it was refused (empty: all were written)."""
    # The client behind the resource takes plain Python values, its type stub does not know.
    client = _client()
    try:
        client.transact_write_items(TransactItems=list(writes))
    except ClientError as error:
        if error.response["Error"]["Code"] != "TransactionCanceledException":
            raise
        details: Any = error.response
        reasons = [reason.get("Code", "None") for reason in details.get("CancellationReasons", [])]
        # Throttles and conflicts are worth a retry by the state; only a failed condition is an answer.
        if "ConditionalCheckFailed" not in reasons:
            raise
        return reasons
    return []


def put(
    table: str, item: Item, condition: str = "", values: Item | None = None, names: Item | None = None
) -> dict[str, Any]:
    """Return one put of a transaction."""
    request: dict[str, Any] = {"TableName": table, "Item": plain(item)}
    if condition:
        request["ConditionExpression"] = condition
    if values:
        request["ExpressionAttributeValues"] = plain(values)
    if names:
        request["ExpressionAttributeNames"] = names
    return {"Put": request}


def delete(table: str, key: ItemKey) -> dict[str, Any]:
    """Return one deletion of a transaction."""
    return {"Delete": {"TableName": table, "Key": key_of(key)}}


def check_format(item: Item, known: int = 1) -> None:
    """Pass silently when this version can read an item; one without a number is of the first format.

    Raises FormatUnknown where a later version has written it.
    """
    if int(item.get("format", 1)) > known:
        raise FormatUnknown(
            f"An item has format {item['format']}, written by a later version of this system."
        )


def plain(value: Any) -> Any:
    """Return the value as DynamoDB stores it: decimal numbers, lists for tuples.

    >>> plain({"threshold": 0.05, "unmet": ("a",), "version": 2})
    {'threshold': Decimal('0.05'), 'unmet': ['a'], 'version': 2}
    """
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return Decimal(repr(value)) if isinstance(value, float) else value


def native(value: Any) -> Any:
    """Return a stored value as Python spells it: int or float for decimals.

    >>> native({"threshold": Decimal("0.05"), "version": Decimal(2)})
    {'threshold': 0.05, 'version': 2}
    """
    if isinstance(value, dict):
        return {key: native(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [native(inner) for inner in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
