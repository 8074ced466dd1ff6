"""A ledger as its bytes, and one byte of it changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clinrisk.core.ledger.chain import ChainedEntry, next_entry
from clinrisk.core.ledger.events import LedgerEvent
from clinrisk.core.ledger.verification import Verification, verify

FIRST = "heart/events/1"


@dataclass(frozen=True, kw_only=True)
class Occurrence(LedgerEvent):
    """An event of the tests."""

    event_name: ClassVar[str] = "occurred"
    first_stands: ClassVar[frozenset[str]] = frozenset({"at"})

    which: int
    at: str = "2026-03-01T09:30:00.000Z"
    reason: str = "Well calibrated in women, too: 1.02."
    use_case: str = "heart"

    @property
    def identity(self) -> str:
        """Which one it is."""
        return f"{self.use_case}/events/{self.which}"

    @property
    def moment(self) -> str:
        """When it happened."""
        return self.at


@dataclass
class LedgerObjects:
    """The bytes of the entries in order, and of the index by identity."""

    entries: list[bytes]
    index: dict[str, bytes]

    def verified(self) -> Verification:
        """Check them."""
        return verify(self.entries, self.index)

    def flip(self, which: int, bit: int) -> int:
        """Change one bit of one object, entries first; return the number of its entry."""
        if which < len(self.entries):
            self.entries[which] = _flipped(self.entries[which], bit)
            return which + 1
        identity = list(self.index)[which - len(self.entries)]
        self.index[identity] = _flipped(self.index[identity], bit)
        return which - len(self.entries) + 1


def _flipped(data: bytes, bit: int) -> bytes:
    at, shift = divmod(bit % (8 * len(data)), 8)
    return data[:at] + bytes([data[at] ^ 1 << shift]) + data[at + 1 :]


def chained(count: int) -> list[ChainedEntry]:
    """Return that many entries."""
    found: list[ChainedEntry] = []
    for which in range(1, count + 1):
        found.append(next_entry(found[-1] if found else None, Occurrence(which=which)))
    return found


def stored(count: int) -> LedgerObjects:
    """Return the objects of a ledger of that many entries."""
    found = chained(count)
    return LedgerObjects([one.data for one in found], {one.identity: one.index_data for one in found})
