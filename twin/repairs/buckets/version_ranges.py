"""Byte ranges of one version of an object; ranges of the current object are the engine's."""

from typing import Any

from ministack.services import s3

from twin.repairs.repair_registry import Original, repair


@repair(
    "ministack.services.s3._get_object",
    reason="Range is ignored where a version is named: a chunk of an upload would hold all of its rows.",
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    source_sha256="64ad7071ef0ec45adb8cc4d57b18a3b52d058504b27e0b44d9800d977475b170",
)
def get_range(original: Original, bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Any:
    """Return an object, or the bytes of its version that Range asks for."""
    status, answer, body = original(bucket, key, headers, query)
    asked = headers.get("range", "")
    if status != 200 or not asked or not s3._qp(query or {}, "versionId", ""):
        return status, answer, body
    span = s3._parse_range(asked, len(body))
    if span is None:
        refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
        return 416, refused, s3._xml_body(s3._range_error_xml(bucket, key))
    first, last = span
    # A checksum of the full object does not fit a part of it.
    kept = {name: value for name, value in answer.items() if not name.lower().startswith("x-amz-checksum")}
    part = body[first : last + 1]
    kept |= {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
    return 206, kept, part
