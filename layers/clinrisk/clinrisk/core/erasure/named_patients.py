"""Whom an erasure or a hold is about: patients by keyed digests of their pseudonyms. numpy and polars."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.identity import are_record_ids
from clinrisk.core.ingest.pseudonyms import record_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 10_000
"""NamedPatients in one file of ids."""
_AROUND = ' \t\r\n"'


@dataclass(frozen=True)
class NamedPatients:
    """NamedPatients of one use case, whom `key` (that of its pseudonyms) makes findable."""

    record_ids: tuple[str, ...]
    key: bytes

    @classmethod
    def of_file(cls, text: str, key: bytes) -> NamedPatients:
        r"""Return the patients whom a text names: one id a line, the hospital's own or a record id.

        >>> len(NamedPatients.of_file("9046\n\n 9046 \n51676", b"key").record_ids)
        2
        """
        ids = pl.Series("id", sorted({line.strip(_AROUND) for line in text.splitlines()} - {""}), pl.String)
        ours = ids.filter(are_record_ids(ids)).to_list()
        return cls(tuple(sorted({*record_ids(ids, key).to_list(), *ours})), key)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """Keyed digests of the pseudonyms: what may be kept of whoever is erased or on hold."""
        return tuple(sorted(digests_of(self.record_ids, self.key)))

    def among(self, cells: pl.Series, *, by_hospital_id: bool) -> pl.Series:
        """Return which cells name one of the patients, as booleans; a missing cell names nobody."""
        wanted = pl.Series(self.record_ids, dtype=pl.String).implode()
        found = cells.is_in(wanted)
        if by_hospital_id:
            cleaned = cells.str.strip_chars(_AROUND)
            found = found | cleaned.is_in(wanted) | record_ids(cleaned, self.key).is_in(wanted)
        return found.fill_null(value=False)


def digests_of(pseudonyms: Iterable[str], key: bytes) -> list[str]:
    """Return the digest of each pseudonym: under a key of its own, so that no two lists can be compared.

    >>> digests_of(["a" * 32], b"key") == digests_of(["a" * 32], b"another")
    False
    """
    own = hashlib.sha256(b"clinrisk erased " + key).digest()
    return record_ids(pl.Series("record_id", list(pseudonyms), pl.String), own).to_list()
