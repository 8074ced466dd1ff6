"""The check of a ledger's objects: every entry hashed again, the chain from 1 to the newest, and the index.

It reads no storage: `clinrisk.aws.ledger` hands over what lies there. A ledger that lost its newest entries
together with their index objects verifies: compare the digest of the newest entry with one that was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.digests import sha256
from clinrisk.core.ledger.chain import (
    BEFORE_THE_FIRST,
    ENTRIES,
    INDEX,
    entry_key,
    fault_of,
    index_data,
    number_of,
    pointed_to,
)
from clinrisk.errors import LedgerAltered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Difference:
    """The first thing that is not as it was written."""

    number: int
    """The entry; 0 where no entry can be named."""
    what: str
    """A sentence."""


@dataclass(frozen=True)
class Verification:
    """What a check found."""

    count: int
    """How many entries hold as bytes and as a chain, from the first on."""
    head: str
    """The sha256 of the last of them; 64 zeros when there is none."""
    difference: Difference | None = None


def listing_difference(versions: Mapping[str, int], hidden: Iterable[str]) -> Difference | None:
    """Return the first difference that the names alone show, or None.

    `versions` are the objects under both prefixes with how many versions each has, `hidden` the keys with a
    delete marker.
    """
    found = [
        *(_of_key(key, f"{key} has a delete marker.") for key in hidden),
        *(
            _of_key(key, f"{key} has {count} versions: it was written over.")
            for key, count in versions.items()
            if count != 1
        ),
        *(
            Difference(0, f"{key} is no name of the ledger's.")
            for key in versions
            if key.startswith(ENTRIES) and not number_of(key)
        ),
    ]
    numbers = {number for key in versions if (number := number_of(key))}
    missing = next((number for number in range(1, max(numbers, default=0)) if number not in numbers), None)
    if missing:
        found.append(Difference(missing, f"Entry {missing} is missing: {entry_key(missing)}."))
    return first(found)


def _of_key(key: str, what: str) -> Difference:
    return Difference(number_of(key) or 0, what)


def verify(entries: Iterable[bytes], index: Mapping[str, bytes], newest: int = 0) -> Verification:
    """Check the entries in order from number 1 on, and the index objects by identity, up to a difference.

    The index may name entries up to number `newest` that were written since the others were read.
    """
    head, count = BEFORE_THE_FIRST, 0
    seen: dict[str, int] = {}
    unindexed = ""
    for number, data in enumerate(entries, start=1):
        if unindexed:
            # Only the newest entry may wait for its index object.
            what = f"Entry {number - 1} has no index object: {INDEX}{unindexed}.json."
            return Verification(count, head, Difference(number - 1, what))
        digest = sha256(data)
        fault, envelope = fault_of(number, data)
        identity = envelope.get("identity", "")
        pointer = index.get(identity)
        if not fault and envelope["previous"] != head:
            fault = f"does not carry the sha256 of entry {number - 1}: one of the two was altered"
        if not fault and identity in seen:
            fault = f"repeats the event of entry {seen[identity]}, {identity}"
        if not fault and pointer not in {None, index_data(identity, number, digest)}:
            fault = f"differs from its index object {INDEX}{identity}.json: one of the two was altered"
        if fault:
            return Verification(count, head, Difference(number, f"Entry {number} {fault}."))
        unindexed = identity if pointer is None else ""
        seen[identity] = number
        head, count = digest, number
    return Verification(count, head, _orphan(index, seen, count, newest))


def _orphan(
    index: Mapping[str, bytes], seen: Mapping[str, int], count: int, newest: int
) -> Difference | None:
    """Return the first index object whose entry is not there."""
    found = []
    for identity in index.keys() - seen.keys():
        try:
            number, _ = pointed_to(identity, index[identity])
        except LedgerAltered as altered:
            found.append(Difference(0, str(altered)))
            continue
        if count < number <= newest:
            continue
        what = f"Entry {number} is missing" if number > count else f"Entry {number} is another event"
        found.append(Difference(number, f"{what}: {INDEX}{identity}.json names it for {identity}."))
    return first(found)


def first(found: Iterable[Difference | None]) -> Difference | None:
    """Return the difference at the lowest entry; those that name none come last."""
    named = [one for one in found if one is not None]
    return min(named, key=lambda one: (one.number == 0, one.number, one.what), default=None)
