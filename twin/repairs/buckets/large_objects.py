"""Large objects on disk, so that a file of a gigabyte costs the engine no memory."""

import hashlib
import inspect
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, Self, overload

from ministack.services import s3

from twin.repairs.registry import Site

SPILLED_BYTES = 256 * 1024
_BLOCK = 1 << 20


class Body:
    """The bytes of an object in a file of their own, which goes when nobody refers to it any more."""

    def __init__(self, parts: Iterable["bytes | Body"]) -> None:
        descriptor, self._path = tempfile.mkstemp(prefix="object-")
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                for block in part.blocks() if isinstance(part, Body) else (part,):
                    file.write(block)
            self._size = file.tell()
        weakref.finalize(self, os.unlink, self._path)

    def __len__(self) -> int:
        """Give the number of bytes."""
        return self._size

    @overload
    def __getitem__(self, place: slice) -> bytes: ...
    @overload
    def __getitem__(self, place: int) -> int: ...
    def __getitem__(self, place: slice | int) -> bytes | int:
        """Read some of the bytes."""
        if isinstance(place, int):
            return self[place : place + 1][0]
        start, end, _ = place.indices(self._size)
        with open(self._path, "rb") as file:  # noqa: PTH123 - a path is a string here
            file.seek(start)
            return file.read(max(end - start, 0))

    def blocks(self) -> Iterator[bytes]:
        """Read all bytes, some at a time."""
        for start in range(0, self._size, _BLOCK):
            yield self[start : start + _BLOCK]

    def md5(self) -> bytes:
        """Hash the bytes."""
        found = hashlib.md5(usedforsecurity=False)
        for block in self.blocks():
            found.update(block)
        return found.digest()

    @classmethod
    def of(cls, body: "bytes | Body") -> "bytes | Self":
        """Give small bodies back, and large ones in a file."""
        return cls([body]) if isinstance(body, bytes) and len(body) >= SPILLED_BYTES else body  # type: ignore[return-value]


def apply(site: Site) -> None:
    """Keep what is put in files.

    The engine holds every version of every object in memory and joins the parts of an upload there: a file of
    a gigabyte would take it three.
    """
    del site
    _join_in_a_file()
    put, part, complete, get, data = (
        s3._put_object,
        s3._upload_part,
        s3._complete_multipart_upload,
        s3._get_object,
        s3._get_object_data,
    )

    def put_object(bucket: str, key: str, *rest: Any, **named: Any) -> Any:
        answer = put(bucket, key, *rest, **named)
        _spill(bucket, key)
        return answer

    def upload_part(bucket: str, key: str, body: bytes, query: Any, headers: Any) -> Any:
        answer = part(bucket, key, body, query, headers)
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        for one in upload["parts"].values() if upload else ():
            if one["body"] is body:
                one["body"] = Body.of(body)
        return answer

    def complete_upload(bucket: str, key: str, *rest: Any, **named: Any) -> Any:
        answer = complete(bucket, key, *rest, **named)
        _spill(bucket, key)
        return answer

    def get_object(*asked: Any, **named: Any) -> Any:
        status, headers, body = get(*asked, **named)
        return status, headers, body[:] if isinstance(body, Body) else body

    def get_object_data(*asked: Any, **named: Any) -> Any:
        # How the engine's other services read: the code of a layer, a template.
        body = data(*asked, **named)
        return body[:] if isinstance(body, Body) else body

    s3._get_object_data = get_object_data
    s3._put_object = put_object
    s3._upload_part = upload_part
    s3._complete_multipart_upload = complete_upload
    s3._get_object = get_object


def _spill(bucket: str, key: str) -> None:
    """Put an object's newest body into a file, for the current object and its version alike."""
    stored = s3._buckets.get(bucket, {}).get("objects", {}).get(key)
    if stored is None or not isinstance(stored.get("body"), bytes):
        return
    body = stored["body"]
    spilled = Body.of(body)
    for version in s3._object_versions.get((bucket, key), []):
        if version.get("data") is body:
            version["data"] = spilled
    stored["body"] = spilled


def _join_in_a_file() -> None:
    """Join the parts of an upload in a file: the one place where the engine's own text has to change."""
    source = inspect.getsource(s3._complete_multipart_upload)
    for old, new in (
        ('hashlib.md5(stored["body"]).digest()', '_md5_of(stored["body"])'),
        ('b"".join(combined_parts)', "_joined(combined_parts)"),
    ):
        if old not in source:
            raise RuntimeError(f"The engine's text changed: {old} is gone.")
        source = source.replace(old, new)
    s3._md5_of = lambda body: (
        body.md5() if isinstance(body, Body) else hashlib.md5(body, usedforsecurity=False).digest()
    )
    s3._joined = lambda parts: (
        Body(parts) if any(isinstance(part, Body) for part in parts) else b"".join(parts)
    )
    exec(compile(source, s3.__file__, "exec"), vars(s3))  # noqa: S102 - the engine's own function, two words changed
