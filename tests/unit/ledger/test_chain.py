"""Entries are canonical, numbered and chained, and nothing else passes for one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clinrisk.core.digests import canonical_json, sha256
from clinrisk.core.ledger.chain import BEFORE_THE_FIRST, index_data, next_entry, parsed, pointed_to
from clinrisk.errors import LedgerAltered
from tests.unit.ledger.ledger_objects import FIRST, Occurrence, chained

DIGEST = "a" * 64


def changed(**fields: Any) -> bytes:
    """Return the first entry with other fields, spelled as an entry is."""
    return canonical_json(json.loads(chained(1)[0].data) | fields)


def test_the_first_entry_carries_zeros_and_every_other_the_digest_of_the_one_before() -> None:
    first, second = chained(2)
    assert (first.number, first.previous) == (1, BEFORE_THE_FIRST)
    assert (second.number, second.previous) == (2, sha256(first.data))


def test_an_entry_is_canonical_json_with_the_body_of_its_event() -> None:
    event = Occurrence(which=7)
    entry = next_entry(None, event)
    assert entry.data == canonical_json(
        {
            "at": event.at,
            "body": {"at": event.at, "reason": event.reason, "use_case": "heart", "which": 7},
            "event": "occurred",
            "format": 1,
            "identity": "heart/events/7",
            "number": 1,
            "previous": BEFORE_THE_FIRST,
        }
    )
    assert parsed(1, entry.data) == entry
    assert entry.use_case == "heart"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "is no JSON document"),
        (b"[" * 100_000, "is no JSON document"),
        (b"[]", "does not have the fields"),
        (b'{"number":1}', "does not have the fields"),
        (changed(format=2), "does not have the fields"),
        (changed(body="x"), "does not have the fields"),
        (changed(at=1), "does not have the fields"),
        (changed(identity=""), "does not have the fields"),
        (changed(identity="heart events"), "does not have the fields"),
        (changed(extra=1), "does not have the fields"),
        (changed(number=2), "carries another number"),
        (b" " + changed(), "is not spelled as it was written"),
        (json.dumps(json.loads(changed())).encode(), "is not spelled as it was written"),
    ],
)
def test_what_is_no_entry_is_named_and_never_read_as_one(data: bytes, why: str) -> None:
    with pytest.raises(LedgerAltered, match=rf"^Entry 1 of the ledger {why}"):
        parsed(1, data)


def test_an_event_is_recognised_by_its_facts_whenever_it_was_written() -> None:
    body = Occurrence(which=1).body()
    assert Occurrence(which=1, at="2027-01-01T00:00:00.000Z").is_in(body)
    assert not Occurrence(which=1, reason="Another one.").is_in(body)
    assert not Occurrence(which=1).is_in(body | {"more": 1})
    assert not Occurrence(which=1).is_in({"which": 1})


def test_an_index_object_names_number_and_digest() -> None:
    assert pointed_to(FIRST, index_data(FIRST, 7, DIGEST)) == (7, DIGEST)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"number":"x","sha256":""}',
        index_data("heart/events/2", 7, DIGEST),
        index_data(FIRST, 0, DIGEST),
        index_data(FIRST, 7, DIGEST) + b" ",
    ],
)
def test_what_is_no_index_object_is_named(data: bytes) -> None:
    with pytest.raises(LedgerAltered, match=f"not what was written for {FIRST}"):
        pointed_to(FIRST, data)
