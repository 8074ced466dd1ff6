"""Two results files, byte by byte: the same, or the first row and the columns that differ, and no value."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.core.scoring.results_comparison import compare
from clinrisk.core.scoring.results_sidecar import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = ",".join(COLUMNS)
ROWS = [[str(row), f"id {row}", "0.19", *(["x, y"] + ["z"] * (len(COLUMNS) - 4))] for row in range(2, 6)]


def file_of(rows: list[list[str]], header: str = HEADER) -> bytes:
    lines = [header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    return "".join(f"{line}\r\n" for line in lines).encode()


def changed(row: int, **cells: str) -> bytes:
    rows = [list(one) for one in ROWS]
    for name, value in cells.items():
        rows[row][list(COLUMNS).index(name)] = value
    return file_of(rows)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cut(data: bytes, ends: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(end % (len(data) + 1) for end in ends), len(data)]
    return (data[start:end] for start, end in pairwise(edges))


FILE = file_of(ROWS)


@given(st.lists(st.integers(0, 5000), max_size=9), st.lists(st.integers(0, 5000), max_size=9))
def test_the_same_bytes_are_the_same_however_they_are_cut(one: list[int], other: list[int]) -> None:
    found = compare(cut(FILE, one), cut(FILE, other))
    assert (found.stored_sha256, found.replayed_sha256) == (sha(FILE), sha(FILE))
    assert (found.first_row, found.columns, found.difference(sha(FILE))) == (None, (), "")


@given(st.integers(0, len(FILE) - 1), st.lists(st.integers(0, 5000), max_size=9))
def test_any_changed_byte_is_found_in_its_row(at: int, cuts: list[int]) -> None:
    data = FILE[:at] + bytes([FILE[at] ^ 1]) + FILE[at + 1 :]
    found = compare(cut(data, cuts), [FILE])
    assert found.first_row == FILE[:at].count(b"\n") + 1
    assert (found.stored_sha256, found.replayed_sha256) == (sha(data), sha(FILE))
    assert set(found.columns) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("other", "row", "columns"),
    [
        (changed(0, risk="0.20"), 2, ("risk",)),
        (changed(3, risk="0.20", band="high"), 5, ("risk", "band")),
        (file_of(ROWS, HEADER.replace("risk", "chance")), 1, ()),
        (file_of(ROWS[:-1]), 5, ()),
        (file_of([*ROWS, ROWS[0]]), 6, ()),
        (FILE[:-2], 5, ()),
        (FILE[:-2] + b"\n", 5, ()),
        (file_of([*ROWS[:2], ["one cell"]]), 4, ()),
        (FILE.replace(b'"2"', b'2'), 2, ()),
        (b"", 1, ()),
    ],
)  # fmt: skip
def test_the_first_row_that_differs_is_named_with_its_columns(
    other: bytes, row: int, columns: tuple[str, ...]
) -> None:
    for found in (compare([FILE], [other]), compare([other], [FILE])):
        assert (found.first_row, found.columns) == (row, columns)


def test_a_cell_that_no_reader_of_csv_takes_is_a_difference_without_columns() -> None:
    found = compare([changed(0, caution="9" * 200_000)], [FILE])
    assert (found.first_row, found.columns) == (2, ())


def test_words_say_which_of_the_two_is_not_what_was_published() -> None:
    altered = changed(1, risk="0.20")
    where = ": the first row that differs is 3 in risk."
    cases = {
        (altered, FILE, sha(FILE)): f"The stored file was altered after it was published{where}",
        (altered, FILE, sha(altered)): f"What was published does not follow from what is stored{where}",
        (altered, FILE, "0" * 64): (
            f"The stored file is neither what was published nor what follows from what is stored{where}"
        ),
        (FILE, FILE, "0" * 64): "The sidecar states another digest than that of the file.",
    }
    for (stored, replayed, published), words in cases.items():
        assert compare([stored], [replayed]).difference(published) == words


def test_words_name_the_row_alone_where_no_column_can_be_named() -> None:
    words = compare([b""], [FILE]).difference(sha(FILE))
    assert words == "The stored file was altered after it was published: the first row that differs is 1."
