"""Objects that are written in parts: whole or not at all, and in requests that S3 takes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clinrisk.aws import s3
from tests.integration.strict_multipart import MOST_PARTS, SMALLEST_PART

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conftest import Stack

LAKE, KEY, RANGE = "clinrisk-lake", "results/large.csv", 16 << 20
TARGET: dict[str, Any] = {"Bucket": LAKE, "Key": KEY}


def blocks(*sizes: int) -> list[bytes]:
    return [bytes([65 + number]) * size for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((RANGE - 1,), []),
        ((RANGE,), [RANGE]),
        ((RANGE + 1,), [RANGE + 1]),
        ((RANGE, 1), [RANGE, 1]),
        ((RANGE - 1, 2, 7), [RANGE + 1, 7]),
        ((0,), []),
    ],
)
def test_an_object_is_stored_in_parts_from_the_size_of_a_part_on(
    stack: Stack, sizes: tuple[int, ...], parts: list[int]
) -> None:
    stack.multipart.completed.clear()
    stored, version_id = s3.store_blocks(LAKE, KEY, blocks(*sizes), "text/csv")
    data = b"".join(blocks(*sizes))
    assert stack.read(stored.uri) == data
    assert stack.s3.head_object(**TARGET)["VersionId"] == version_id
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stack.multipart.completed == ([parts] if parts else [])
    assert stack.s3.head_object(**TARGET)["ContentType"] == "text/csv"


def test_an_upload_that_breaks_after_a_part_leaves_no_object(stack: Stack) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(RANGE)
        raise ValueError("the rest cannot be read")

    with pytest.raises(ValueError, match="rest"):
        s3.store_blocks(LAKE, KEY, broken(), "text/csv")
    assert stack.keys("lake") == []


def begun(stack: Stack, **named: Any) -> dict[str, Any]:
    return TARGET | {"UploadId": stack.s3.create_multipart_upload(**TARGET, **named)["UploadId"]}


def part(stack: Stack, upload: dict[str, Any], number: int, size: int, **more: Any) -> dict[str, Any]:
    answer = stack.s3.upload_part(**upload, PartNumber=number, Body=bytes(size), **more)
    sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and value}
    return {"PartNumber": number, "ETag": answer["ETag"]} | sums


def complete(stack: Stack, upload: dict[str, Any], *parts: Any) -> None:
    stack.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": list(parts)})


def part_number(stack: Stack, number: int) -> None:
    part(stack, begun(stack, ChecksumAlgorithm="CRC32"), number, 1)


def small_part(stack: Stack, size: int) -> None:
    upload = begun(stack, ChecksumAlgorithm="CRC32")
    complete(stack, upload, part(stack, upload, 1, size), part(stack, upload, 2, 1))


def order(stack: Stack, *numbers: int) -> None:
    upload = begun(stack, ChecksumAlgorithm="CRC32")
    parts = {number: part(stack, upload, number, SMALLEST_PART) for number in (1, 2)}
    complete(stack, upload, *(parts[number] for number in numbers))


def unnamed_algorithm(stack: Stack) -> None:
    # The client adds a checksum to each part of its own accord.
    part(stack, begun(stack), 1, 1)


def other_algorithm(stack: Stack) -> None:
    part(stack, begun(stack, ChecksumAlgorithm="SHA256"), 1, 1, ChecksumAlgorithm="CRC32")


def unnamed_checksum(stack: Stack) -> None:
    upload = begun(stack, ChecksumAlgorithm="CRC32")
    found = part(stack, upload, 1, 1)
    complete(stack, upload, {name: found[name] for name in ("PartNumber", "ETag")})


REQUESTS: dict[str, tuple[Callable[[Stack], None], str | None]] = {
    "part 0": (lambda stack: part_number(stack, 0), "InvalidArgument"),
    "part 1": (lambda stack: part_number(stack, 1), None),
    "the last part": (lambda stack: part_number(stack, MOST_PARTS), None),
    "a part too many": (lambda stack: part_number(stack, MOST_PARTS + 1), "InvalidArgument"),
    "a small part": (lambda stack: small_part(stack, SMALLEST_PART - 1), "EntityTooSmall"),
    "the smallest part": (lambda stack: small_part(stack, SMALLEST_PART), None),
    "in order": (lambda stack: order(stack, 1, 2), None),
    "in another order": (lambda stack: order(stack, 2, 1), "InvalidPartOrder"),
    "a part twice": (lambda stack: order(stack, 1, 1), "InvalidPartOrder"),
    "no algorithm named": (unnamed_algorithm, "InvalidRequest"),
    "another algorithm": (other_algorithm, "InvalidRequest"),
    "no checksums at the end": (unnamed_checksum, "InvalidRequest"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_s3_of_these_tests_refuses_what_s3_refuses(stack: Stack, name: str) -> None:
    request_of, code = REQUESTS[name]
    if code is None:
        request_of(stack)
        return
    with pytest.raises(ClientError) as refused:
        request_of(stack)
    assert refused.value.response["Error"]["Code"] == code
