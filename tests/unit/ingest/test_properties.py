"""Whatever the bytes: every line is counted once, and every file gets a verdict that adds up."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.content import table_format

from .conftest import KEY
from .small_use_cases import GOOD, HEADERS, SMALL

CELLS = st.sampled_from(
    [
        *("", "0", "1", "67", "-9", "?", "N/A", "1e3", "nan", "icu", '"1"', '"', '""', "a,b", '"a,b"', " 4 "),
        *("=1", "\uff14", "\u200b", "\r", "\x1f", "\x1e", "x" * 5000, "9" * 400, "-0.0", "4"),
    ]
)
ODD_LINES = st.sampled_from(["", " ", ",", '"', '",', "\r", "x^1,2", "\ufeff1,2", *HEADERS.values()])


@st.composite
def lines(draw: st.DrawFn, use_case: str, *, quotes: bool) -> list[str]:
    """Draw lines of a file: good rows with some cells replaced, and odd lines."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        if draw(st.integers(0, 3)) == 0:
            line = draw(ODD_LINES)
        else:
            cells = GOOD[use_case].split(",")
            if SMALL[use_case].id_column:
                cells[0] = str(number if draw(st.booleans()) else 1)
            for position in draw(st.lists(st.integers(0, len(cells) - 1), max_size=2)):
                cells[position] = draw(CELLS)
            line = ",".join(cells)
        made.append(line if quotes else line.replace('"', ""))
    return made


@given(data=st.binary(max_size=400), use_case=st.sampled_from(list(SMALL)))
@example(data=b"x^\x01", use_case="ward")
@example(data=b"\xef\xbb\xbf1,2", use_case="ward")
@example(data=b'"\n"\n"', use_case="clinic")
def test_any_bytes_after_a_header_are_counted(data: bytes, use_case: str) -> None:
    file = HEADERS[use_case].encode() + b"\n" + data
    for purpose in ("training", "inference"):
        verdict = check_file(file, SMALL[use_case], purpose)
        assert verdict.rows_accepted + verdict.rows_quarantined <= data.count(b"\n") + 1
        unread = verdict.disposition == "REJECTED" and not verdict.rows_quarantined
        assert sum(verdict.reasons.values()) == (
            len(verdict.problems) if unread else verdict.rows_quarantined
        )


@given(data=st.binary(max_size=400), use_case=st.sampled_from(list(SMALL)))
def test_bytes_without_a_header_are_rejected_with_a_problem(data: bytes, use_case: str) -> None:
    assume(not table_format(data))  # they are read by a process that knows no small use case
    verdict = check_file(data, SMALL[use_case], "training")
    assert verdict.disposition == "REJECTED"
    assert verdict.problems


@pytest.mark.parametrize("quotes", [False, True])
@given(data=st.data(), use_case=st.sampled_from(list(SMALL)))
def test_every_line_is_blank_or_counted(data: st.DataObject, use_case: str, quotes: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    text = "\n".join(data.draw(lines(use_case, quotes=quotes))).encode()
    chunk = read_chunk(text, SMALL[use_case], "training", HEADERS[use_case].split(","), 1, KEY)
    rows = [number for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    found = sorted([*chunk.features["row"], *chunk.quarantine["row"]])
    assert chunk.counts.rows == len(found) == len(set(found))
    assert chunk.features.height == chunk.vault.height == chunk.counts.accepted
    # With quotes, lines that a line break in a cell joins are one row (numbered in test_row_numbers).
    assert found == rows if not quotes else len(found) <= len(rows)
