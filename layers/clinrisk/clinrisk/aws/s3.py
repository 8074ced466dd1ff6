"""S3 objects by address and digest: what is read by `Reference` is what was written, or it is an error."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from botocore.exceptions import ClientError

from clinrisk.aws import clients
from clinrisk.errors import EvidenceChanged, ObjectMissing, ObjectReplaced
from clinrisk.messages.message import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future
    from datetime import datetime

    from botocore.response import StreamingBody

# How much of an object is in memory at a time while it is hashed or cut.
_BLOCK = 1 << 20
_RANGE = 16 << 20
_CONFLICTS = 10
"""How often a conditional write is sent again while others write the same key."""
_REPLACED = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_AHEAD = 3
"""How many ranges are on their way while one is worked on."""


@dataclass(frozen=True)
class Facts:
    """What S3 says about one version of an object without reading it."""

    size: int
    arrived_at: datetime
    metadata: dict[str, str]


def uri_of(bucket: str, key: str) -> str:
    """Spell the address of an object.

    >>> uri_of("lake", "profiles/heart/1.json")
    's3://lake/profiles/heart/1.json'
    """
    return f"s3://{bucket}/{key}"


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an address.

    >>> split("s3://lake/profiles/heart/1.json")
    ('lake', 'profiles/heart/1.json')
    """
    # A key may hold "#" or "?", which belong to the path here.
    parts = urlsplit(uri.replace("#", "%23").replace("?", "%3F"))
    return parts.netloc, parts.path.removeprefix("/").replace("%23", "#").replace("%3F", "?")


def facts(bucket: str, key: str, version_id: str) -> Facts:
    """Return size, arrival and metadata of one version of an object; raises ObjectMissing."""
    try:
        found = clients.s3().head_object(Bucket=bucket, Key=key, VersionId=version_id)
    except ClientError as error:
        raise _missing(error, "The uploaded version is no longer there.") from error
    return Facts(found["ContentLength"], found["LastModified"], found["Metadata"])


def read_range(bucket: str, key: str, version_id: str, start: int, end: int) -> bytes:
    """Read the bytes [start, end) of one version of an object."""
    gone = "The uploaded version is no longer there."
    return _read_bytes(start, end, gone, Bucket=bucket, Key=key, VersionId=version_id)


def read_part(uri: str, start: int, end: int) -> bytes:
    """Read the bytes [start, end) of what lies at an address now."""
    bucket, key = split(uri)
    return _read_bytes(start, end, f"There is no object {uri}.", Bucket=bucket, Key=key)


def blocks(bucket: str, key: str, version_id: str, size: int) -> Iterator[bytes]:
    """Read one version of an object range by range, in constant memory; raises ObjectMissing.

    A range that breaks off is tried again alone, which a single read of a large object is not.
    """
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_AHEAD) as threads:
        for start in range(0, size, _RANGE):
            end = min(start + _RANGE, size)
            waiting.append(threads.submit(read_range, bucket, key, version_id, start, end))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def digest(uri: str) -> str:
    """Hash an object: the sha256 of its bytes, as hex, read in constant memory."""
    return _hashed(_stream(uri))


def digest_version(bucket: str, key: str, version_id: str, size: int) -> str:
    """Hash one version of an object, range by range."""
    return _hashed(blocks(bucket, key, version_id, size))


def check_digest(what: str, uri: str, sha256: str) -> None:
    """Pass silently when what lies at an address has that digest; raises EvidenceChanged."""
    if digest(uri) != sha256:
        raise EvidenceChanged(f"The {what} has changed: {uri} no longer has the digest recorded for it.")


def fetch(reference: Reference) -> bytes:
    """Read what the reference names; raises EvidenceChanged when its bytes are others than were meant."""
    data = fetch_current(reference.uri)
    if hashlib.sha256(data).hexdigest() != reference.sha256:
        raise EvidenceChanged(f"{reference.uri} no longer has the digest it was referred to by.")
    return data


def fetch_current(uri: str) -> bytes:
    """Read what lies at an address now: for what a job has just written and nobody has hashed yet."""
    return b"".join(_stream(uri))


def fetch_json(reference: Reference) -> Any:
    """Read a JSON document by reference."""
    return json.loads(fetch(reference))


def fetch_json_now(uri: str) -> Any:
    """Read the JSON document that lies at an address now."""
    return json.loads(fetch_current(uri))


def store(
    bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream", *, once: bool = False
) -> Reference:
    """Write an object and give its reference.

    S3 checks the digest on arrival. With `once` an object that is there already stays as it is: code and
    documents of a run are written one time, and a retry finds its own work.
    """
    if once:
        store_new(bucket, key, data, content_type)
    else:
        _put(bucket, key, data, content_type)
    return reference_to(bucket, key, data)


def keep(bucket: str, key: str, data: bytes, content_type: str = "application/octet-stream") -> Reference:
    """Write an object once and give its reference; raises EvidenceChanged where other bytes lie there."""
    kept = store(bucket, key, data, content_type, once=True)
    check_digest("object", kept.uri, kept.sha256)
    return kept


def store_new(bucket: str, key: str, data: bytes, content_type: str) -> bool:
    """Write an object where none is; return False, and change nothing, where one is.

    While another request writes the same key S3 answers with a conflict, after which either may be the case.
    """
    conflicts = 0
    while True:
        try:
            _put(bucket, key, data, content_type, IfNoneMatch="*")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                return False
            conflicts += 1
            if code != "ConditionalRequestConflict" or conflicts == _CONFLICTS:
                raise
        else:
            return True


def store_blocks(
    bucket: str,
    key: str,
    blocks: Iterable[bytes],
    content_type: str,
    tags: Mapping[str, str] | None = None,
    *,
    replaces: str = "",
) -> tuple[Reference, str]:
    """Write an object of any size, block by block, and return its reference and its version.

    A small one is written in one request; of a larger one, a part is in memory at a time. Either way it is
    there whole or not at all; what an interrupted call leaves is dropped by the bucket's own rule.
    `replaces`: the ETag of what must still lie there; raises ObjectReplaced where something else does.
    """
    client, sha = clients.s3(), hashlib.sha256()
    tagged: dict[str, Any] = {"Tagging": urlencode(tags)} if tags else {}
    condition: dict[str, Any] = {"IfMatch": replaces} if replaces else {}
    parts: list[Any] = []
    target: dict[str, Any] = {"Bucket": bucket, "Key": key}
    waiting = bytearray()
    for block in blocks:
        sha.update(block)
        waiting += block
        if len(waiting) >= _RANGE:
            if "UploadId" not in target:
                # S3 refuses a part whose checksum is of another algorithm than was named here.
                created = client.create_multipart_upload(
                    **target, ContentType=content_type, ChecksumAlgorithm="SHA256", **tagged
                )
                target["UploadId"] = created["UploadId"]
            parts.append(_store_part(target, len(parts) + 1, bytes(waiting)))
            waiting.clear()
    stored: Mapping[str, Any]
    try:
        if not parts:
            stored = _put(bucket, key, bytes(waiting), content_type, **tagged, **condition)
        else:
            if waiting:
                parts.append(_store_part(target, len(parts) + 1, bytes(waiting)))
            stored = client.complete_multipart_upload(**target, MultipartUpload={"Parts": parts}, **condition)
    except ClientError as error:
        if replaces and error.response["Error"]["Code"] in _REPLACED:
            raise ObjectReplaced(f"{uri_of(bucket, key)} was written by somebody else meanwhile.") from error
        raise
    return Reference(uri=uri_of(bucket, key), sha256=sha.hexdigest()), stored["VersionId"]


def store_json(bucket: str, key: str, document: object, *, once: bool = False) -> Reference:
    """Write a JSON document, keys sorted, so that the same content is the same bytes."""
    return store(bucket, key, json_text(document).encode(), "application/json", once=once)


def json_text(document: object) -> str:
    """Spell a JSON document as `store_json` does."""
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def reference_to(bucket: str, key: str, data: bytes) -> Reference:
    """Return the reference that some bytes will have once they are stored."""
    return Reference(uri=uri_of(bucket, key), sha256=hashlib.sha256(data).hexdigest())


def keys_under(bucket: str, prefix: str) -> list[str]:
    """List the keys under a prefix, in order."""
    return list(written_under(bucket, prefix))


def written_under(bucket: str, prefix: str) -> dict[str, datetime]:
    """List the keys under a prefix, in order, and when each object was written."""
    pages = clients.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", [])}


def remove(bucket: str, key: str) -> None:
    """Delete an object; in a versioned bucket its versions stay below a marker. None there is no error."""
    clients.s3().delete_object(Bucket=bucket, Key=key)


def versions_under(bucket: str, prefix: str) -> Iterator[tuple[str, str, int, datetime]]:
    """List the versions of all objects under a prefix: key, version, bytes, arrival; no delete markers."""
    for page in clients.s3().get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for one in page.get("Versions", []):
            yield one["Key"], one["VersionId"], one["Size"], one["LastModified"]


def _put(bucket: str, key: str, data: bytes, content_type: str, **conditions: Any) -> Mapping[str, Any]:
    """Write an object in one request; S3 checks its digest on arrival."""
    return clients.s3().put_object(
        Bucket=bucket,
        Key=key,
        Body=data,
        ContentType=content_type,
        ChecksumSHA256=_checksum(data),
        **conditions,
    )


def _store_part(target: dict[str, Any], number: int, data: bytes) -> Any:
    checksum = _checksum(data)
    answer = clients.s3().upload_part(**target, PartNumber=number, Body=data, ChecksumSHA256=checksum)
    return {"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}


def _checksum(data: bytes) -> str:
    """Return the digest in the form that S3 checks on arrival."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _read_bytes(start: int, end: int, gone: str, **target: str) -> bytes:
    return _body(gone, **target, Range=f"bytes={start}-{end - 1}").read() if end > start else b""


def _stream(uri: str) -> Iterator[bytes]:
    """Read what lies at an address now, block by block."""
    bucket, key = split(uri)
    yield from _body(f"There is no object {uri}.", Bucket=bucket, Key=key).iter_chunks(_BLOCK)


def _body(gone: str, **target: Any) -> StreamingBody:
    """Open an object; raises ObjectMissing, with the message `gone`, when it is not there."""
    try:
        return clients.s3().get_object(**target)["Body"]
    except ClientError as error:
        raise _missing(error, gone) from error


def _hashed(parts: Iterable[bytes]) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(part)
    return sha.hexdigest()


def _missing(error: ClientError, message: str) -> Exception:
    """Name the error: an object that is gone is a fact, anything else (throttle, refusal) stays as it is."""
    missing = error.response["Error"]["Code"] in {"404", "NoSuchKey", "NoSuchVersion", "NotFound"}
    return ObjectMissing(message) if missing else error
