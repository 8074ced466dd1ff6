"""What S3 refuses of an upload in parts and moto lets pass.

AWS's user guide, "Amazon S3 multipart upload limits" and "Checking object integrity": parts are numbered
from 1 to 10,000 and named in that order; all but the last have 5 MiB at least; a part may carry a checksum
only of the algorithm that the upload was created with, and then the completion repeats each.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest

SMALLEST_PART = 5 * 1024 * 1024
MOST_PARTS = 10_000
_CHECKSUM = re.compile(r"x-amz-(?:checksum-|trailer$)(?!algorithm|type|mode)(.*)", re.IGNORECASE)


class _Body:
    """A response's body as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def stream(self) -> Any:
        yield self.data


@dataclass
class _Upload:
    """One upload in parts: the algorithm that it was created with, and the size of each part."""

    algorithm: str
    sizes: dict[int, int] = field(default_factory=dict)


@dataclass
class StrictMultipart:
    """Stands before a client's S3, and answers what S3 would not have taken."""

    uploads: dict[str, _Upload] = field(default_factory=dict)
    completed: list[list[int]] = field(default_factory=list)
    """The sizes of the parts of each upload that was completed."""
    _created: threading.local = field(default_factory=threading.local)

    def install(self, client: Any) -> StrictMultipart:
        """Check the requests of a client from now on."""
        events = client.meta.events
        events.register_first("before-send.s3.CreateMultipartUpload", self._creating)
        events.register("after-call.s3.CreateMultipartUpload", self._creation)
        events.register_first("before-send.s3.UploadPart", self._part)
        events.register_first("before-send.s3.CompleteMultipartUpload", self._complete)
        return self

    def _creating(self, request: AWSPreparedRequest, **_: Any) -> None:
        self._created.algorithm = _text(request.headers.get("x-amz-checksum-algorithm", "")).lower()

    def _creation(self, parsed: Any, **_: Any) -> None:
        if "UploadId" in parsed:
            self.uploads[parsed["UploadId"]] = _Upload(self._created.algorithm)

    def _part(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        query = parse_qs(urlsplit(request.url).query)
        number, upload = int(query["partNumber"][0]), self.uploads[query["uploadId"][0]]
        if not 1 <= number <= MOST_PARTS:
            return _refused(request, "InvalidArgument", "Part number must be between 1 and 10000, inclusive")
        given = _checksum_of(request)
        if given != upload.algorithm:
            expected, actual = upload.algorithm or "null", given or "null"
            text = f"Checksum Type mismatch occurred, expected checksum Type: {expected}, actual: {actual}"
            return _refused(request, "InvalidRequest", text)
        length = request.headers.get("x-amz-decoded-content-length") or request.headers["Content-Length"]
        upload.sizes[number] = int(_text(length))
        return None

    def _complete(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        upload = self.uploads[parse_qs(urlsplit(request.url).query)["uploadId"][0]]
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        # What is read here was written by our own client.
        named = [_fields(part) for part in ET.fromstring(body) if _tag(part) == "Part"]  # noqa: S314
        numbers = [int(part["PartNumber"]) for part in named]
        if numbers != sorted(set(numbers)):
            return _refused(request, "InvalidPartOrder", "The parts are not in ascending order.")
        if not set(numbers) <= set(upload.sizes):
            return _refused(request, "InvalidPart", "A part that is named was not uploaded.")
        if any(upload.sizes[number] < SMALLEST_PART for number in numbers[:-1]):
            return _refused(request, "EntityTooSmall", "A part but the last is smaller than is allowed.")
        checksum = f"Checksum{upload.algorithm.upper()}"
        if upload.algorithm and any(checksum not in part for part in named):
            return _refused(request, "InvalidRequest", "The completion must hold each part's checksum.")
        self.completed.append([upload.sizes[number] for number in numbers])
        return None


def _checksum_of(request: AWSPreparedRequest) -> str:
    """Name the algorithm of the checksum that a part carries, in a header or in its trailer."""
    for name, value in request.headers.items():
        found = _CHECKSUM.fullmatch(name)
        if found:
            return (found[1] or _text(value).removeprefix("x-amz-checksum-")).lower()
    return ""


def _refused(request: AWSPreparedRequest, code: str, message: str) -> AWSResponse:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    headers = HTTPHeaders()
    headers["content-type"] = "application/xml"
    return AWSResponse(request.url, 400, headers, _Body(body))


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _fields(part: ET.Element) -> dict[str, str]:
    return {_tag(child): child.text or "" for child in part}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
