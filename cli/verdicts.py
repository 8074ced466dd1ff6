"""A verdict as a table: which rule, how many rows, which are the first, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.screen import show_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FIRST_ROWS = 5


def show_details(details: Iterable[Mapping[str, Any]]) -> None:
    """Print what a receipt or a check found, one line per rule; nothing when nothing was found."""
    lines = [
        (str(one["rule"]), f"{one['count']:,}" if one["count"] else "file", first_rows(one), str(one["say"]))
        for one in details
    ]
    if lines:
        show_table("What is wrong", ("rule", "rows", "first rows", "what it is, and what to do"), lines, "")


def show_missing(missing: Mapping[str, int]) -> None:
    """Print how often each column was not measured."""
    lines = [(column, f"{count:,}") for column, count in missing.items() if count]
    if lines:
        show_table("Missing values", ("column", "rows"), lines, "")


def first_rows(detail: Mapping[str, Any]) -> str:
    """Name the first rows a rule was broken in; row 1 is the line after the header.

    >>> first_rows({"rows": [3, 8, 9, 11, 12, 40], "count": 7})
    '3, 8, 9, 11, 12 ...'
    """
    shown = ", ".join(str(row) for row in detail["rows"][:FIRST_ROWS])
    return f"{shown} ..." if detail["count"] > FIRST_ROWS else shown
