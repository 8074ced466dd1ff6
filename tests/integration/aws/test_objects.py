"""S3 objects by address and digest: what is there, what is gone, and what S3 refuses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clinrisk.aws import clients, s3
from clinrisk.errors import EvidenceChanged, ObjectMissing
from clinrisk.messages.message import Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

LAKE, KEY = "clinrisk-lake", "profiles/heart/one#two?.json"
URI = f"s3://{LAKE}/{KEY}"
READERS: dict[str, Callable[[str], object]] = {
    "facts": lambda version: s3.facts(LAKE, KEY, version),
    "a range of a version": lambda version: s3.read_range(LAKE, KEY, version, 0, 1),
    "a part": lambda _: s3.read_part(URI, 0, 1),
    "all": lambda _: s3.fetch_current(URI),
    "the digest": lambda _: s3.digest(URI),
}


@pytest.mark.parametrize("reader", READERS)
def test_an_object_that_is_gone_is_named_as_missing(stack: Stack, reader: str) -> None:
    version = stack.put("lake", KEY, b"data")
    stack.s3.delete_object(Bucket=LAKE, Key=KEY, VersionId=version)
    with pytest.raises(ObjectMissing):
        READERS[reader](version)


@pytest.mark.parametrize("reader", READERS)
def test_a_refusal_is_not_taken_for_a_missing_object(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    version = stack.put("lake", KEY, b"data")

    def refuse(operation: str) -> Callable[..., Any]:
        def answer(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

        return answer

    for operation in ("get_object", "head_object"):
        monkeypatch.setattr(clients.s3(), operation, refuse(operation))
    with pytest.raises(ClientError, match="AccessDenied"):
        READERS[reader](version)


@pytest.mark.parametrize(("start", "end", "found"), [(0, 0, b""), (2, 1, b""), (0, 1, b"0"), (3, 9, b"3456")])
def test_a_range_begins_at_its_start_and_ends_before_its_end(
    stack: Stack, start: int, end: int, found: bytes
) -> None:
    version = stack.put("lake", KEY, b"0123456")
    assert s3.read_range(LAKE, KEY, version, start, end) == found
    assert s3.read_part(URI, start, end) == found


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 49, 50, 51])
def test_a_version_is_read_range_by_range_in_order(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr("clinrisk.aws.s3._RANGE", 10)
    data = bytes(number % 251 for number in range(size))
    version = stack.put("lake", KEY, data)
    stack.put("lake", KEY, b"a newer version")
    assert [len(block) for block in s3.blocks(LAKE, KEY, version, size)] == [
        min(10, size - start) for start in range(0, size, 10)
    ]
    assert b"".join(s3.blocks(LAKE, KEY, version, size)) == data
    assert s3.digest_version(LAKE, KEY, version, size) == hashlib.sha256(data).hexdigest()


def test_what_is_written_once_stays_as_it_is(stack: Stack) -> None:
    first = s3.store(LAKE, KEY, b"first", once=True)
    s3.store(LAKE, KEY, b"second", once=True)
    assert s3.fetch(first) == b"first"
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.store("no-such-bucket", KEY, b"first", once=True)


def test_other_bytes_than_were_referred_to_are_not_read(stack: Stack) -> None:
    reference = s3.store_json(LAKE, KEY, {"rows": 1})
    assert s3.fetch_json(reference) == {"rows": 1}
    assert s3.reference_to(LAKE, KEY, s3.json_text({"rows": 1}).encode()) == reference
    with pytest.raises(EvidenceChanged):
        s3.fetch(Reference(uri=reference.uri, sha256="0" * 64))
    with pytest.raises(EvidenceChanged, match="profile"):
        s3.check_digest("profile", reference.uri, "0" * 64)
    s3.check_digest("profile", reference.uri, reference.sha256)


def test_keys_are_listed_in_order_and_over_more_than_one_answer(stack: Stack) -> None:
    for number in range(1001, 0, -1):
        stack.put("lake", f"many/{number:04d}", b"")
    stack.put("lake", "other/0001", b"")
    assert s3.keys_under(LAKE, "many/") == [f"many/{number:04d}" for number in range(1, 1002)]
    assert s3.keys_under(LAKE, "none/") == []
