"""Record ids: the keyed hash that replaces a hospital's own id, the same for a patient in every upload.

SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012), a pseudorandom function for short texts:
whoever lacks the key can neither compute nor recognise an id. It works on whole columns at once, which makes
it several times faster than one call of a hash per id (docs/decisions/0007). numpy and polars.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Rotation = tuple[np.uint64, np.uint64]

RECORD_ID_LENGTH = 32
RECORD_ID_BYTES = 16
_WORD = 8
# As many rows at a time as stay in the processor's cache.
_ROWS = 16_384
_ROTATIONS = {left: (np.uint64(left), np.uint64(64 - left)) for left in (13, 16, 17, 21, 32)}
_START = tuple(np.frombuffer(text, "<u8")[0] for text in (b"uespemos", b"modnarod", b"arenegyl", b"setybdet"))


def record_ids(texts: pl.Series, key: bytes) -> pl.Series:
    """Return one record id per text: 32 hex digits under the use case's key; null where the text is null.

    >>> record_ids(pl.Series(["9046", None]), b"key").str.len_chars().to_list()
    [32, None]
    """
    words, known = record_words(texts, key)
    ids = hex_of(words)
    return ids if known.all() else ids.set(pl.Series(~known), None)


def record_words(texts: pl.Series, key: bytes) -> tuple[Words, NDArray[np.bool_]]:
    """Return each text's hash as two words (an array of rows x 2), and which texts are not null."""
    length = texts.str.len_bytes().cast(pl.Int64)
    known = texts.is_not_null().to_numpy()
    counts = length.fill_null(0).to_numpy() // _WORD + 1
    words = np.zeros((len(texts), 2), np.uint64)
    secret = _secret(key)
    # Texts of as many words are hashed together; ids are nearly all of one length.
    for count in np.flatnonzero(np.bincount(counts[known])).tolist():
        where = known & (counts == count)
        every = bool(where.all())
        part = texts if every else texts.filter(pl.Series(where))
        made = _hash(_blocks(part, count), secret)
        if every:
            return made, known
        words[where] = made
    return words, known


def hex_of(words: Words) -> pl.Series:
    """Return the record ids of hashes: 32 hex digits each."""
    digits = pl.Series("record_id", words.view(np.uint8).reshape(len(words), RECORD_ID_BYTES))
    return digits.cast(pl.List(pl.UInt8)).cast(pl.Binary).bin.encode("hex")


def words_of(ids: pl.Series) -> Words:
    """Return the words of record ids, the inverse of `hex_of`; zeros where an id is null."""
    digits = ids.fill_null("0" * RECORD_ID_LENGTH).str.decode("hex")
    halves = (digits.bin.slice(start, _WORD) for start in (0, _WORD))
    columns = [half.bin.reinterpret(dtype=pl.UInt64, endianness="little").to_numpy() for half in halves]
    return np.column_stack(columns)


def _secret(key: bytes) -> Words:
    """Return the 128-bit key of SipHash: the key where it has that size, else the start of its sha256."""
    return np.frombuffer(key if len(key) == RECORD_ID_BYTES else hashlib.sha256(key).digest()[:16], "<u8")


def _blocks(texts: pl.Series, count: int) -> list[Words]:
    """Return texts as `count` words each, zeros after the text and its length in the last byte."""
    padded = (texts + "\0" * _WORD).cast(pl.Binary)
    words = [
        padded.bin.slice(start, _WORD).bin.reinterpret(dtype=pl.UInt64, endianness="little").to_numpy()
        for start in range(0, count * _WORD, _WORD)
    ]
    length = (texts.str.len_bytes().cast(pl.UInt64) % 256).to_numpy()
    words[-1] = words[-1] & np.uint64(2**56 - 1) | length << np.uint64(56)
    return words


def _hash(blocks: Sequence[Words], secret: Words) -> Words:
    """Return the hashes of texts given as words, computed some thousands of rows at a time."""
    rows = len(blocks[0])
    out = np.empty((rows, 2), np.uint64)
    for start in range(0, rows, _ROWS):
        part = slice(start, start + _ROWS)
        out[part, 0], out[part, 1] = _siphash([block[part] for block in blocks], secret)
    return out


def _siphash(blocks: Iterable[Words], secret: Words) -> tuple[Words, Words]:
    """Return SipHash-2-4-128 of texts: the reference algorithm on arrays."""
    blocks = list(blocks)
    state = [
        np.full(len(blocks[0]), start ^ secret[index % 2], np.uint64) for index, start in enumerate(_START)
    ]
    spare = np.empty_like(state[0])
    state[1] ^= np.uint64(0xEE)
    for block in blocks:
        state[3] ^= block
        _rounds(state, spare, 2)
        state[0] ^= block
    state[2] ^= np.uint64(0xEE)
    _rounds(state, spare, 4)
    low = state[0] ^ state[1] ^ state[2] ^ state[3]
    state[1] ^= np.uint64(0xDD)
    _rounds(state, spare, 4)
    return low, state[0] ^ state[1] ^ state[2] ^ state[3]


def _rounds(state: Sequence[Words], spare: Words, times: int) -> None:
    """Mix the four words of state in place."""
    a, b, c, d = state
    for _ in range(times):
        _mix(a, b, _ROTATIONS[13], spare)
        _mix(c, d, _ROTATIONS[16], spare)
        _rotate(a, _ROTATIONS[32], spare)
        _mix(a, d, _ROTATIONS[21], spare)
        _mix(c, b, _ROTATIONS[17], spare)
        _rotate(c, _ROTATIONS[32], spare)


def _mix(one: Words, other: Words, rotation: Rotation, spare: Words) -> None:
    """Add, rotate and xor in place: a quarter of a round."""
    one += other
    _rotate(other, rotation, spare)
    other ^= one


def _rotate(words: Words, rotation: Rotation, spare: Words) -> None:
    """Rotate in place."""
    left, right = rotation
    np.right_shift(words, right, out=spare)
    np.left_shift(words, left, out=words)
    np.bitwise_or(words, spare, out=words)
