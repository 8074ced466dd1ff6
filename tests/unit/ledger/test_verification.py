"""The check names the first entry that is not as it was written, and what is wrong with it."""

from __future__ import annotations

import pytest

from clinrisk.core.digests import sha256
from clinrisk.core.ledger.chain import BEFORE_THE_FIRST, entry_key, index_data, index_key, next_entry
from clinrisk.core.ledger.verification import Difference, Verification, listing_difference, verify
from tests.unit.ledger.ledger_objects import FIRST, LedgerObjects, Occurrence, chained, stored

COUNT = 12


def difference(objects: LedgerObjects) -> Difference:
    found = objects.verified().difference
    assert found is not None
    return found


def test_a_ledger_that_is_as_it_was_written_holds_up_to_the_digest_of_its_newest_entry() -> None:
    objects = stored(COUNT)
    assert objects.verified() == Verification(COUNT, sha256(objects.entries[-1]))


def test_an_empty_ledger_holds() -> None:
    assert verify([], {}) == Verification(0, BEFORE_THE_FIRST)


def test_a_flipped_bit_in_any_byte_of_any_object_is_found_at_its_entry() -> None:
    objects = stored(3)
    every = [(which, len(data)) for which, data in enumerate([*objects.entries, *objects.index.values()])]
    for which, size in every:
        for at in range(size):
            objects = stored(3)
            number = objects.flip(which, 8 * at + at % 8)
            assert difference(objects).number == number, (which, at)


def test_an_entry_that_was_written_anew_with_its_index_is_found_by_the_next_one() -> None:
    objects = stored(2)
    forged = next_entry(None, Occurrence(which=1, reason="Forged."))
    objects.entries[0], objects.index[FIRST] = forged.data, forged.index_data
    assert difference(objects).what == (
        "Entry 2 does not carry the sha256 of entry 1: one of the two was altered."
    )


def test_an_entry_that_is_left_out_is_named() -> None:
    objects = stored(3)
    del objects.entries[1]
    assert difference(objects) == Difference(2, "Entry 2 carries another number than its name.")


def test_entries_that_were_cut_off_are_named_by_their_index() -> None:
    objects = stored(3)
    del objects.entries[1:]
    assert difference(objects) == Difference(
        2, "Entry 2 is missing: ledger-index/heart/events/2.json names it for heart/events/2."
    )


def test_an_event_that_is_there_twice_is_named() -> None:
    entries = chained(2)
    entries.append(next_entry(entries[-1], Occurrence(which=1)))
    objects = LedgerObjects([one.data for one in entries], {e.identity: e.index_data for e in entries[:2]})
    assert difference(objects) == Difference(3, f"Entry 3 repeats the event of entry 1, {FIRST}.")


def test_only_the_newest_entry_may_wait_for_its_index_object() -> None:
    objects = stored(3)
    del objects.index["heart/events/3"]
    assert objects.verified().difference is None
    del objects.index["heart/events/2"]
    assert objects.verified() == Verification(
        2,
        sha256(objects.entries[1]),
        Difference(2, "Entry 2 has no index object: ledger-index/heart/events/2.json."),
    )


def test_an_index_object_for_an_event_that_is_not_in_its_entry_is_named() -> None:
    objects = stored(2)
    objects.index["heart/events/9"] = index_data("heart/events/9", 2, "a" * 64)
    assert difference(objects).what.startswith("Entry 2 is another event")
    objects.index["heart/events/8"] = b"x"
    assert difference(objects).number == 2
    del objects.index["heart/events/9"]
    assert difference(objects).number == 0


def test_entries_that_came_while_the_others_were_read_are_left_for_the_next_time() -> None:
    objects, later = stored(2), stored(3)
    assert verify(objects.entries, later.index, newest=3).difference is None
    assert verify(objects.entries, later.index, newest=2).difference is not None


ENTRIES = {entry_key(number): 1 for number in (1, 2, 3)}
INDEX = {index_key(FIRST): 1}


def test_names_without_gaps_versions_or_markers_are_as_they_should_be() -> None:
    assert listing_difference(ENTRIES | INDEX, []) is None
    assert listing_difference({}, []) is None


@pytest.mark.parametrize(
    ("versions", "hidden", "found"),
    [
        ({entry_key(2): 2, entry_key(3): 2}, [], (2, "ledger/000000000002.json has 2 versions")),
        ({}, [entry_key(3)], (3, "ledger/000000000003.json has a delete marker")),
        ({entry_key(5): 1, entry_key(7): 1}, [], (4, "Entry 4 is missing")),
        ({"ledger/heart/a.json": 1}, [], (0, "ledger/heart/a.json is no name")),
        ({index_key(FIRST): 2}, [], (0, "ledger-index/heart/events/1.json has 2 versions")),
        ({"ledger/x": 1, entry_key(1): 2}, [], (1, "ledger/000000000001.json has 2 versions")),
    ],
)
def test_the_first_fault_of_the_names_is_named(
    versions: dict[str, int], hidden: list[str], found: tuple[int, str]
) -> None:
    named = listing_difference(ENTRIES | INDEX | versions, hidden)
    assert named is not None
    assert (named.number, named.what[: len(found[1])]) == found
