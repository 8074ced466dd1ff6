"""DynamoDB items: read, write together, and tell a lost race from a real error."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from clinrisk.aws import clients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from boto3.dynamodb.conditions import ConditionBase

Item = dict[str, Any]


def read(table: str, pk: str, sk: str) -> Item | None:
    """Return one item as it is now (a consistent read), or None."""
    found = clients.dynamodb().Table(table).get_item(Key={"pk": pk, "sk": sk}, ConsistentRead=True)
    return found.get("Item")


def query(table: str, pk: str, *, newest_first: bool = False) -> list[Item]:
    """Return every item of a partition in the order of its sort key."""
    source = clients.dynamodb().Table(table)
    items: list[Item] = []
    start: dict[str, Any] = {}
    while True:
        page = source.query(
            KeyConditionExpression=Key("pk").eq(pk),
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            **start,
        )
        items.extend(page["Items"])
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def write(table: str, item: Item, *, unless_exists: bool = False) -> bool:
    """Put one item; False when it was there already and must not be replaced."""
    target = clients.dynamodb().Table(table)
    if not unless_exists:
        target.put_item(Item=plain(item))
        return True
    try:
        target.put_item(Item=plain(item), ConditionExpression="attribute_not_exists(pk)")
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def change(table: str, pk: str, sk: str, changes: Item, condition: ConditionBase) -> bool:
    """Set attributes of one item while `condition` holds; False when it no longer did."""
    assignments = ", ".join(f"#{name} = :{name}" for name in changes)
    try:
        clients.dynamodb().Table(table).update_item(
            Key={"pk": pk, "sk": sk},
            UpdateExpression=f"SET {assignments}",
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in changes},
            ExpressionAttributeValues={f":{name}": plain(value) for name, value in changes.items()},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def transact(writes: Sequence[dict[str, Any]]) -> list[str]:
    """Write all or nothing; the result lists per write "None" or why it was refused (empty: all written)."""
    # The client behind the resource takes plain Python values, its type stub does not know.
    client: Any = clients.dynamodb().meta.client
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


def delete(table: str, pk: str, sk: str) -> dict[str, Any]:
    """Return one deletion of a transaction."""
    return {"Delete": {"TableName": table, "Key": {"pk": pk, "sk": sk}}}


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
