"""Two executions on one upload, or on the same bytes: one holds the claim, and one settlement stands."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import content_claims, uploads
from clinrisk.errors import ClaimLost, SameBytesInProgress
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import Ingest, heart_csv
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

NOW = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)
KEY = "inbox/heart/training/march.csv"
ORDERS = pytest.mark.parametrize(("first", "second"), [("one", "two"), ("two", "one")])


@pytest.fixture(autouse=True)
def store(stack: Stack) -> FakeFeatureStore:
    return FakeFeatureStore().install()


def claim(execution: str, *abandoned: str) -> Any:
    """Claim the one upload of these tests; `abandoned` are the executions that have ended."""
    return uploads.claim(
        "a" * 20,
        key=KEY,
        version_id="v1",
        use_case="heart",
        purpose="training",
        execution=execution,
        now=NOW,
        abandoned=lambda holder: holder in abandoned,
    )


def claim_bytes(upload: str, *abandoned: str) -> str | None:
    """Claim the same bytes for an upload, by an execution of its own name."""
    return content_claims.claim(
        "heart",
        "training",
        "0" * 64,
        upload_id=upload,
        execution=upload,
        abandoned=lambda holder: holder in abandoned,
    )


@ORDERS
def test_of_two_claims_the_first_holds(stack: Stack, first: str, second: str) -> None:
    assert claim(first)["execution"] == first
    assert claim(second) is None
    assert uploads.holder_of("a" * 20) == first
    assert claim(first)["execution"] == first


@ORDERS
def test_of_two_claims_at_once_the_one_that_is_written_first_holds(
    stack: Stack, first: str, second: str
) -> None:
    overtaken = just_before("PutItem", lambda: claim(first))
    assert claim(second) is None
    assert overtaken[0]["execution"] == uploads.holder_of("a" * 20) == first


@ORDERS
def test_of_two_that_take_over_an_abandoned_claim_at_once_one_holds(
    stack: Stack, first: str, second: str
) -> None:
    claim("dead")
    overtaken = just_before("TransactWriteItems", lambda: claim(first, "dead"))
    assert claim(second, "dead") is None
    assert overtaken[0]["execution"] == uploads.holder_of("a" * 20) == first


@ORDERS
def test_of_two_that_take_over_abandoned_bytes_at_once_one_reads_them(
    stack: Stack, first: str, second: str
) -> None:
    assert claim_bytes("dead") is None
    overtaken = just_before("TransactWriteItems", lambda: claim_bytes(first, "dead"))
    with pytest.raises(SameBytesInProgress, match="a moment faster"):
        claim_bytes(second, "dead")
    assert overtaken == [None]
    with pytest.raises(SameBytesInProgress, match="is being read"):
        claim_bytes(second, "dead")
    assert claim_bytes(first, "dead") is None


def test_a_claim_on_bytes_that_is_given_up_while_another_asks_is_asked_for_again(stack: Stack) -> None:
    assert claim_bytes("one") is None
    pk, sk = uploads.content_key("heart", "training", "0" * 64)

    def give_up() -> None:
        stack.tables.Table("clinrisk-uploads").delete_item(Key={"pk": pk, "sk": sk})

    just_before("GetItem", give_up)
    with pytest.raises(SameBytesInProgress, match="given up"):
        claim_bytes("two")
    assert claim_bytes("two") is None


def built(stack: Stack) -> tuple[Ingest, dict[str, Any]]:
    """Return a claimed upload and the event of its commit."""
    ingest = Ingest.of(stack, KEY, heart_csv(30))
    return ingest, ingest.build(ingest.claim()["upload"])


def stands(stack: Stack, disposition: str) -> None:
    """Table, list and receipt hold one settlement, and it is this one."""
    assert [each.disposition for each in uploads.settled("heart", "training")] == [disposition]
    [key] = stack.keys("results")
    assert stack.read_json(f"s3://clinrisk-results/{key}")["disposition"] == disposition
    used = [each.disposition for each in uploads.used("heart", "training")]
    assert used == ([disposition] if disposition == "ACCEPTED" else [])


def test_a_commit_before_the_park_stands(stack: Stack) -> None:
    ingest, event = built(stack)
    assert stack.call("commit_upload", event)["disposition"] == "ACCEPTED"
    assert "ACCEPTED" in ingest.park(event["upload"])["message"]
    stands(stack, "ACCEPTED")


def test_a_park_before_the_commit_stands(stack: Stack) -> None:
    ingest, event = built(stack)
    ingest.park(event["upload"])
    with pytest.raises(ClaimLost):
        stack.call("commit_upload", event)
    stands(stack, "FAILED")


def test_a_park_that_overtakes_the_commit_stands(stack: Stack) -> None:
    ingest, event = built(stack)
    just_before("TransactWriteItems", lambda: ingest.park(event["upload"]))
    with pytest.raises(ClaimLost):
        stack.call("commit_upload", event)
    stands(stack, "FAILED")


def test_a_commit_that_overtakes_the_park_stands(stack: Stack) -> None:
    ingest, event = built(stack)
    just_before("TransactWriteItems", lambda: stack.call("commit_upload", event))
    assert "ACCEPTED" in ingest.park(event["upload"])["message"]
    stands(stack, "ACCEPTED")


def test_two_commits_at_once_are_one_settlement_and_one_answer(stack: Stack) -> None:
    _, event = built(stack)
    first = just_before("TransactWriteItems", lambda: stack.call("commit_upload", event))
    assert stack.call("commit_upload", event) == first[0]
    stands(stack, "ACCEPTED")
