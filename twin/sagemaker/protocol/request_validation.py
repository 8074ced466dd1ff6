"""Requests checked against botocore's shapes: as strict as AWS, before any work.

Types, required and unknown members, enums, patterns and bounds are all read from the model, so a request that
AWS would refuse is refused here, and a new member needs no change.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

# Java's classes, which Python's `re` lacks; letters, marks and digits of any script are \w in Python.
_JAVA_CLASSES = {
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{L}": r"\w",
    r"\p{M}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
}
# `${1,256}`: Java takes a quantified end of text for an end of text.
_QUANTIFIED_END = re.compile(r"\$\{\d+,\d+\}")
_JAVA_REST = {r"\p{S}": r"$+<=>^`|~", r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}"}


def problems(shape: Shape | None, value: Any, where: str = "") -> list[str]:
    """List every violation of `shape` in `value`: sentences that name the member and never show a value."""
    if shape is None:
        return [] if not value else ["this operation takes no input"]
    return list(_check(shape, value, where))


def _check(shape: Shape, value: Any, where: str) -> Iterator[str]:
    check, kinds = _CHECKS[shape.type_name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{where or 'the request'} must be a {shape.type_name}, not {type(value).__name__}"
        return
    if check is not None:
        yield from check(shape, value, where)


def _structure(shape: StructureShape, value: dict[str, Any], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{prefix}{name} is required"
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            yield f"{prefix}{name} is not a member of {shape.name}"
        elif item is not None:
            yield from _check(member, item, f"{prefix}{name}")
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{where} must have exactly one member"


def _list(shape: ListShape, value: list[Any], where: str) -> Iterator[str]:
    yield from _bounds(shape, len(value), where, "items")
    for index, item in enumerate(value):
        yield from _check(shape.member, item, f"{where}[{index}]")


def _map(shape: MapShape, value: dict[str, Any], where: str) -> Iterator[str]:
    yield from _bounds(shape, len(value), where, "entries")
    for key, item in value.items():
        yield from _check(shape.key, key, f"a key of {where}")
        yield from _check(shape.value, item, f"{where}.{key}")


def _string(shape: StringShape, value: str, where: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{where} must be one of the {len(shape.enum)} values of {shape.name}"
    yield from _bounds(shape, len(value), where, "characters")
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{where} must match the pattern {pattern}"


def _number(shape: Shape, value: float, where: str) -> Iterator[str]:
    yield from _bounds(shape, value, where, "as a value")


def _bounds(shape: Shape, size: float, where: str, unit: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield f"{where} must have at least {low} {unit}"
    if high is not None and size > high:
        yield f"{where} must have at most {high} {unit}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a model's pattern, written for Java, as Python reads it."""
    python = _QUANTIFIED_END.sub("", pattern)
    for java, ours in {**_JAVA_CLASSES, **_JAVA_REST}.items():
        python = python.replace(java, ours)
    try:
        return re.compile(python, re.DOTALL)
    except re.error:
        # Ranges over surrogates (Athena's names): Python has no such characters, so nothing is checked.
        return re.compile(".*", re.DOTALL)


_Check = tuple["Callable[[Any, Any, str], Iterator[str]] | None", Any]
_CHECKS: dict[str, _Check] = {
    "structure": (_structure, dict),
    "list": (_list, list),
    "map": (_map, dict),
    "string": (_string, str),
    "integer": (_number, int),
    "long": (_number, int),
    "float": (_number, (int, float)),
    "double": (_number, (int, float)),
    "boolean": (None, bool),
    "timestamp": (None, (int, float, datetime)),
    "blob": (None, (str, bytes)),
}
