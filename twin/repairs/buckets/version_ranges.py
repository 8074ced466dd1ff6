"""Byte ranges of one version of an object."""

from typing import Any

from ministack.services import s3

from twin.repairs.registry import Site


def apply(site: Site) -> None:
    """Give the asked-for bytes of a version.

    The engine honours Range for the current object only and sends the whole of a named version, so a chunk of
    an upload would hold all of its rows, header included.
    """
    del site
    get = s3._get_object

    def get_range(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Any:
        status, answer, body = get(bucket, key, headers, query)
        asked = headers.get("range", "")
        if status != 200 or not asked or not s3._qp(query or {}, "versionId", ""):
            return status, answer, body
        span = s3._parse_range(asked, len(body))
        if span is None:
            refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}
            return 416, refused, s3._xml_body(s3._range_error_xml(bucket, key))
        first, last = span
        # A checksum of the whole object does not fit a part of it.
        kept = {
            name: value for name, value in answer.items() if not name.lower().startswith("x-amz-checksum")
        }
        part = body[first : last + 1]
        kept |= {"Content-Length": str(len(part)), "Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return 206, kept, part

    s3._get_object = get_range
