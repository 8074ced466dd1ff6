"""Uploads in parts, whose parts are kept and joined in files; small ones are left to the engine."""

import hashlib
from typing import Any

from ministack.services import s3

from twin.repairs.buckets.large_objects import IN_MEMORY, ObjectFile, in_a_file, spill
from twin.repairs.repair_registry import Original, repair

Answer = tuple[int, dict[str, str], bytes]
_INVALID = "One or more of the specified parts could not be found. The following part numbers are invalid: "


@repair(
    "ministack.services.s3._upload_part",
    reason=IN_MEMORY,
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html",
    source_sha256="e27ecd53f1de3dbdaf2cfaeba3d440ae79cdd3dedcaf96fb7dd53fb76141766c",
)
def upload_part(
    original: Original, bucket: str, key: str, body: bytes, query: Any, headers: dict[str, str]
) -> Any:
    """Store a part; a large one goes to a file."""
    answer = original(bucket, key, body, query, headers)
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
    for part in upload["parts"].values() if upload else ():
        if part["body"] is body:
            part["body"] = in_a_file(body)
    return answer


@repair(
    "ministack.services.s3._complete_multipart_upload",
    reason=IN_MEMORY,
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html",
    source_sha256="9e2d6452dfe128a0c2c4da50dfbf9f8c040dbb6c12d5413a4f313f8dec1a4d89",
)
def complete_upload(
    original: Original, bucket: str, key: str, body: bytes, query: Any, headers: dict[str, str] | None = None
) -> Any:
    """Complete an upload; parts that are files become one file."""
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {"bucket": "", "key": "", "parts": {}})
    in_files = any(isinstance(part["body"], ObjectFile) for part in upload["parts"].values())
    if in_files and (upload["bucket"], upload["key"]) == (bucket, key):
        return _complete_in_files(bucket, key, body, s3._qp(query, "uploadId"), headers or {})
    answer = original(bucket, key, body, query, headers)
    spill(bucket, key)
    return answer


def _complete_in_files(
    bucket_name: str, key: str, body: bytes, upload_id: str, headers: dict[str, str]
) -> Answer:
    """Do what the engine's function does, but leave the bytes of the parts in files."""
    bucket, upload = s3._ensure_bucket(bucket_name), s3._multipart_uploads[upload_id]
    if bucket is None:
        return s3._no_such_bucket(bucket_name)  # type: ignore[no-any-return]
    before = bucket["objects"].get(key)
    refusal = s3._check_sse_c_part(headers, upload) or s3._check_put_preconditions(headers, before)
    refusal = refusal or _refusal_of_parts(body, upload, f"/{bucket_name}/{key}")
    if refusal:
        return refusal
    parts = [upload["parts"][number] for number, _, _ in _listed(body)]
    algorithm = upload.get("checksum_algorithm")
    composite = s3._composite_checksum(
        algorithm, [(part.get("checksums") or {}).get(algorithm) for part in parts]
    )
    refusal = _refusal_of_object(parts, algorithm, composite, headers, f"/{bucket_name}/{key}")
    if refusal:
        return refusal
    digests = b"".join(bytes.fromhex(part["etag"].strip('"')) for part in parts)
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'
    joined = ObjectFile(part["body"] for part in parts)
    stored = {
        "body": joined,
        "content_type": upload["content_type"],
        "content_encoding": upload.get("content_encoding"),
        "etag": etag,
        "last_modified": s3.now_iso(),
        "size": len(joined),
        "metadata": upload["metadata"],
        "preserved_headers": upload.get("preserved_headers", {}),
        "storage_class": upload.get("storage_class") or "STANDARD",
        "parts": [
            {"PartNumber": number, "Size": len(part["body"])}
            for (number, _, _), part in zip(_listed(body), parts, strict=True)
        ],
        "checksums": {algorithm: composite} if composite else {},
        "checksum_type": "COMPOSITE" if composite else None,
    }
    bucket["objects"][key] = stored
    del s3._multipart_uploads[upload_id]
    answered = {"Content-Type": "application/xml", **s3._stored_sse_headers(stored)}
    s3._maybe_replicate(bucket_name, key, stored, joined)
    version = s3._record_object_version(bucket_name, key, before, stored, joined)
    if version:
        answered["x-amz-version-id"] = version
    created = "s3:ObjectCreated:CompleteMultipartUpload"
    s3._fire_s3_event_async(bucket_name, key, created, size=len(joined), etag=etag, version_id=version)
    root = s3.Element("CompleteMultipartUploadResult", xmlns=s3.S3_NS)
    scheme, host = headers.get("x-forwarded-proto") or "http", headers.get("host", "localhost")
    result = {"Location": f"{scheme}://{host}/{bucket_name}/{key}", "Bucket": bucket_name, "Key": key}
    result |= {"ETag": etag}
    if composite:
        result |= {f"Checksum{algorithm}": composite, "ChecksumType": "COMPOSITE"}
    for name, text in result.items():
        s3.SubElement(root, name).text = text
    answer = 200, answered, s3._xml_body(root)
    # The same request again gets the same answer, and makes no second version.
    s3._completed_multipart_uploads[upload_id] = {"key": key, "response": answer}
    return answer


def _listed(body: bytes) -> list[tuple[int, str, dict[str, str]]]:
    """Return the parts that a request names: number, ETag and checksums, in the order of the numbers."""
    found = []
    for part in s3.fromstring(body).iter():
        if part.tag.rpartition("}")[2] == "Part":
            named = {child.tag.rpartition("}")[2]: child.text or "" for child in part}
            checksums = {
                name.removeprefix("Checksum").upper(): text
                for name, text in named.items()
                if name.startswith("Checksum")
            }
            found.append((int(named["PartNumber"]), named.get("ETag", "").strip('"'), checksums))
    return sorted(found, key=lambda part: part[0])


def _refusal_of_parts(body: bytes, upload: dict[str, Any], resource: str) -> Answer | None:
    """Return the refusal of a list of parts that is no XML, or names parts that were not uploaded so."""
    try:
        listed = _listed(body)
    except (s3.ParseError, KeyError, ValueError):
        text = "The XML you provided was not well-formed or did not validate against our published schema."
        return s3._error("MalformedXML", text, 400, resource)  # type: ignore[no-any-return]
    for number, etag, checksums in listed:
        stored = upload["parts"].get(number)
        known = (stored or {}).get("checksums") or {}
        if (
            stored is None
            or (etag and etag != stored["etag"].strip('"'))
            or any(value and known.get(name) != value for name, value in checksums.items())
        ):
            return s3._error("InvalidPart", f"{_INVALID}{number}", 400)  # type: ignore[no-any-return]
    return None


def _refusal_of_object(
    parts: list[dict[str, Any]],
    algorithm: str | None,
    composite: str | None,
    headers: dict[str, str],
    resource: str,
) -> Answer | None:
    """Return the refusal of an object whose declared size or checksum is not that of its parts."""
    declared, actual = headers.get("x-amz-mp-object-size"), sum(len(part["body"]) for part in parts)
    if declared is not None and declared != str(actual):
        text = f"The provided 'x-amz-mp-object-size' header value {declared} does not match {actual}."
        return s3._error("InvalidRequest", text, 400, resource)  # type: ignore[no-any-return]
    wanted = headers.get(f"x-amz-checksum-{algorithm.lower()}") if algorithm else None
    if wanted and wanted != composite:
        text = f"The {algorithm} you specified did not match the calculated checksum."
        return s3._error("BadDigest", text, 400, resource)  # type: ignore[no-any-return]
    return None
