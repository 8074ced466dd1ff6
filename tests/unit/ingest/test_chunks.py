"""Where a file is cut changes nothing, whatever repeats in several chunks."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinrisk.core.ingest import cross_chunk
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.cutting import cut
from clinrisk.core.ingest.csv_file.quotes import count_rows
from clinrisk.core.ingest.pseudonyms import hex_of
from clinrisk.core.ingest.verdict import add_counts
from clinrisk.core.profiles import feature_profile

from .conftest import KEY
from .small_use_cases import GOOD, HEADERS, SMALL
from .test_properties import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages.ingest import RowCounts

# An example reads up to two dozen chunks: a third of the examples finds what a cut can do wrong.
FEWER = settings(max_examples=settings().max_examples // 3)
OUTCOMES = st.lists(
    st.sampled_from(
        ["1,1,2024-05-01", "1,0,2024-05-01", "2,1,2024-05-01", "2,1,01.05.2024", ",1,2024-05-01", ""]
    )
)

RESPONSES = st.lists(
    st.sampled_from(
        [
            "1,accepted,,nurse,2024-05-01",
            "1,overridden,other,nurse,2024-05-01",
            "1,accepted,,physician,2024-05-01",
            "1,accepted,,nurse,2024-05-02",
            "2,not_seen,,nurse,2024-05-01",
            "2,no idea,,nurse,2024-05-01",
        ]
    )
)
ANSWERS = {"outcomes": ["id", "label", "date"], "feedback": ["id", "response", "reason", "role", "date"]}


def read(
    texts: list[str], use_case: str, purpose: str, duplicates: dict[int, pl.DataFrame] | None = None
) -> list[ParsedChunk]:
    """Read the pieces of a file, each with what the others hold of its ids."""
    header = ANSWERS.get(purpose) or HEADERS[use_case].split(",")
    shared = duplicates or {}
    found = []
    row = 1
    for index, text in enumerate(texts):
        found.append(read_chunk(text.encode(), SMALL[use_case], purpose, header, row, KEY, shared.get(index)))
        row += count_rows(text.encode(), len(header))
    return found


def exact(counts: RowCounts) -> RowCounts:
    """Leave out what is counted in a sample of each chunk."""
    sampled = ("sampled", "alike")
    facts = {name: n for name, n in counts.facts.items() if name.partition(":")[0] not in sampled}
    return replace(counts, facts=facts)


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


def assert_same(complete: ParsedChunk, parts: list[ParsedChunk]) -> None:
    """The parts together are the file read at once."""
    assert pl.concat([part.features for part in parts]).equals(complete.features, null_equal=True)
    assert pl.concat([part.vault for part in parts]).equals(complete.vault)
    if complete.profile:
        assert feature_profile.merge([part.profile for part in parts if part.profile]) == complete.profile
    assert exact(add_counts([part.counts for part in parts])) == exact(complete.counts)
    assert pl.concat([part.quarantine for part in parts]).equals(complete.quarantine)


def check(made: list[str], texts: list[str], use_case: str, purpose: str) -> None:
    """Read at once and in pieces, and compare."""
    [complete] = read(["".join(line + "\n" for line in made)], use_case, purpose)
    own_ids = SMALL[use_case].id_column is not None or purpose in ANSWERS
    parts = read(texts, use_case, purpose)
    duplicates = reconcile(parts, own_ids=own_ids)
    # Only chunks that share ids are read again.
    again = read(texts, use_case, purpose, duplicates) if duplicates else parts
    assert_same(complete, again)
    for first, second in zip(parts, again, strict=True):
        # A step that is repeated compares the chunks anew and must find the same.
        assert second.duplicates.ids.equals(first.duplicates.ids)
        assert second.duplicates.hashes.tolist() == first.duplicates.hashes.tolist()
    if own_ids:
        lost = [
            cross_chunk.count_lost_rows(rows, parts[index].duplicates.ids)
            for index, rows in duplicates.items()
        ]
        assert sum(lost) == sum(part.counts.accepted for part in parts) - complete.counts.accepted


@FEWER
@given(data=st.data(), cuts=st.lists(st.integers(0, 12), max_size=4))
@pytest.mark.parametrize(("use_case", "purpose"), [("ward", "training"), ("clinic", "inference")])
def test_cutting_at_any_line_end_gives_the_same_rows(
    data: st.DataObject, cuts: list[int], use_case: str, purpose: str
) -> None:
    made = data.draw(lines(use_case, quotes=False))
    check(made, pieces(made, cuts), use_case, purpose)


def quoted(use_case: str) -> st.SearchStrategy[list[str]]:
    """Lines of good rows, of rows with a line break in a cell, and what resembles parts of such rows."""
    cells = GOOD[use_case].split(",")
    rest = ",".join(cells[2:])
    rows = [
        [",".join(cells)],
        [f'{cells[0]},"6', f'7",{rest}'],
        [f'{cells[0]},"6', "7", "", f'0",{rest}'],
        [f'{cells[0]},"6'],
        [f'7",{rest}'],
        [f'",{",".join(cells[1:])}'],
        ['"'],
        [""],
    ]
    return st.lists(st.sampled_from(rows), max_size=12).map(
        lambda made: [line for row in made for line in row]
    )


@FEWER
@given(data=st.data(), at_least=st.integers(1, 200), block=st.integers(1, 200))
@pytest.mark.parametrize("use_case", list(SMALL))
def test_where_the_inbox_cuts_no_row_changes_whatever_its_quotes(
    data: st.DataObject, at_least: int, block: int, use_case: str
) -> None:
    made = data.draw(quoted(use_case) | lines(use_case, quotes=True))
    check(made, planned(made, at_least, block, HEADERS[use_case].count(",") + 1), use_case, "training")


@pytest.mark.parametrize("use_case", list(SMALL))
@pytest.mark.parametrize("block", [11, 10_000])
def test_a_cut_before_inside_or_behind_a_cell_of_several_lines_changes_no_row(
    use_case: str, block: int
) -> None:
    first, *cells = GOOD[use_case].split(",")
    good, rest = GOOD[use_case], ",".join(cells[1:])
    made = [
        good,
        *(f'{first},"6', f'7",{rest}'),
        good,
        *(f'{first},"6', "7", "", f'0",{rest}'),
        *(f'{first},"6', good, f'7",{rest}'),
        good,
    ]
    ends = np.cumsum([len(line) + 1 for line in made]).tolist()
    found = set()
    for at_least in ends:
        texts = planned(made, at_least, block, len(cells) + 1)
        found.add(len(texts))
        check(made, texts, use_case, "training")
    assert found >= {1, 2, 3}


@FEWER
@given(made=OUTCOMES, cuts=st.lists(st.integers(0, 12), max_size=4))
def test_cutting_outcomes_gives_the_same_rows(made: list[str], cuts: list[int]) -> None:
    check(made, pieces(made, cuts), "ward", "outcomes")


@FEWER
@given(made=RESPONSES, cuts=st.lists(st.integers(0, 12), max_size=4))
def test_cutting_feedback_gives_the_same_rows(made: list[str], cuts: list[int]) -> None:
    check(made, pieces(made, cuts), "ward", "feedback")


@FEWER
@given(
    picks=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["67", "67.0", "68", "x"])), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=5),
)
@example(picks=[(1, "67"), (1, "68"), (1, "67")], cuts=[2])
@example(picks=[(1, "67"), (1, "67"), (1, "68")], cuts=[2])
@example(picks=[(1, "67"), (1, "67.0"), (1, "67")], cuts=[1])
@example(picks=[(1, "x"), (1, "67"), (1, "68")], cuts=[2])
def test_repeats_and_conflicts_are_found_between_chunks(
    picks: list[tuple[int, str]], cuts: list[int]
) -> None:
    rest = GOOD["ward"].split(",", 2)[2]
    made = [f"{number},{age},{rest}" for number, age in picks]
    check(made, pieces(made, cuts), "ward", "training")


@FEWER
@given(
    picks=st.lists(st.sampled_from(["63", "63.0", "64"]), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=5),
)
@example(picks=["63", "63", "63.0", "64"], cuts=[1, 2, 3])
def test_equal_patients_without_ids_are_numbered_in_all_chunks(picks: list[str], cuts: list[int]) -> None:
    rest = GOOD["clinic"].partition(",")[2]
    made = [f"{age},{rest}" for age in picks]
    check(made, pieces(made, cuts), "clinic", "training")


def test_what_chunks_hold_of_one_another_survives_storage() -> None:
    row = GOOD["ward"]
    parts = read([f"{row}\n", f"{row}\n{row.replace('67', '68')}\n"], "ward", "training")
    duplicates = reconcile(parts, own_ids=True)
    assert [frame.select("before", "conflicting").rows() for frame in duplicates.values()] == [
        [(0, True)],
        [(1, True)],
    ]
    stream = io.BytesIO()
    duplicates[0].write_parquet(stream)
    assert pl.read_parquet(io.BytesIO(stream.getvalue())).equals(duplicates[0])


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_indexes_compared_range_by_range_find_the_same_ids(at_once: int) -> None:
    rng = np.random.default_rng(3)
    pool = rng.integers(0, 2**64, (300, 2), dtype=np.uint64)
    # Half of an id may be equal by chance without the ids being so.
    pool[:5, 0] = pool[5:10, 0]
    held = [pool[rng.integers(0, 300, 120)] for _ in range(4)]
    indexes = [cross_chunk.digest_index(hashes) for hashes in held]
    ranges = list(cross_chunk.byte_ranges([cross_chunk.range_starts(index) for index in indexes], at_once))
    assert (len(ranges) == 1) == (at_once == 10_000)
    for index, *spans in zip(indexes, *ranges, strict=True):
        joined = b"".join(index[start:end] for start, end in spans)
        assert joined == index[cross_chunk.RANGE_TABLE_BYTES :]
    found = pl.concat(
        cross_chunk.shared_ids([index[start:end] for index, (start, end) in zip(indexes, each, strict=True)])
        for each in ranges
    )
    owners: dict[str, set[int]] = {}
    for number, hashes in enumerate(held):
        for record_id in hex_of(hashes):
            owners.setdefault(record_id, set()).add(number)
    expected = {(name, chunk) for name, chunks in owners.items() if len(chunks) > 1 for chunk in chunks}
    assert found.height == len(expected)
    assert set(found.iter_rows()) == expected
