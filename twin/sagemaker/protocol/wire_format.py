"""Responses as AWS's JSON protocol sends them: only the shape's members, timestamps as epoch seconds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape


def to_wire(shape: Shape | None, value: Any) -> Any:
    """Return `value` with the members of `shape` that have a value; what only the twin keeps is left out."""
    if shape is None:
        return {}
    if shape.type_name == "structure":
        members = shape.members  # type: ignore[attr-defined]  # narrowed by type_name, not by class
        return {
            name: to_wire(member, value[name])
            for name, member in members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [to_wire(shape.member, item) for item in value]  # type: ignore[attr-defined]  # a ListShape
    if shape.type_name == "map":
        return {key: to_wire(shape.value, item) for key, item in value.items()}  # type: ignore[attr-defined]  # a MapShape
    if shape.type_name == "timestamp" and isinstance(value, datetime):
        return value.timestamp()
    return value


def from_wire(shape: Shape, value: Any) -> Any:
    """Return `value` in the shape's own types; CloudFormation may hand over numbers and booleans as text."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members  # type: ignore[attr-defined]  # narrowed by type_name, not by class
        return {k: from_wire(members[k], v) if k in members else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [from_wire(shape.member, item) for item in value]  # type: ignore[attr-defined]  # a ListShape
    if isinstance(value, str):
        if shape.type_name == "boolean" and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if shape.type_name in {"integer", "long"} and value.lstrip("-").isdigit():
            return int(value)
    return value


def jsonable(value: Any) -> Any:
    """Return `value` with its timestamps as epoch milliseconds, which is how AWS writes them in events."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [jsonable(item) for item in value]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
