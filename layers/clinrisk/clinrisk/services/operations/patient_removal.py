"""Taking the rows of patients out of one object after another, and making true what is stated of them.

Each step finds its own work when it is repeated: an object that has no such rows any more stays as it is. It
reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk.aws import s3
from clinrisk.aws.buckets import object_versions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.core import object_keys
from clinrisk.core.erasure import patient_rows
from clinrisk.core.erasure.locations import FOLLOWING, LOCATIONS, rows_of, tuning_folder
from clinrisk.core.erasure.patient_rows import Found
from clinrisk.core.scoring import results_sidecar
from clinrisk.errors import ClaimLost, EvidenceChanged, ObjectReplaced
from clinrisk.messages.erasure import UploadErasure
from clinrisk.services.operations.patient_search import bucket_of, header_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinrisk.aws.buckets.object_versions import ObjectVersion, VersionedObject
    from clinrisk.core.erasure.locations import Location
    from clinrisk.core.erasure.named_patients import NamedPatients
    from clinrisk.services.operations.patient_search import FoundObject


_TURNS = 5


@dataclass(frozen=True)
class Removal:
    """What became of an object: its digest before and after, "" where there was or is none."""

    location: str
    key: str
    before: str
    after: str
    rows: int


def remove(found: FoundObject, patients: NamedPatients, erased_at: str) -> Removal:
    """Take the rows of the patients out of an object and all its versions.

    Raises EvidenceChanged where a results file is not what its sidecar states: somebody has to look first;
    ObjectReplaced where others write the object again and again.
    """
    location = LOCATIONS[found.location]
    if location.ending == "removed":
        return _removed(object_versions.object_of(bucket_of(location), found.key), found, location)
    turns = _TURNS
    while True:
        try:
            before, after = _rewritten(found.key, location, patients)
            break
        except ObjectReplaced:
            # Who publishes meanwhile goes first: what they wrote is read, and written without the patients.
            turns -= 1
            if not turns:
                raise
    if location.bucket == "results":
        _state_erasure(found, erased_at)
    return Removal(location.name, found.key, before, after, found.rows)


def _rewritten(key: str, location: Location, patients: NamedPatients) -> tuple[str, str]:
    """Write an object without the rows, delete its older versions; return its digests before and after."""
    one = object_versions.object_of(bucket_of(location), key)
    current = next((version for version in one.versions if version.current), None)
    before = after = ""
    if current is not None:
        before = after = _digest(one.blocks(current))
        if _theirs(one, current, location, patients):
            _check_stated(location, key, before)
            after = _rewrite(one, current, location, patients)
    _delete_versions(one, location, patients, rewritten=before != after)
    return before, after


def _removed(one: VersionedObject, found: FoundObject, location: Location) -> Removal:
    """Delete an object; of a key in the inbox, the versions that hold the patients, which are uploads."""
    current = next((version for version in one.versions if version.current), None)
    before = _digest(one.blocks(current)) if current is not None else ""
    if location.bucket == "inbox":
        kept = [version for version in one.versions if version.version_id not in found.versions]
        for version in one.versions:
            if version not in kept:
                one.delete(version.version_id)
        if not kept:
            object_versions.remove_object(object_versions.object_of(one.bucket, one.key))
    else:
        if tuning_folder(one.key):
            object_versions.remove_all(one.bucket, tuning_folder(one.key))
        object_versions.remove_object(one)
    return Removal(location.name, found.key, before, "", found.rows)


def _rewrite(
    one: VersionedObject, version: ObjectVersion, location: Location, patients: NamedPatients
) -> str:
    """Write the current version without the rows, and return its digest."""
    kept = patient_rows.without(
        location, one.blocks(version), patients, Found(), header_of(location, one.key)
    )
    tags = object_keys.HOLDS_PATIENTS if location.bucket == "results" else None
    written, _ = s3.store_blocks(one.bucket, one.key, kept, location.media, tags, replaces=version.etag)
    return written.sha256


def _delete_versions(
    one: VersionedObject, location: Location, patients: NamedPatients, *, rewritten: bool
) -> None:
    """Delete every older version that holds the patients, and markers that hide nothing any more."""
    left = len(one.versions) + rewritten
    for version in reversed(one.versions):
        if (rewritten or not version.current) and _theirs(one, version, location, patients):
            one.delete(version.version_id)
            left -= 1
    if not left:
        for marker in one.markers:
            one.delete(marker)


def _theirs(one: VersionedObject, version: ObjectVersion, location: Location, patients: NamedPatients) -> int:
    header = header_of(location, one.key)
    return patient_rows.count(location, one.blocks(version), patients, header).theirs


def _digest(blocks: Iterable[bytes]) -> str:
    sha = hashlib.sha256()
    for block in blocks:
        sha.update(block)
    return sha.hexdigest()


def _sidecar(key: str) -> tuple[str, Any]:
    """Return the key of the sidecar of a results file, and what it states; None where there is none."""
    bucket, sidecar = settings().results_bucket, key.removesuffix("csv") + "json"
    there = sidecar in s3.keys_under(bucket, sidecar)
    return sidecar, s3.fetch_json_now(s3.uri_of(bucket, sidecar)) if there else None


def _check_stated(location: Location, key: str, sha256: str) -> None:
    if location.bucket != "results":
        return
    sidecar, stated = _sidecar(key)
    if stated is not None and stated["results"]["sha256"] != sha256:
        raise EvidenceChanged(f"The results file next to {sidecar} has other bytes than it states.")


def _state_erasure(found: FoundObject, erased_at: str) -> None:
    """Make the sidecar true again: digest, version and counts of the file as it is now."""
    sidecar, stated = _sidecar(found.key)
    one = object_versions.object_of(settings().results_bucket, found.key)
    current = next((version for version in one.versions if version.current), None)
    if stated is None or current is None:
        return
    facts = {"version_id": current.version_id, "sha256": _digest(one.blocks(current))}
    kept = {version.version_id for version in one.versions}
    counts = results_sidecar.count_stated(csv.DictReader(_text_lines(one.blocks(current))))
    made = results_sidecar.after_erasure(stated, facts, counts, set(found.versions) - kept, erased_at)
    if made != stated:
        s3.store_json(settings().results_bucket, sidecar, made)


def _text_lines(blocks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line.decode() + "\n" for line in lines)
    if rest:
        yield rest.decode()


def follow(use_case: str, upload_id: str) -> None:
    """Remove what is kept for a while of an upload that held the patients, without reading it."""
    bucket = settings().lake_bucket
    for location in FOLLOWING:
        named = {"use_case": use_case, "upload": upload_id}
        inside = location.keys.format(**named)
        for one in object_versions.listed(bucket, location.prefix.format(**named)):
            if inside in one.key:
                object_versions.remove_object(one)


def recount(use_case: str, upload_id: str, request_id: str, erased_at: str) -> None:
    """Make an upload's counts true: those of the rows that are stored of it now.

    Raises ClaimLost where somebody decided about it at the same moment: the same call may be repeated.
    """
    upload = uploads.settlement_of(upload_id)
    if upload is None:
        return
    bucket = settings().lake_bucket
    keys = s3.keys_under(bucket, rows_of(use_case, upload.purpose, upload_id))
    if not keys:
        # They have ended, by a rule of the bucket: nothing is counted from them any more.
        return
    parts = [_labels(s3.fetch_current(s3.uri_of(bucket, key))) for key in keys]
    rows, labelled = (sum(part[index] for part in parts) for index in (0, 1))
    gone = upload.rows_accepted - rows
    if gone > 0:
        erasure = UploadErasure(request_id=request_id, rows=gone, erased_at=erased_at)
        if not decided_uploads.keep_erasure(upload, erasure, min(labelled, upload.labelled_rows)):
            raise ClaimLost("Somebody decided about an upload at the same moment.")


def _labels(data: bytes) -> tuple[int, int]:
    """Return how many rows a part of an upload has, and how many of them have a label."""
    there = pl.read_parquet_schema(io.BytesIO(data))
    columns: list[str] = [name for name in ("record_id", "label") if name in there]
    rows = pl.read_parquet(io.BytesIO(data), columns=columns)
    labels = rows["label"] if "label" in there else pl.Series([], dtype=pl.Int64)
    return rows.height, len(labels) - labels.null_count()
