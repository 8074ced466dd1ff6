"""Whatever the bytes: counts add up, and where a file is cut changes no row."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head, read_header

from .conftest import HEART, KEY, STROKE

HEADERS = {name: ",".join(use_cases.get(name).header) for name in ("stroke", "heart")}
GOOD = {"stroke": STROKE, "heart": HEART}
CELLS = st.sampled_from(
    [
        *(
            "",
            "0",
            "1",
            "67",
            "-9",
            "?",
            "N/A",
            "1e3",
            "nan",
            "Male",
            "Yes",
            '"1"',
            '"',
            '""',
            "a,b",
            '"a,b"',
            " 4 ",
        ),
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
            if use_case == "stroke":
                cells[0] = str(number if draw(st.booleans()) else 1)
            for position in draw(st.lists(st.integers(0, len(cells) - 1), max_size=2)):
                cells[position] = draw(CELLS)
            line = ",".join(cells)
        made.append(line if quotes else line.replace('"', ""))
    return made


@given(data=st.binary(max_size=400), use_case=st.sampled_from(["stroke", "heart"]))
@example(data=b"x^\x01", use_case="stroke")
@example(data=b"\xef\xbb\xbf1,2", use_case="stroke")
@example(data=b'"\n"\n"', use_case="heart")
def test_any_bytes_after_a_header_are_counted(data: bytes, use_case: str) -> None:
    file = HEADERS[use_case].encode() + b"\n" + data
    for purpose in ("training", "inference"):
        verdict = check_file(file, use_cases.get(use_case), purpose)
        assert verdict.rows_accepted + verdict.rows_quarantined <= data.count(b"\n") + 1
        if verdict.disposition != "REJECTED":
            assert sum(verdict.reasons.values()) == verdict.rows_quarantined


@given(data=st.binary(max_size=400))
def test_any_bytes_at_all_get_a_verdict(data: bytes) -> None:
    for name in use_cases.names():
        assert check_file(data, use_cases.get(name), "training").disposition in {
            "REJECTED",
            "PARTIAL",
            "ACCEPTED",
        }


@given(data=st.data(), use_case=st.sampled_from(["stroke", "heart"]))
def test_every_line_is_blank_or_counted(data: st.DataObject, use_case: str) -> None:
    text = "\n".join(data.draw(lines(use_case, quotes=False))).encode()
    chunk = read_chunk(text, use_cases.get(use_case), "training", HEADERS[use_case].split(","), 1, KEY)
    rows = [number for number, line in enumerate(text.split(b"\n"), 1) if line.strip()]
    assert chunk.counts.rows == len(rows)
    assert sorted([*chunk.features["row"], *chunk.quarantine["row"]]) == rows
    assert chunk.features.height == chunk.vault.height == chunk.counts.accepted


def test_the_head_decides_alone_whether_the_rest_is_read() -> None:
    data = (HEADERS["heart"] + "\n" + HEART + "\n").encode()
    assert check_file_head(data[:HEAD_BYTES], len(data), use_cases.get("heart"), "training") == []
    assert read_header(data).names == use_cases.get("heart").header
