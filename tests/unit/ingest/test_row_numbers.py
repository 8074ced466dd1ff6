"""Rows are numbered as a spreadsheet shows them, whatever line breaks their cells have."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.local_files.marked_rows import as_csv
from clinrisk.core.ingest.check_file import check_rows
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.cutting import cut
from clinrisk.core.ingest.csv_file.quotes import count_rows

from .conftest import KEY
from .small_use_cases import GOOD, HEADERS, SMALL

HEADER = HEADERS["ward"]
COLUMNS = HEADER.split(",")
CELLS = st.sampled_from(
    [
        "",
        "67",
        "medi\ncine",
        "a\r\n\nb",
        "a, b\nc, d",
        "a\nb, c, d, e, f, g, h\n",
        "\n",
        'the "ward"',
        '"\n"',
        "a,b",
        "=1",
        "x" * 30,
    ]
)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Draw what follows a header: rows with any cells, as a spreadsheet writes them, and blank rows."""
    text = io.StringIO(newline="")
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    every = draw(st.booleans())
    table = csv.writer(text, lineterminator=ends, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL)
    for number in range(draw(st.integers(0, 15))):
        if draw(st.integers(0, 4)) == 0:
            text.write(ends)
            continue
        cells = GOOD["ward"].split(",")
        cells[0] = str(number)
        for position in draw(st.lists(st.integers(1, len(cells) - 1), max_size=2)):
            cells[position] = draw(CELLS)
        table.writerow(cells[: draw(st.sampled_from([len(cells)] * 5 + [len(cells) - 1]))])
    return text.getvalue()


def assert_numbered_as_csv(made: list[ParsedChunk], text: str) -> None:
    """Every row, used or not, has the number under which the csv module reads it."""
    rows = dict(enumerate(csv.reader(io.StringIO(text, newline="")), 1))
    for chunk in made:
        for number, case in chunk.vault.select("row", "source_id").iter_rows():
            assert rows.pop(number)[0] == case
        for number, raw in chunk.quarantine.select("row", "raw").iter_rows():
            assert next(csv.reader(io.StringIO(raw, newline=""))) == rows.pop(number)
    # What is left are the header and blank rows.
    assert [row for row in rows.values() if any(cell.strip() for cell in row)] == [COLUMNS]


@given(body=bodies(), at_least=st.integers(1, 200), block=st.integers(1, 300))
def test_every_row_has_the_number_that_the_csv_module_gives_it(body: str, at_least: int, block: int) -> None:
    data = f"{HEADER}\n{body}".encode()
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    pieces = cut(blocks, len(HEADER) + 1, len(data), len(COLUMNS), at_least)
    made = [
        read_chunk(data[one.start : one.end], SMALL["ward"], "training", COLUMNS, one.first_row, KEY)
        for one in pieces
    ]
    assert_numbered_as_csv(made, f"{HEADER}\n{body}")


FILE = """case,age,lactate,unit,ventilated,sepsis
1,67,1.5,"medi
cine",0,1

2,67,1.5,medicine,0,1
3,abc,1.5,medicine,0,1
"""


def test_what_is_given_back_is_the_complete_row_under_its_number() -> None:
    verdict, rows = check_rows(FILE.encode(), SMALL["ward"], "training")
    assert dict(verdict.first_rows) == {"line_break_in_cell": (2,), "not_a_number:age": (5,)}
    marked = list(csv.DictReader(io.StringIO(as_csv(rows.to_dicts(), SMALL["ward"]).decode(), newline="")))
    assert [(row["row"], row["line"]) for row in marked] == [
        ("2", '1,67,1.5,"medi\ncine",0,1'),
        ("5", "3,abc,1.5,medicine,0,1"),
    ]


@pytest.mark.parametrize(
    ("stray", "rules"),
    [
        ('1,"67,1.5,medicine,0,1', [(2, "unbalanced_quotes")]),
        ('1,6"7,1.5,medicine,0,1', [(2, "unbalanced_quotes")]),
        # Nothing between the two quotes is a row: what the spreadsheet shows as one row is one.
        ('1,"67,1.5,medicine,0\n2",67', [(2, "line_break_in_cell")]),
    ],
)
def test_a_stray_quote_costs_its_row_and_shifts_none(stray: str, rules: list[tuple[int, str]]) -> None:
    data = f"{HEADER}\n{stray}\n2,67,1.5,medicine,0,1\n3,67,1.5,medicine,0,1\n".encode()
    made = read_chunk(data[len(HEADER) + 1 :], SMALL["ward"], "training", COLUMNS, 2, KEY)
    assert list(made.quarantine.select("row", "rule").iter_rows()) == rules
    assert made.features["row"].to_list() == [3, 4]


def test_rows_are_counted_as_often_as_they_end() -> None:
    assert count_rows(b"", 3) == 0
    assert count_rows(b'1,2,3\n"a\nb",2,3\n4,5,', 3) == 2
