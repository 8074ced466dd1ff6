"""Where a file is cut changes nothing, whatever repeats across the cut."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinrisk import use_cases
from clinrisk.core.ingest import cross_chunk
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.counts import add_counts
from clinrisk.core.ingest.csv_file.cutting import cut
from clinrisk.core.profiles import feature_profile

from .conftest import HEART, KEY, STROKE
from .test_properties import HEADERS, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTCOMES = st.lists(
    st.sampled_from(
        ["1,1,2024-05-01", "1,0,2024-05-01", "2,1,2024-05-01", "2,1,01.05.2024", ",1,2024-05-01", ""]
    )
)


def read(
    texts: list[str], use_case: str, purpose: str, other_chunks: dict[int, pl.DataFrame] | None = None
) -> list[ParsedChunk]:
    """Read the pieces of a file."""
    header = ["id", "label", "date"] if purpose == "outcomes" else HEADERS[use_case].split(",")
    told = other_chunks or {}
    found = []
    row = 1
    for index, text in enumerate(texts):
        found.append(
            read_chunk(text.encode(), use_cases.get(use_case), purpose, header, row, KEY, told.get(index))
        )
        row += text.count("\n")
    return found


def pieces(made: list[str], cuts: list[int]) -> list[str]:
    """Cut lines into pieces; some may be empty."""
    bounds = [0, *sorted(cut % (len(made) + 1) for cut in cuts), len(made)]
    return ["".join(line + "\n" for line in made[a:b]) for a, b in pairwise(bounds)]


def planned(made: list[str], at_least: int, block: int, columns: int) -> list[str]:
    """Cut lines into pieces as the inbox does."""
    data = "".join(line + "\n" for line in made).encode()
    blocks = (data[start : start + block] for start in range(0, len(data), block))
    return [data[one.start : one.end].decode() for one in cut(blocks, 0, len(data), columns, at_least)]


def reconcile(chunks: Sequence[ParsedChunk], *, own_ids: bool) -> dict[int, pl.DataFrame]:
    """Find the duplicates between chunks as the inbox does, with every digest index in memory."""
    indexes = [cross_chunk.digest_index(chunk.duplicates.hashes) for chunk in chunks]
    [ranges] = cross_chunk.byte_ranges([cross_chunk.range_starts(index) for index in indexes])
    found = cross_chunk.shared_ids(
        [index[start:end] for index, (start, end) in zip(indexes, ranges, strict=True)]
    )
    repeated = {number: chunk.duplicates.ids for number, chunk in enumerate(chunks)}
    hashes = {
        number: cross_chunk.row_hashes(chunk.features, found["record_id"])
        for number, chunk in enumerate(chunks)
        if own_ids
    }
    return cross_chunk.duplicates_in_other_chunks(found, repeated, hashes)


def assert_same(whole: ParsedChunk, parts: list[ParsedChunk]) -> None:
    """The parts together are the whole."""
    assert pl.concat([part.features for part in parts]).equals(whole.features, null_equal=True)
    assert pl.concat([part.vault for part in parts]).equals(whole.vault)
    if whole.profile:
        assert feature_profile.merge([part.profile for part in parts if part.profile]) == whole.profile
    assert add_counts([part.counts for part in parts]) == whole.counts
    assert pl.concat([part.quarantine for part in parts]).equals(whole.quarantine)


def check(made: list[str], texts: list[str], use_case: str, purpose: str) -> None:
    """Read whole and in pieces, and compare."""
    [whole] = read(["".join(line + "\n" for line in made)], use_case, purpose)
    own_ids = use_cases.get(use_case).id_column is not None or purpose == "outcomes"
    told = reconcile(read(texts, use_case, purpose), own_ids=own_ids)
    assert_same(whole, read(texts, use_case, purpose, told))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), cuts=st.lists(st.integers(0, 12), max_size=4))
@pytest.mark.parametrize("purpose", ["training", "inference"])
@pytest.mark.parametrize("use_case", ["stroke", "heart"])
def test_cutting_at_any_line_end_gives_the_same_rows(
    data: st.DataObject, cuts: list[int], use_case: str, purpose: str
) -> None:
    made = data.draw(lines(use_case, quotes=False))
    check(made, pieces(made, cuts), use_case, purpose)


def broken(use_case: str) -> st.SearchStrategy[list[str]]:
    """Lines of good rows, of rows with a line break in a cell, and what looks like parts of such rows."""
    cells = STROKE.split(",") if use_case == "stroke" else HEART.split(",")
    rest = ",".join(cells[2:])
    rows = [
        [",".join(cells)],
        [f'{cells[0]},"Ma', f'le",{rest}'],
        [f'{cells[0]},"Ma', "l", "", f'e",{rest}'],
        [f'{cells[0]},"Ma'],
        [f'le",{rest}'],
        [f'",{",".join(cells[1:])}'],
        ['"'],
        [""],
    ]
    return st.lists(st.sampled_from(rows), max_size=12).map(
        lambda made: [line for row in made for line in row]
    )


@settings(max_examples=120, deadline=None)
@given(data=st.data(), at_least=st.integers(1, 300), block=st.integers(1, 300))
@pytest.mark.parametrize("use_case", ["stroke", "heart"])
def test_where_the_inbox_cuts_no_row_changes_whatever_its_quotes(
    data: st.DataObject, at_least: int, block: int, use_case: str
) -> None:
    made = data.draw(broken(use_case) | lines(use_case, quotes=True))
    check(made, planned(made, at_least, block, HEADERS[use_case].count(",") + 1), use_case, "training")


@settings(max_examples=80, deadline=None)
@given(made=OUTCOMES, cuts=st.lists(st.integers(0, 12), max_size=4))
def test_cutting_outcomes_gives_the_same_rows(made: list[str], cuts: list[int]) -> None:
    check(made, pieces(made, cuts), "stroke", "outcomes")


@settings(max_examples=80, deadline=None)
@given(
    picks=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["67", "67.0", "68", "x"])), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=5),
)
@example(picks=[(1, "67"), (1, "68"), (1, "67")], cuts=[2])
@example(picks=[(1, "67"), (1, "67"), (1, "68")], cuts=[2])
@example(picks=[(1, "67"), (1, "67.0"), (1, "67")], cuts=[1])
@example(picks=[(1, "x"), (1, "67"), (1, "68")], cuts=[2])
def test_repeats_and_contradictions_are_found_across_chunks(
    picks: list[tuple[int, str]], cuts: list[int]
) -> None:
    cells = STROKE.split(",")
    made = [",".join([str(number), cells[1], age, *cells[3:]]) for number, age in picks]
    check(made, pieces(made, cuts), "stroke", "training")


@settings(max_examples=80, deadline=None)
@given(
    picks=st.lists(st.sampled_from(["63", "63.0", "64"]), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=5),
)
def test_equal_patients_without_ids_are_numbered_across_chunks(picks: list[str], cuts: list[int]) -> None:
    rest = HEART.partition(",")[2]
    made = [f"{age},{rest}" for age in picks]
    check(made, pieces(made, cuts), "heart", "training")


def test_what_chunks_say_survives_storage() -> None:
    parts = read([f"{STROKE}\n", f"{STROKE}\n{STROKE.replace('67', '68')}\n"], "stroke", "training")
    told = reconcile(parts, own_ids=True)
    assert [frame.select("before", "conflicting").rows() for frame in told.values()] == [
        [(0, True)],
        [(1, True)],
    ]
    stream = io.BytesIO()
    told[0].write_parquet(stream)
    assert pl.read_parquet(io.BytesIO(stream.getvalue())).equals(told[0])
