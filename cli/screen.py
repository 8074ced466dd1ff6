"""Output: tables for people, JSON for programs, and progress, which is plain lines in a pipe."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PIPE_WIDTH = 160  # a pipe has no width: wide enough that no key is cut
FIRST_ROWS = 5
GOOD = {"ACCEPTED", "OK", "APPROVED", "SUCCEEDED", "APPROVABLE", "SAME"}
FAIR = {
    *("PARTIAL", "HELD", "WITHDRAWN", "DUPLICATE", "IGNORED", "NOT_EVALUATED"),
    *("PENDING", "RUNNING", "EXPIRED", "OVERTAKEN", "STOPPED", "REPEATED", "INSUFFICIENT_DATA", "UNKNOWN"),
}


def console() -> Console:
    """Return standard output: as wide as the terminal, or wide enough for every key in a pipe."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def complaints() -> Console:
    """Return standard error, for errors and progress: standard output holds the answer alone."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def show_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def show_json_line(value: Any) -> None:
    """Print one JSON document on one line, at once (for followers)."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")
    sys.stdout.flush()


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]], empty: str) -> None:
    """Print a table, or one sentence when there is nothing to list."""
    listed = list(rows)
    if not listed:
        console().print(empty)
        return
    if title:
        console().print(title, style="bold")
    table = Table(header_style="dim", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    for row in listed:
        table.add_row(*row)
    console().print(table)


def verdict(word: str) -> Text:
    """Return the word in green when all is well, in yellow when it is worth reading, else in red."""
    colour = "green" if word in GOOD else "yellow" if word in FAIR else "red"
    return Text(word, style=colour)


def duration(seconds: float) -> str:
    """Return seconds in the units that people use.

    >>> duration(0.42), duration(75), duration(7320), duration(200000)
    ('0.4 s', '1 min 15 s', '2 h 2 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds < 86400:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds // 86400:.0f} d {seconds % 86400 // 3600:.0f} h"


def moment(when: datetime | str | float | None) -> str:
    """Return a time to the minute, in UTC, as `2026-03-01 14:05 UTC`."""
    if when is None:
        return ""
    if isinstance(when, int | float):
        return moment(datetime.fromtimestamp(when, UTC))
    parsed = datetime.fromisoformat(when) if isinstance(when, str) else when
    return parsed.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[None]:
    """Show what takes time: a spinner on a terminal, one line in a pipe, nothing when quiet."""
    screen = complaints()
    if quiet:
        yield
    elif screen.is_terminal:
        with screen.status(Text(what)):
            yield
    else:
        screen.print(what)
        yield


def show_details(details: Iterable[Mapping[str, Any]]) -> None:
    """Print the rules that a file broke, as its receipt or a check lists them; nothing when it broke none."""
    lines = [
        (str(one["rule"]), f"{one['count']:,}" if one["count"] else "file", first_rows(one), str(one["say"]))
        for one in details
    ]
    if lines:
        show_table("What is wrong", ("rule", "rows", "first rows", "what it is, and what to do"), lines, "")


def show_missing(missing: Mapping[str, int]) -> None:
    """Print in how many rows each column was not measured; nothing when all were."""
    lines = [(column, f"{count:,}") for column, count in missing.items() if count]
    if lines:
        show_table("Missing values", ("column", "rows"), lines, "")


def first_rows(detail: Mapping[str, Any]) -> str:
    """Return the first rows in which a rule was broken; the header is row 1.

    >>> first_rows({"rows": [3, 8, 9, 11, 12, 40], "count": 7})
    '3, 8, 9, 11, 12 ...'
    """
    shown = ", ".join(str(row) for row in detail["rows"][:FIRST_ROWS])
    return f"{shown} ..." if detail["count"] > FIRST_ROWS else shown
