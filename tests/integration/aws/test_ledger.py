"""The ledger under races, crashes and forgeries: no gap, no fork, no event twice, and nothing passed over."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from clinrisk.aws import clients, ledger
from clinrisk.core.digests import canonical_json
from clinrisk.core.ledger import chain
from clinrisk.core.ledger.verification import Difference, Verification
from clinrisk.errors import LedgerAltered, ObjectMissing
from clinrisk.messages.ingest import Disposition, Settlement, UploadDecision
from tests.unit.ledger.ledger_objects import Occurrence, chained

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

AUDIT = "clinrisk-audit"
WRITERS = 20


def objects(stack: Stack) -> dict[str, bytes]:
    return {key: stack.read(f"s3://{AUDIT}/{key}") for key in stack.keys("audit")}


def write(count: int, start: int = 1) -> None:
    for which in range(start, start + count):
        ledger.append(Occurrence(which=which))


def plant(stack: Stack, key: str, data: bytes) -> None:
    """Store what nobody of ours has written."""
    stack.s3.put_object(Bucket=AUDIT, Key=key, Body=data)


def test_entries_are_numbered_and_chained_and_the_index_names_each(stack: Stack) -> None:
    write(3)
    made = chained(3)
    assert objects(stack) == {chain.entry_key(one.number): one.data for one in made} | {
        chain.index_key(one.identity): one.index_data for one in made
    }
    assert ledger.entries() == made
    assert ledger.verify() == Verification(3, made[-1].sha256)


def test_a_reference_is_the_entrys(stack: Stack) -> None:
    stored = ledger.append(Occurrence(which=1))
    assert stored.uri == f"s3://{AUDIT}/ledger/000000000001.json"
    assert stored.sha256 == chained(1)[0].sha256
    assert ledger.append(Occurrence(which=1)) == stored
    assert len(stack.ledger()) == 1


def test_a_repeated_call_finds_its_own_entry_and_the_first_keeps_its_time(stack: Stack) -> None:
    write(3)
    before = objects(stack)
    ledger.append(Occurrence(which=2, at="2027-01-01T00:00:00.000Z"))
    write(3)
    assert objects(stack) == before


def test_the_same_event_with_other_facts_is_a_loud_error(stack: Stack) -> None:
    write(2)
    with pytest.raises(
        LedgerAltered, match=r"^Entry 1 of the ledger states other facts about heart/events/1"
    ):
        ledger.append(Occurrence(which=1, reason="Another one."))
    assert len(stack.ledger()) == 2


@pytest.mark.usefixtures("one_call_at_a_time")
def test_writers_at_once_leave_an_entry_each_without_gap_or_fork(stack: Stack) -> None:
    start = threading.Barrier(WRITERS)

    def together(which: int) -> str:
        start.wait()
        # Half of them write an event that another one writes, too.
        return ledger.append(Occurrence(which=which % (WRITERS - 5))).uri

    with ThreadPoolExecutor(WRITERS) as writers:
        uris = list(writers.map(together, range(WRITERS)))
    assert Counter(Counter(uris).values()) == {1: WRITERS - 10, 2: 5}
    found = ledger.verify()
    assert (found.count, found.difference) == (WRITERS - 5, None)
    assert len(stack.ledger()) == WRITERS - 5


@pytest.mark.parametrize("count", [9, 10, 11, 95, 160])
def test_the_newest_entry_is_found_however_many_there_are(
    stack: Stack, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_STEP", 10)
    for entry in chained(count):
        plant(stack, chain.entry_key(entry.number), entry.data)
    calls = counted("ListObjectsV2", lambda: ledger.append(Occurrence(which=count + 1)))
    assert [one["number"] for one in stack.ledger()] == list(range(1, count + 2))
    assert calls <= 16


def counted(operation: str, act: Callable[[], object]) -> int:
    """Count the calls of an operation of S3 while something is done."""
    events, calls = clients.s3().meta.events, []

    def hook(**_: Any) -> None:
        calls.append(1)

    events.register(f"before-call.s3.{operation}", hook)
    act()
    events.unregister(f"before-call.s3.{operation}", hook)
    return len(calls)


def breaking(call: int, when: str) -> Callable[[], None]:
    """Let one call to S3 break, before it leaves or after its work was done; return how to end that."""
    events, calls = clients.s3().meta.events, []

    def hook(**_: Any) -> None:
        calls.append(1)
        if len(calls) == call:
            raise EndpointConnectionError(endpoint_url="https://elsewhere")

    events.register(f"{when}.s3", hook)
    return lambda: events.unregister(f"{when}.s3", hook)


@pytest.mark.parametrize("when", ["before-call", "after-call"])
@pytest.mark.parametrize("others", [0, 1])
def test_a_crash_between_any_two_calls_and_a_repetition_end_in_the_same_bytes(
    stack: Stack, when: str, others: int
) -> None:
    write(2)
    healthy, crashes = set(objects(stack)), 0
    expected = chained(3 + others)
    for call in range(1, 30):
        empty(stack, healthy)
        end = breaking(call, when)
        try:
            ledger.append(Occurrence(which=3))
        except EndpointConnectionError:
            crashes += 1
        else:
            break
        finally:
            end()
        found = {one["identity"] for one in stack.ledger()}
        if "heart/events/3" in found:
            # Others may write before the one that broke off comes back.
            write(others, start=4)
        ledger.append(Occurrence(which=3))
        write(others, start=4)
        assert objects(stack) == {chain.entry_key(one.number): one.data for one in expected} | {
            chain.index_key(one.identity): one.index_data for one in expected
        }
    assert crashes >= 6


def empty(stack: Stack, healthy: set[str]) -> None:
    """Bring the bucket back to some objects; moto's has no lock."""
    for page in stack.s3.get_paginator("list_object_versions").paginate(Bucket=AUDIT):
        for one in page.get("Versions", []):
            if one["Key"] not in healthy:
                stack.s3.delete_object(Bucket=AUDIT, Key=one["Key"], VersionId=one["VersionId"])


def test_what_lies_under_the_wanted_number_and_is_no_entry_stops_every_writer(stack: Stack) -> None:
    write(2)
    plant(stack, chain.entry_key(3), b"{}")
    with pytest.raises(
        LedgerAltered, match=r"^Entry 3 of the ledger does not have the fields of an entry\.$"
    ):
        write(1, start=3)


def test_an_entry_that_does_not_follow_the_one_before_it_stops_who_meets_it(stack: Stack) -> None:
    write(2)
    forged = canonical_json(
        {
            "format": 1,
            "number": 3,
            "event": "occurred",
            "at": "",
            "identity": "heart/events/3",
            "previous": "0" * 64,
            "body": Occurrence(which=3).body(),
        }
    )

    def overtake(**_: Any) -> None:
        events.unregister("before-call.s3.PutObject", overtake)
        plant(stack, chain.entry_key(3), forged)

    events = clients.s3().meta.events
    events.register("before-call.s3.PutObject", overtake)
    with pytest.raises(LedgerAltered, match=r"^Entry 3 of the ledger does not follow the one before it\.$"):
        write(1, start=3)


def test_a_gap_before_the_newest_entry_stops_every_writer(stack: Stack) -> None:
    write(2)
    plant(stack, chain.entry_key(9), chained(1)[0].data)
    with pytest.raises(LedgerAltered, match=r"^Entry 3 of the ledger is missing\.$"):
        write(1, start=3)


def test_a_name_among_the_numbers_that_is_none_stops_every_writer(stack: Stack) -> None:
    write(1)
    plant(stack, "ledger/000000000001.json.old", b"{}")
    with pytest.raises(LedgerAltered, match=r"ledger/000000000001\.json\.old is no entry of the ledger"):
        write(1, start=2)


def test_an_index_object_is_only_a_hint_whose_entry_is_read_and_compared(stack: Stack) -> None:
    write(2)
    plant(stack, chain.index_key("heart/releases/00000001"), chained(2)[1].index_data)
    with pytest.raises(LedgerAltered, match="index of the ledger is not what was written"):
        ledger.release_of("heart", 1)
    pointing = chain.index_data("heart/releases/00000001", 2, chained(2)[1].sha256)
    plant(stack, chain.index_key("heart/releases/00000001"), pointing)
    with pytest.raises(LedgerAltered, match="Entry 2 of the ledger is not the one that its index names"):
        ledger.release_of("heart", 1)


def test_an_index_object_that_was_there_before_its_entry_stops_the_writer(stack: Stack) -> None:
    write(2)
    plant(stack, chain.index_key("heart/events/3"), chain.index_data("heart/events/3", 1, "a" * 64))
    with pytest.raises(LedgerAltered):
        write(1, start=3)

    def overtake(**_: Any) -> None:
        events.unregister("before-call.s3.PutObject", overtake)
        plant(stack, chain.index_key("heart/events/4"), chain.index_data("heart/events/4", 1, "a" * 64))

    events = clients.s3().meta.events
    events.register("before-call.s3.PutObject", overtake)
    with pytest.raises(LedgerAltered, match="names another entry for heart/events/4"):
        write(1, start=4)


def test_an_altered_entry_is_refused_where_it_is_used(stack: Stack) -> None:
    write(3)
    plant(stack, chain.entry_key(1), chained(1)[0].data.replace(b"Well", b"Ill."))
    with pytest.raises(LedgerAltered):
        ledger.append(Occurrence(which=1))


def test_an_event_that_is_not_in_the_ledger_is_missing(stack: Stack) -> None:
    with pytest.raises(ObjectMissing, match="no entry for heart/releases/00000001"):
        ledger.release_of("heart", 1)
    write(1)
    with pytest.raises(ObjectMissing):
        ledger.release_of("heart", 1)


def test_an_entry_that_nobody_has_indexed_yet_is_found(stack: Stack) -> None:
    uploaded = {"use_case": "heart", "purpose": "inference", "upload_id": "a" * 20, "version_id": "v7"}
    upload = Settlement.model_construct(None, **uploaded, sha256="b" * 64, key="inbox/heart/inference/a.csv")
    decided = UploadDecision(
        decision="WITHDRAW",
        person="anna",
        reason="Measured again.",
        decided_at="2026-03-01T09:30:00.000Z",
        execution="run-9",
        before=Disposition.ACCEPTED,
        after=Disposition.WITHDRAWN,
    )
    assert not ledger.has_upload_decision(upload, decided)
    write(1)
    assert not ledger.has_upload_decision(upload, decided)
    ledger.write_upload_decision(upload, decided)
    erase(stack, chain.index_key(ledger.entries()[1].identity))
    assert ledger.has_upload_decision(upload, decided)
    ledger.write_upload_decision(upload, decided)
    assert ledger.verify() == Verification(2, ledger.entries()[1].sha256)


def test_a_conflict_of_two_writes_is_tried_again(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    put, answers = clients.s3().put_object, [1, 1, 0, 0]

    def conflicting(**given: Any) -> Any:
        if answers.pop(0):
            raise ClientError({"Error": {"Code": "ConditionalRequestConflict"}}, "PutObject")
        return put(**given)

    monkeypatch.setattr(clients.s3(), "put_object", conflicting)
    write(1)
    assert len(stack.ledger()) == 1
    answers[:] = [1] * 20
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        write(1, start=2)
    assert len(answers) == 10


def overwrite(stack: Stack, key: str) -> None:
    plant(stack, key, b"{}")


def hide(stack: Stack, key: str) -> None:
    stack.s3.delete_object(Bucket=AUDIT, Key=key)


def erase(stack: Stack, key: str) -> None:
    for one in stack.s3.list_object_versions(Bucket=AUDIT, Prefix=key)["Versions"]:
        stack.s3.delete_object(Bucket=AUDIT, Key=key, VersionId=one["VersionId"])


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (overwrite, "ledger/000000000002.json has 2 versions: it was written over."),
        (hide, "ledger/000000000002.json has a delete marker."),
        (erase, "Entry 2 is missing: ledger/000000000002.json."),
    ],
)
def test_an_entry_that_was_overwritten_hidden_or_erased_is_named(
    stack: Stack, act: Callable[[Stack, str], None], what: str
) -> None:
    write(3)
    act(stack, chain.entry_key(2))
    assert ledger.verify().difference == Difference(2, what)


@pytest.mark.parametrize("act", [overwrite, hide, erase])
def test_an_index_object_that_was_overwritten_hidden_or_erased_is_named(
    stack: Stack, act: Callable[[Stack, str], None]
) -> None:
    write(3)
    act(stack, chain.index_key("heart/events/2"))
    found = ledger.verify().difference
    assert found is not None
    assert found.number == 2


def test_the_newest_entry_erased_is_named_by_its_index(stack: Stack) -> None:
    write(3)
    erase(stack, chain.entry_key(3))
    found = ledger.verify().difference
    assert found is not None
    assert found.what.startswith("Entry 3 is missing: ledger-index/")


def test_an_object_under_the_ledgers_prefix_that_is_no_entry_is_named(stack: Stack) -> None:
    write(1)
    plant(stack, "ledger/heart/00000001-promoted.json", b"{}")
    assert ledger.verify().difference == Difference(
        0, "ledger/heart/00000001-promoted.json is no name of the ledger's."
    )
    write(1, start=2)
    assert len(ledger.entries()) == 2
