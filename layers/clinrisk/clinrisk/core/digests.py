"""Digests, and the canonical bytes that they are made of: the same value has the same bytes everywhere."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The earliest time of a zip, and plain readable files: nothing of the machine that packs.
_PACKED_AT = (1980, 1, 1, 0, 0, 0)
_READABLE_FILE = 0o100644 << 16
_UNIX = 3


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a value: keys sorted, no spaces, UTF-8; raises ValueError for NaN.

    >>> canonical_json({"b": [1, 2.5], "a": "é"}).decode()
    '{"a":"é","b":[1,2.5]}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256(content: bytes) -> str:
    """Return the digest of some bytes as 64 hexadecimal digits.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    """Return the digest of a value's canonical JSON."""
    return sha256(canonical_json(value))


def package_files(package: Path) -> dict[str, bytes]:
    """Return a package's own files as `<package>/<path>` -> content, without compiled ones."""
    return {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files that depends on their names and content alone.

    Sorted, stored (compressors differ between versions), with one fixed time and mode.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            member = zipfile.ZipInfo(name, _PACKED_AT)
            member.create_system, member.external_attr = _UNIX, _READABLE_FILE
            archive.writestr(member, files[name])
    return packed.getvalue()
