"""The named SageMaker resources that the twin remembers, with their tags, in one thread-safe catalogue."""

from __future__ import annotations

import base64
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twin.sagemaker.platform import Body


class Catalogue:
    """Resources by kind and name (plain dictionaries in the words of the Describe output) and tags by ARN."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._kinds: dict[str, dict[str, Body]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def contents(self) -> Body:
        """Return all that is known, to be restored by another twin."""
        return {"kinds": self._kinds, "tags": self._tags}

    def restore(self, contents: Body) -> None:
        """Know what another twin knew."""
        self._kinds.update(contents["kinds"])
        self._tags.update(contents["tags"])

    def kind(self, kind: str) -> dict[str, Body]:
        """Return the live table of one kind; hold `lock` while you change it."""
        return self._kinds.setdefault(kind, {})

    def tag(self, arn: str, tags: Iterable[dict[str, str]]) -> list[dict[str, str]]:
        """Set tags on an ARN and get all its tags."""
        with self.lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})
            return self.tags(arn)

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        """Take tags off an ARN; keys that it lacks change nothing."""
        with self.lock:
            for key in keys:
                self._tags.get(arn, {}).pop(key, None)

    def tags(self, arn: str) -> list[dict[str, str]]:
        """Return an ARN's tags in AWS's form."""
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def forget_tags(self, arn: str) -> None:
        """Drop the tags of a deleted resource, lest a namesake inherit them."""
        with self.lock:
            self._tags.pop(arn, None)

    def tag_operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return AddTags, ListTags and DeleteTags."""

        def add(body: Body) -> Body:
            return {"Tags": self.tag(body["ResourceArn"], body["Tags"])}

        def delete(body: Body) -> Body:
            self.untag(body["ResourceArn"], body["TagKeys"])
            return {}

        return {
            "AddTags": add,
            "DeleteTags": delete,
            "ListTags": lambda body: {"Tags": self.tags(body["ResourceArn"])},
        }


def now() -> datetime:
    """Return the moment of a change, in UTC."""
    return datetime.now(UTC)


def _moment(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


def page(body: Body, rows: list[Body], *, name: str, output: str, status: str = "", limit: int = 100) -> Body:
    """Return one page of a List operation: filtered, sorted, with a token when there is more.

    `name` and `status` are the members that NameContains and StatusEquals look at; sorting is by CreationTime
    and ascending unless asked otherwise, AWS's default (docs of ListTrainingJobs and ListModelPackages).
    """
    wanted = [
        row
        for row in rows
        if body.get("NameContains", "") in row.get(name, "")
        and body.get("StatusEquals", row.get(status)) == row.get(status)
        and _moment(row["CreationTime"]) > _moment(body.get("CreationTimeAfter", 0))
        and _moment(row["CreationTime"]) < _moment(body.get("CreationTimeBefore", float("inf")))
    ]
    by = {"Name": name, "Status": status}.get(body.get("SortBy", "CreationTime"), "CreationTime")
    wanted.sort(key=lambda row: row.get(by) or "", reverse=body.get("SortOrder", "Ascending") == "Descending")
    start = _offset(body.get("NextToken"))
    stop = start + int(body.get("MaxResults", limit))
    answer: Body = {output: wanted[start:stop]}
    if stop < len(wanted):
        answer["NextToken"] = base64.urlsafe_b64encode(str(stop).encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise invalid("NextToken is not one that this operation returned.") from error
