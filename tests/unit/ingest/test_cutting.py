"""Chunks are whole lines, cover the file, and number their rows as the file does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clinrisk.ingest.cutting import cut


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=40),
    ended=st.sampled_from([b"", b"\n"]),
    block=st.integers(1, 30),
    at_least=st.integers(1, 60),
)
def test_a_file_cut_anywhere_is_the_same_file(
    lines: list[bytes], ended: bytes, block: int, at_least: int
) -> None:
    header = b"a,b\n"
    body = b"\n".join(lines) + ended
    data = header + body
    blocks = [data[start : start + block] for start in range(0, len(data), block)]
    pieces = cut(blocks, len(header), len(data), at_least)
    assert b"".join(data[piece.start : piece.end] for piece in pieces) == body
    for piece in pieces:
        assert piece.first_row == 1 + data[len(header) : piece.start].count(b"\n")
    for piece in pieces[:-1]:
        assert data[piece.start : piece.end].endswith(b"\n")
        assert piece.end - piece.start >= at_least
