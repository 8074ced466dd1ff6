"""The same bytes under two keys at once: one upload is read, the other waits, nothing is written twice."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.tables import uploads
from clinrisk.errors import ClaimLost, NotEnoughData, SameBytesInProgress
from clinrisk.services.ingest import settle_upload
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import Ingest, heart_csv
from tests.integration.ingest_workflow import Faults, IngestWorkflow, answers_with, drop

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Executions that have ended; every other one runs."""
    gone: set[str] = set()
    monkeypatch.setattr("clinrisk.aws.stepfunctions.has_ended", lambda execution: execution in gone)
    return gone


def pair(stack: Stack, data: bytes | None = None) -> tuple[Ingest, Ingest]:
    """Drop the same bytes under two keys."""
    data = heart_csv(30) if data is None else data
    one, two = (Ingest.of(stack, f"inbox/heart/training/{name}.csv", data) for name in "ab")
    return one, two


def receipts(stack: Stack) -> dict[str, str]:
    return {
        key.split("/")[-1][0]: stack.read_json(f"s3://clinrisk-results/{key}")["disposition"]
        for key in stack.keys("results")
    }


def answer_to(one: Ingest, execution: str) -> str:
    """Say what a claim is answered."""
    try:
        return str(one.claim(execution)["disposition"])
    except SameBytesInProgress:
        return "waits"


def uploads_items(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.tables.Table("clinrisk-uploads").scan()["Items"]
    return found


def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep the key of every file that is read to be hashed, from now on."""
    keys: list[str] = []
    digest = s3.digest_version

    def digest_version(bucket: str, key: str, version_id: str, size: int) -> str:
        keys.append(key.rpartition("/")[2])
        return digest(bucket, key, version_id, size)

    monkeypatch.setattr(s3, "digest_version", digest_version)
    return keys


def test_the_second_waits_and_is_a_duplicate_when_the_first_is_used(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, two = pair(stack)
    upload = one.claim("first")["upload"]
    event = one.build(upload)
    with pytest.raises(SameBytesInProgress):
        two.claim("second")
    lake = stack.keys("lake")
    assert stack.call("commit_upload", event)["disposition"] == "ACCEPTED"
    assert receipts(stack) == {"a": "ACCEPTED"}
    assert two.claim("second")["disposition"] == "DUPLICATE"
    assert receipts(stack) == {"a": "ACCEPTED", "b": "DUPLICATE"}
    [receipt] = [key for key in stack.keys("results") if "/b.csv" in key]
    explanation = " ".join(stack.read_json(f"s3://clinrisk-results/{receipt}")["explanation"])
    assert f"It was upload {upload['upload_id']}, settled at 20" in explanation
    # The loser wrote nothing anywhere: neither records nor parts of chunks.
    assert {record["upload_id"] for record in store.records} == {upload["upload_id"]}
    assert [key for key in stack.keys("lake") if key not in lake] == [
        f"profiles/heart/{upload['upload_id']}.json"
    ]


def test_the_second_takes_over_when_the_first_is_parked_and_the_first_waits_then(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, two = pair(stack)
    one.park(one.claim("first")["upload"], "first")
    upload = two.claim("second")["upload"]
    with pytest.raises(SameBytesInProgress):
        one.claim("redrive")
    assert stack.call("commit_upload", two.build(upload))["disposition"] == "ACCEPTED"
    assert one.claim("redrive")["disposition"] == "DUPLICATE"
    assert receipts(stack) == {"a": "DUPLICATE", "b": "ACCEPTED"}
    assert {record["upload_id"] for record in store.records} == {upload["upload_id"]}


def test_the_second_takes_over_when_the_first_s_execution_died(
    stack: Stack, store: FakeFeatureStore, ended: set[str]
) -> None:
    one, two = pair(stack)
    first = one.build(one.claim("first")["upload"])
    ended.add("first")
    upload = two.claim("second")["upload"]
    # What is left of the dead execution may not commit any more, and says nothing.
    with pytest.raises(ClaimLost):
        stack.call("commit_upload", first)
    assert receipts(stack) == {}
    assert stack.call("commit_upload", two.build(upload))["disposition"] == "ACCEPTED"
    assert [one.upload_id for one in uploads.used("heart", "training")] == [upload["upload_id"]]


def test_a_redelivery_resumes_a_dead_first_before_the_second_asks(
    stack: Stack, store: FakeFeatureStore, ended: set[str]
) -> None:
    one, two = pair(stack)
    one.claim("first")
    ended.add("first")
    event = one.build(one.claim("again")["upload"])
    with pytest.raises(SameBytesInProgress):
        two.claim("second")
    assert stack.call("commit_upload", event)["disposition"] == "ACCEPTED"
    assert two.claim("second")["disposition"] == "DUPLICATE"


def test_bytes_that_were_rejected_are_read_again(stack: Stack, store: FakeFeatureStore) -> None:
    # Were it every row, the head alone would reject the file, and nothing would be read.
    bad = b"\n".join(line + b",1" if n > 1 else line for n, line in enumerate(heart_csv(20).splitlines()))
    one, two = pair(stack, bad)
    assert one.run()[1]["disposition"] == "REJECTED"
    assert two.run()[1]["disposition"] == "REJECTED"


@pytest.mark.usefixtures("one_call_at_a_time")
def test_of_many_that_race_for_the_same_bytes_one_is_read(stack: Stack, store: FakeFeatureStore) -> None:
    data = heart_csv(30)
    many = [Ingest.of(stack, f"inbox/heart/training/{n}.csv", data) for n in range(12)]
    start = threading.Barrier(len(many))

    def claim(numbered: tuple[int, Ingest]) -> str:
        number, one = numbered
        start.wait()
        return answer_to(one, f"run-{number}")

    with ThreadPoolExecutor(len(many)) as threads:
        found = list(threads.map(claim, enumerate(many)))
    assert sorted(found) == ["CLAIMED"] + ["waits"] * 11


def test_a_receipt_never_differs_from_the_table(
    stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every state of the receipts is a final one, seen after each AWS call of the execution that reads.

    From the moment that it has claimed the bytes, the copy asks for them after each of these calls.
    """
    faults = Faults()
    faults.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    workflow = IngestWorkflow(stack, faults, monkeypatch)
    seen: dict[str, list[str]] = {}
    data = heart_csv(30)
    event = drop(stack, "inbox/heart/training/a.csv", data)
    copy = Ingest.of(stack, "inbox/heart/training/b.csv", data)
    asked: list[str] = []

    def observe(_: int) -> None:
        faults.armed = False
        if any(item["pk"].startswith("CONTENT#") for item in uploads_items(stack)):
            asked.append(answer_to(copy, "second"))
        for key, disposition in receipts(stack).items():
            dispositions = seen.setdefault(key, [])
            if dispositions[-1:] != [disposition]:
                dispositions.append(disposition)
        faults.armed = True

    faults.after = observe
    workflow.run(event, "first")
    observe(0)
    assert seen == {"a": ["ACCEPTED"], "b": ["DUPLICATE"]}
    # It waited, was answered once, and the execution that had asked may ask again.
    assert [answer for answer, _ in itertools.groupby(asked)] == ["waits", "DUPLICATE"]
    assert asked.count("waits") > 10


@pytest.mark.parametrize("broken", ["TransactWriteItems", "PutObject"])
def test_an_upload_that_cannot_be_settled_is_failed_and_was_never_called_accepted(
    stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """The table, or the bucket of receipts, refuses from the commit's first write on until the park's."""
    faults = Faults()
    faults.install(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    workflow = IngestWorkflow(stack, faults, monkeypatch)
    event = drop(stack, "inbox/heart/training/a.csv", heart_csv(30))
    shown: list[str] = []
    refusals = itertools.count()

    def refuse(_: int, operation: str) -> None:
        faults.armed = False
        shown.extend(receipts(stack).values())
        settled = bool(uploads.used("heart", "training"))
        faults.armed = True
        due = operation == broken and (broken == "TransactWriteItems" or settled)
        if due and next(refusals) < 3:
            answers_with("AccessDeniedException")(operation)

    faults.instead = refuse
    workflow.run(event, "first")
    final = "FAILED" if broken == "TransactWriteItems" else "ACCEPTED"
    assert set(shown) | set(receipts(stack).values()) == {final}
    settled: Any = uploads.settled("heart", "training")
    assert [one.disposition for one in settled] == [final]


def test_a_receipt_that_was_lost_is_written_by_the_next_delivery(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, _ = pair(stack)
    _, result = one.run()
    before = stack.read(result["receipt"]["uri"])
    stack.s3.delete_object(Bucket="clinrisk-results", Key=stack.keys("results")[0])
    assert one.claim("again")["disposition"] == "REPEATED"
    assert stack.read(result["receipt"]["uri"]) == before


def test_a_redrive_that_claims_between_two_reads_keeps_the_old_receipt_away(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, _ = pair(stack)
    upload = one.claim("first")["upload"]
    one.park(upload, "first")
    parked = uploads.settlement_of(upload["upload_id"])
    assert parked is not None
    stack.s3.delete_object(Bucket="clinrisk-results", Key=stack.keys("results")[0])
    event = one.build(one.claim("redrive")["upload"])
    settle_upload.ensure_receipt(parked)
    assert receipts(stack) == {}
    stack.call("commit_upload", event)
    stack.s3.delete_object(Bucket="clinrisk-results", Key=stack.keys("results")[0])
    settle_upload.ensure_receipt(parked)
    assert receipts(stack) == {}


def test_a_file_is_hashed_once_however_often_its_upload_asks(
    stack: Stack, store: FakeFeatureStore, monkeypatch: pytest.MonkeyPatch, ended: set[str]
) -> None:
    one, two = pair(stack)
    keys = hashed(monkeypatch)
    one.claim("first")
    assert [answer_to(two, "second") for _ in range(5)] == ["waits"] * 5
    # An execution that takes over, and one after the upload was parked, know the digest too.
    ended |= {"first", "second"}
    upload = two.claim("third")["upload"]
    assert upload["sha256"] == hashlib.sha256(heart_csv(30)).hexdigest()
    two.park(upload, "third")
    again = two.claim("redrive")["upload"]
    assert again == upload
    assert keys == ["a.csv", "b.csv"]
    assert stack.call("commit_upload", two.build(again))["disposition"] == "ACCEPTED"


def test_a_digest_is_kept_with_no_claim_but_its_own(stack: Stack, store: FakeFeatureStore) -> None:
    one, _ = pair(stack)
    upload_id = one.claim("first")["upload"]["upload_id"]

    def held() -> dict[str, Any]:
        [item] = [each for each in uploads_items(stack) if each["pk"] == f"UPLOAD#{upload_id}"]
        return item

    before = held()
    bare = {name: value for name, value in before.items() if name != "sha256"}
    stack.tables.Table("clinrisk-uploads").put_item(Item=bare)
    uploads.keep_digest(bare | {"execution": "another"}, "0" * 64)
    assert held() == bare
    uploads.keep_digest(bare, before["sha256"])
    uploads.keep_digest(bare, "0" * 64)
    assert held() == before
    one.park(None, "first")
    settled = held()
    uploads.keep_digest(bare, "0" * 64)
    assert held() == settled


def test_a_delivery_that_fails_leaves_the_upload_to_the_one_that_works_on_it(
    stack: Stack, store: FakeFeatureStore, ended: set[str]
) -> None:
    one, _ = pair(stack)
    event = one.build(one.claim("first")["upload"])
    parked = one.park(None, "second")
    assert (parked["receipt"], receipts(stack)) == (None, {})
    assert "several deliveries" in parked["subject"]
    assert stack.call("commit_upload", event)["disposition"] == "ACCEPTED"


def test_a_commit_after_the_upload_was_parked_is_refused(stack: Stack, store: FakeFeatureStore) -> None:
    one, _ = pair(stack)
    event = one.build(one.claim("first")["upload"])
    one.park(event["upload"], "first")
    with pytest.raises(ClaimLost):
        stack.call("commit_upload", event)
    assert receipts(stack) == {"a": "FAILED"}


def test_an_upload_that_was_parked_before_anybody_claimed_it_is_redriven(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, _ = pair(stack)
    one.park(None, "first")
    assert receipts(stack) == {"a": "FAILED"}
    upload = one.claim("redrive")["upload"]
    assert stack.call("commit_upload", one.build(upload))["disposition"] == "ACCEPTED"
    assert receipts(stack) == {"a": "ACCEPTED"}
    assert [each.disposition for each in uploads.settled("heart", "training")] == ["ACCEPTED"]


def test_a_redriven_upload_is_in_the_list_once(stack: Stack, store: FakeFeatureStore) -> None:
    one, _ = pair(stack)
    one.park(one.claim("first")["upload"], "first")
    assert [each.disposition for each in uploads.settled("heart", "training")] == ["FAILED"]
    upload = one.claim("redrive")["upload"]
    assert uploads.settled("heart", "training") == []
    stack.call("commit_upload", one.build(upload))
    assert [each.disposition for each in uploads.settled("heart", "training")] == ["ACCEPTED"]


def test_a_failed_receipt_names_our_own_error_and_nobody_else_s_words(
    stack: Stack, store: FakeFeatureStore
) -> None:
    one, two = pair(stack)
    event = {name: one.claim_event[name] for name in ("bucket", "key", "version_id")}
    cause = '{"errorMessage": "Chunk 3 of the file is missing.", "errorType": "CountsDisagree"}'
    ours = event | {"error": {"Error": "CountsDisagree", "Cause": cause}, "upload": None, "execution": "x"}
    parked = stack.call("park_upload", ours)
    receipt = stack.read_json(parked["receipt"]["uri"])
    assert parked["reason"] == "Chunk 3 of the file is missing."
    assert f"What failed: {parked['reason']}" in receipt["explanation"]
    assert parked["reason"] in parked["message"]
    # Step Functions' own redrive goes on at a Fail state and reads nothing.
    assert f"clinrisk redrive {event['key']}\n" in parked["message"]
    theirs = two.park(two.claim("second")["upload"], "second")
    assert "Runtime.ExitError" in theirs["reason"]
    assert "angina" not in stack.read(theirs["receipt"]["uri"]).decode()


def test_rows_of_an_upload_that_never_commits_count_nowhere(
    stack: Stack, store: FakeFeatureStore, ended: set[str]
) -> None:
    """A worker of a dead execution may still write after the takeover; nobody reads what it wrote."""
    minimum = use_cases.get("heart").min_training_rows
    stray = Ingest.of(stack, "inbox/heart/training/stray.csv", heart_csv(minimum, seed=5))
    stray.build(stray.claim("first")["upload"])
    ended.add("first")
    few = Ingest.of(stack, "inbox/heart/training/few.csv", heart_csv(minimum - 10, seed=6))
    assert not few.run()[1]["train"]
    run = {"use_case": "heart", "run_id": "heart-0123456789", "reason": "upload"}
    with pytest.raises(NotEnoughData):
        stack.call("plan_training", run)
    more = Ingest.of(stack, "inbox/heart/training/more.csv", heart_csv(10, seed=7))
    upload, result = more.run()
    assert result["train"]
    planned = stack.call("plan_training", run)
    assert planned["expected_rows"] == minimum
    named = stack.read_json(planned["plan"]["uri"])["upload_ids"]
    assert len(named) == 2
    assert upload["upload_id"] in named
