"""Chunks are whole rows, cover the file, and number their lines as the file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinrisk.core.ingest.csv_file.cutting import Cut, cut
from clinrisk.core.ingest.csv_file.quotes import broken_lines
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
    """Give how many lines each row has, by the rule of the reader, from the first line on."""
    _, inside = broken_lines(lines, 3)
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
        assert piece.first_row == 1 + data[len(HEADER) : piece.start].count(b"\n")
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
    assert {piece.first_row for piece in pieces} == {1, 11, 12}
    for piece in pieces:
        assert data[piece.start : piece.end].decode()


def test_most_line_ends_are_settled_by_their_own_line() -> None:
    data = HEADER + b"1,2,3\n" * 6
    assert cut([data], len(HEADER), len(data), 3, 13) == [Cut(6, 24, 1), Cut(24, 42, 4)]
