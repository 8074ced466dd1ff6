"""Large objects in files of their own, so that a file of a gigabyte costs the engine no memory.

Uploads in parts are in `multipart_uploads`.
"""

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, overload

from ministack.services import s3

from twin.repairs.repair_registry import Original, repair

SPILLED_BYTES = 256 * 1024
_BLOCK = 1 << 20
IN_MEMORY = "Every version of every object is held in memory, and the parts of an upload are joined there."


class ObjectFile:
    """The bytes of an object in a file of their own, which goes when nobody refers to it any more."""

    def __init__(self, parts: Iterable["bytes | ObjectFile"]) -> None:
        descriptor, self._path = tempfile.mkstemp(prefix="object-")
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                for block in part.blocks() if isinstance(part, ObjectFile) else (part,):
                    file.write(block)
            self._size = file.tell()
        weakref.finalize(self, os.unlink, self._path)

    @classmethod
    def copied(cls, source: Path) -> "ObjectFile":
        """Return the bytes of another file, which is left alone."""
        made = cls(())
        Path(made._path).unlink()
        _link(source, Path(made._path))
        made._size = source.stat().st_size
        return made

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return Path(self._path).name

    def link(self, target: Path) -> None:
        """Put the bytes into another file, which stays when this one goes."""
        _link(Path(self._path), target)

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self._size

    @overload
    def __getitem__(self, wanted: slice) -> bytes: ...
    @overload
    def __getitem__(self, wanted: int) -> int: ...
    def __getitem__(self, wanted: slice | int) -> bytes | int:
        """Return some of the bytes, or one of them."""
        if isinstance(wanted, int):
            return self[wanted : wanted + 1][0]
        start, end, _ = wanted.indices(self._size)
        with open(self._path, "rb") as file:  # noqa: PTH123 - a path is a string here
            file.seek(start)
            return file.read(max(end - start, 0))

    def blocks(self) -> Iterator[bytes]:
        """Return all bytes, a megabyte at a time."""
        for start in range(0, self._size, _BLOCK):
            yield self[start : start + _BLOCK]


def _link(source: Path, target: Path) -> None:
    """Have the same bytes twice: for nothing where the file system can, since nobody writes to them again."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def in_a_file(body: "bytes | ObjectFile") -> "bytes | ObjectFile":
    """Return a small body as it is, and a large one in a file."""
    return ObjectFile([body]) if isinstance(body, bytes) and len(body) >= SPILLED_BYTES else body


def spill(bucket: str, key: str) -> None:
    """Put an object's newest body into a file, for the current object and its version alike."""
    stored = s3._buckets.get(bucket, {}).get("objects", {}).get(key)
    if stored is None or not isinstance(stored.get("body"), bytes):
        return
    body = stored["body"]
    spilled = in_a_file(body)
    for version in s3._object_versions.get((bucket, key), []):
        if version.get("data") is body:
            version["data"] = spilled
    stored["body"] = spilled


@repair(
    "ministack.services.s3._put_object",
    reason=IN_MEMORY,
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html",
    source_sha256="cf5861e4d9999243015aa5097b1d960f4883c07e650e4304fd7c46889206e3d5",
)
def put_object(original: Original, bucket: str, key: str, *rest: Any, **named: Any) -> Any:
    """Store an object; a large body goes to a file."""
    answer = original(bucket, key, *rest, **named)
    spill(bucket, key)
    return answer


@repair(
    "ministack.services.s3._get_object",
    reason=IN_MEMORY,
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    source_sha256="64ad7071ef0ec45adb8cc4d57b18a3b52d058504b27e0b44d9800d977475b170",
)
def get_object(original: Original, *asked: Any, **named: Any) -> Any:
    """Return an object, its body read from its file."""
    status, headers, body = original(*asked, **named)
    return status, headers, body[:] if isinstance(body, ObjectFile) else body


@repair(
    "ministack.services.s3._get_object_data",
    reason=IN_MEMORY,
    link="https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    source_sha256="8735d1f5e33130762824a98fd11199beaa4a2153ee9459ad97f33b97c8798277",
)
def get_object_data(original: Original, *asked: Any, **named: Any) -> Any:
    """Return the bytes that the engine's other services read: the code of a layer, a template."""
    body = original(*asked, **named)
    return body[:] if isinstance(body, ObjectFile) else body
