"""The columns that a batch transform's InputFilter or OutputFilter keeps of a CSV record.

AWS takes a subset of JSONPath; for CSV a record is an array, so a filter is `$` or one bracket of positions
and slices: `$[1:]`, `$[0,-1]`, `$[0:3]`.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import JobFailure, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FILTER = re.compile(r"\$(?:\[(?P<inside>[^\[\]]+)\])?")
_PART = re.compile(r"\s*(?P<start>-?\d+)?\s*(?P<colon>:)?\s*(?P<stop>-?\d+)?\s*")


def compile_filter(path: str) -> Callable[[Sequence[str]], list[str]]:
    """Return a function from a record's fields to those that the filter keeps, in the filter's order.

    >>> compile_filter("$[1:]")(["id", "5", "7"]), compile_filter("$[0,-1]")(["id", "5", "0.3"])
    (['5', '7'], ['id', '0.3'])
    >>> compile_filter("$")(["a", "b"])
    ['a', 'b']
    """
    match = _FILTER.fullmatch(path.strip())
    if match is None:
        raise unsupported(f"the filter {path} for CSV")
    if match["inside"] is None:
        return list
    picks = [_pick(part, path) for part in match["inside"].split(",")]

    def select(fields: Sequence[str]) -> list[str]:
        kept: list[str] = []
        for pick in picks:
            if isinstance(pick, slice):
                kept += fields[pick]
            elif -len(fields) <= pick < len(fields):
                kept.append(fields[pick])
            else:
                msg = f"ClientError: the filter {path} names a column that a record of {len(fields)} lacks"
                raise JobFailure(msg)
        return kept

    return select


def _pick(part: str, path: str) -> int | slice:
    match = _PART.fullmatch(part)
    if match is None or not (match["start"] or match["colon"]):
        raise unsupported(f"the filter {path} for CSV")
    start = int(match["start"]) if match["start"] else None
    if match["colon"]:
        return slice(start, int(match["stop"]) if match["stop"] else None)
    assert start is not None  # noqa: S101 - a part without a colon has a start, checked above
    return start


def parse_record(line: str) -> list[str]:
    """Return the fields of one CSV line as text; numbers stay as they were written.

    >>> parse_record('a,"b,c",1.50')
    ['a', 'b,c', '1.50']
    """
    return next(csv.reader([line]), [])


def format_record(fields: Sequence[str]) -> str:
    """Return one CSV line without its line end.

    >>> format_record(["a", "b,c"])
    'a,"b,c"'
    """
    if not any(mark in field for field in fields for mark in ',"\r\n'):
        return ",".join(fields)
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()
