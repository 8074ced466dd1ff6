"""Chunks are whole rows, cover the file, and number their lines as the file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinrisk.core.ingest.csv_file import cutting
from clinrisk.core.ingest.csv_file.cutting import Cut, cut
from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW, count_rows, odd_lines
from clinrisk.core.ingest.rules import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = b"a,b,c\n"
# Lines that end a cell, begin one, do both, lie inside one, or none of it.
LINES = st.sampled_from(
    [
        b"1,2,3",
        b"",
        b"x",
        b'1,2,"x',
        b'y"',
        b'y",3',
        b'",2,3',
        b'"',
        b'1,"x',
        b'"1",2,"3"',
        b'5",2,3',
        b'",2,"x',
    ]
)


def blocks_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def rows_of(lines: list[bytes]) -> list[int]:
    """Count how many lines each row has, by the rule of the reader, from the first line on."""
    _, inside = odd_lines(lines, 3)
    rows: list[int] = []
    for number in range(len(lines)):
        if number in inside:
            rows[-1] += 1
        else:
            rows.append(1)
    return rows


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=40),
    ended=st.sampled_from([b"", b"\n"]),
    block=st.integers(1, 30),
    at_least=st.integers(1, 60),
)
def test_a_file_cut_anywhere_is_the_same_file(
    lines: list[bytes], ended: bytes, block: int, at_least: int
) -> None:
    body = b"\n".join(lines) + ended
    data = HEADER + body
    pieces = cut(blocks_of(data, block), len(HEADER), len(data), 3, at_least)
    assert b"".join(data[piece.start : piece.end] for piece in pieces) == body
    for piece in pieces:
        assert piece.first_row == 2 + count_rows(data[len(HEADER) : piece.start], 3)
    for piece in pieces[:-1]:
        assert data[piece.start : piece.end].endswith(b"\n")
        assert piece.end - piece.start >= at_least


@settings(max_examples=500)
@given(lines=st.lists(LINES, max_size=40), block=st.integers(1, 60), at_least=st.integers(1, 60))
@example(lines=[b'",2,3'] * 30, block=7, at_least=11)
@example(lines=[b'1,2,"x', b'y"'] * 15, block=5, at_least=9)
def test_no_row_is_cut(lines: list[bytes], block: int, at_least: int) -> None:
    data = HEADER + b"".join(line + b"\n" for line in lines)
    pieces = cut(blocks_of(data, block), len(HEADER), len(data), 3, at_least)
    parts = [data[piece.start : piece.end].split(b"\n")[:-1] for piece in pieces]
    assert [row for part in parts for row in rows_of(part)] == rows_of(lines)


def test_a_line_that_is_too_long_for_any_row_is_cut_and_not_held() -> None:
    """With it the file is rejected; a gigabyte without a line end must not get into one worker."""
    data = HEADER + b"1,2,3\n" * 10 + "\u00e9".encode() * (4 * LONGEST_LINE) + b"\n1,2,3\n"
    pieces = cut(blocks_of(data, 40_000), len(HEADER), len(data), 3, 1000)
    assert max(piece.end - piece.start for piece in pieces) < 3 * LONGEST_LINE
    assert {piece.first_row for piece in pieces} == {2, 12, 13}
    for piece in pieces:
        assert data[piece.start : piece.end].decode()


CERTAIN = {
    "rows, then a cell of two lines": [b"1,2,3"] * 20 + [b'1,2,"x', b'y"'] + [b"1,2,3"] * 3,
    "nothing but cells of two lines": [b'1,2,"x', b'y"'] * 15,
    "lines that are inside a cell or not": [b"1,2,3"] * 10 + [b'1,2,"x', b"y", b"", b'z"'] * 5,
    "stray quotes between rows": [b"1,2,3", b'1,"x', b"4,5,6"] * 8,
}


@pytest.mark.parametrize("name", CERTAIN)
def test_rows_are_counted_from_the_nearest_line_that_certainly_starts_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before it is not looked at, so a cut costs the same wherever it is."""
    monkeypatch.setattr(cutting, "_CONTEXT_BYTES", 40)
    lines = CERTAIN[name]
    data = HEADER + b"".join(line + b"\n" for line in lines)
    for at_least in range(20, len(data), 7):
        pieces = cut(blocks_of(data, 25), len(HEADER), len(data), 3, at_least)
        parts = [data[piece.start : piece.end].split(b"\n")[:-1] for piece in pieces]
        assert [row for part in parts for row in rows_of(part)] == rows_of(lines)


def test_where_no_line_is_certain_a_file_is_cut_at_a_line_end_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutting, "_CONTEXT_BYTES", 20)
    for lines in ([b'",2,3'] * 30, [b"x"] * 60):
        data = HEADER + b"".join(line + b"\n" for line in lines)
        pieces = cut(blocks_of(data, 9), len(HEADER), len(data), 3, 40)
        assert len(pieces) > 1
        assert b"".join(data[piece.start : piece.end] for piece in pieces) == data[len(HEADER) :]
        assert all(data[piece.start : piece.end].endswith(b"\n") for piece in pieces)


@pytest.mark.parametrize(("length", "rows"), [(-1, 1), (0, 1), (1, 3)])
def test_a_cell_goes_over_several_lines_only_within_the_longest_row(length: int, rows: int) -> None:
    first, last = b'1,2,"x', b'z"'
    # Line ends count as bytes of the row.
    inside = b"y" * (LONGEST_ROW + length - len(first) - len(last) - 3)
    data = HEADER + b"\n".join([first, inside, last, b"1,2,3", b""])
    pieces = cut([data], len(HEADER), len(data), 3, 1)
    assert len(pieces) == rows + 1


def test_an_open_quote_is_not_sought_further_than_the_longest_row() -> None:
    data = HEADER + b'1,2,"x\n' + (b"y" * 99 + b"\n") * 100 + b"1,2,3\n"
    pieces = cut(blocks_of(data, 500), len(HEADER), len(data), 3, 1)
    assert pieces[0] == Cut(6, 13, 2)
    assert len(pieces) == 102


def test_most_line_ends_are_settled_by_their_own_line() -> None:
    data = HEADER + b"1,2,3\n" * 6
    assert cut([data], len(HEADER), len(data), 3, 13) == [Cut(6, 24, 2), Cut(24, 42, 5)]
