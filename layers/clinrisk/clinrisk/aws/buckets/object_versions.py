"""All versions of objects, and the markers that hide them: what an erasure has to know of a bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients, s3

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object."""

    version_id: str
    size: int
    current: bool
    etag: str


@dataclass(frozen=True)
class VersionedObject:
    """An object with everything that is kept under its key, the newest first."""

    bucket: str
    key: str
    versions: list[ObjectVersion] = field(default_factory=list)
    markers: list[str] = field(default_factory=list)

    def blocks(self, version: ObjectVersion) -> Iterator[bytes]:
        """Read one version block by block."""
        return s3.blocks(self.bucket, self.key, version.version_id, version.size)

    def delete(self, version_id: str) -> None:
        """Delete one version or marker for good; one that is gone is no error."""
        clients.s3().delete_object(Bucket=self.bucket, Key=self.key, VersionId=version_id)


def listed(bucket: str, prefix: str, after: str = "") -> Iterator[VersionedObject]:
    """List the objects below a prefix whose keys come after one, in order, deleted ones included."""
    pages = clients.s3().get_paginator("list_object_versions")
    known: VersionedObject | None = None
    # The type stub of the paginator does not know where a list may begin.
    start: dict[str, Any] = {"KeyMarker": after} if after else {}
    for page in pages.paginate(Bucket=bucket, Prefix=prefix, **start):
        found = {} if known is None else {known.key: known}
        for version in page.get("Versions", []):
            one = found.setdefault(version["Key"], VersionedObject(bucket, version["Key"]))
            one.versions.append(
                ObjectVersion(
                    version["VersionId"], version["Size"], current=version["IsLatest"], etag=version["ETag"]
                )
            )
        for marker in page.get("DeleteMarkers", []):
            one = found.setdefault(marker["Key"], VersionedObject(bucket, marker["Key"]))
            one.markers.append(marker["VersionId"])
        complete = [found[key] for key in sorted(found)]
        # The last key of a page may go on in the next one.
        known = complete.pop() if complete else None
        yield from (one for one in complete if one.key > after)
    if known is not None and known.key > after:
        yield known


def object_of(bucket: str, key: str) -> VersionedObject:
    """Return one object with all that is kept under its key; without versions where there is nothing."""
    return next((one for one in listed(bucket, key) if one.key == key), VersionedObject(bucket, key))


def remove_all(bucket: str, prefix: str) -> int:
    """Delete every version and marker below a prefix, and return how many objects that were."""
    removed = 0
    for one in listed(bucket, prefix):
        remove_object(one)
        removed += 1
    return removed


def remove_object(one: VersionedObject) -> None:
    """Delete every version and marker of an object: the oldest first, so that nothing comes back to light."""
    for version in reversed(one.versions):
        one.delete(version.version_id)
    for marker in one.markers:
        one.delete(marker)
