"""Record ids are SipHash-2-4-128, whatever shortcut makes them."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clinrisk.core.ingest.pseudonyms import hex_of, record_ids, record_words, words_of

WORD = 2**64 - 1
# From the authors' reference implementation: the hash of the bytes 0 to n - 1 under the key 0, 1, ... 15.
VECTORS = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    2: "8177228da4a45dc7fca38bdef60affe4",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
}


def turned(value: int, left: int) -> int:
    return (value << left | value >> (64 - left)) & WORD


def mixed(state: list[int], rounds: int) -> None:
    for _ in range(rounds):
        a, b, c, d = state
        a, c = (a + b) & WORD, (c + d) & WORD
        b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
        a = turned(a, 32)
        a, c = (a + d) & WORD, (c + b) & WORD
        d, b = turned(d, 21) ^ a, turned(b, 17) ^ c
        state[:] = [a, b, turned(c, 32), d]


def siphash(data: bytes, key: bytes) -> str:
    """Hash one text after the paper, with 128 bits of output."""
    k0, k1 = (int.from_bytes(key[start : start + 8], "little") for start in (0, 8))
    state = [
        k0 ^ int.from_bytes(b"somepseu", "big"),
        k1 ^ int.from_bytes(b"dorandom", "big") ^ 0xEE,
        k0 ^ int.from_bytes(b"lygenera", "big"),
        k1 ^ int.from_bytes(b"tedbytes", "big"),
    ]
    padded = data + b"\0" * (7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= word
        mixed(state, 2)
        state[0] ^= word
    found = []
    for place, mark in ((2, 0xEE), (1, 0xDD)):
        state[place] ^= mark
        mixed(state, 4)
        found.append(state[0] ^ state[1] ^ state[2] ^ state[3])
    return b"".join(word.to_bytes(8, "little") for word in found).hex()


@pytest.mark.parametrize(("length", "expected"), VECTORS.items())
def test_the_authors_vectors(length: int, expected: str) -> None:
    text, key = "".join(map(chr, range(length))), bytes(range(16))
    assert record_ids(pl.Series([text]), key).to_list() == [expected]
    assert siphash(text.encode(), key) == expected


@given(
    texts=st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=80), max_size=8),
    key=st.binary(max_size=100),
)
@example(texts=["", "1234567", "12345678", "x" * 300, None], key=b"")
def test_a_record_id_is_the_keyed_hash_of_its_text(texts: list[str | None], key: bytes) -> None:
    secret = key if len(key) == 16 else hashlib.sha256(key).digest()[:16]
    expected = [None if text is None else siphash(text.encode(), secret) for text in texts]
    assert record_ids(pl.Series(texts, dtype=pl.String), key).to_list() == expected


def test_another_key_gives_other_ids() -> None:
    assert record_ids(pl.Series(["9046"]), b"a").to_list() != record_ids(pl.Series(["9046"]), b"b").to_list()


def test_ids_and_words_are_the_same_thing() -> None:
    words, _ = record_words(pl.Series(["9046", "9047"]), b"key")
    assert (words_of(hex_of(words)) == words).all()
