"""Searching all that is stored for the rows of patients, in every version, part by part.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.buckets import object_versions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.erasure import patient_rows
from clinrisk.core.erasure.locations import LOCATIONS, uploads_in
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, read_header
from clinrisk.core.training.learned_digests import CARD, LEARNED, learned_digests
from clinrisk.errors import ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.aws.buckets.object_versions import VersionedObject
    from clinrisk.core.erasure.locations import Location
    from clinrisk.core.erasure.named_patients import NamedPatients


@dataclass(frozen=True)
class FoundObject:
    """An object that holds rows of the patients, in any of its versions."""

    location: int
    """Its position in LOCATIONS."""
    key: str
    rows: int
    """Rows of the patients, over all versions."""
    versions: tuple[str, ...]
    """The versions that hold them."""


@dataclass
class Search:
    """How far a search has come; as a JSON document it goes on in another call."""

    location: int = 0
    after: str = ""
    objects: int = 0
    read_bytes: int = 0
    found: list[FoundObject] = field(default_factory=list)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Search:
        """Return the search that `asdict` spelled."""
        found = [FoundObject(**one | {"versions": tuple(one["versions"])}) for one in document["found"]]
        return cls(**{**document, "found": found})

    @property
    def document(self) -> dict[str, Any]:
        """The search as JSON spells it."""
        return asdict(self)

    @property
    def done(self) -> bool:
        """Whether every location was searched."""
        return self.location == len(LOCATIONS)

    def go_on(self, use_case: str, patients: NamedPatients, expired: Callable[[], bool]) -> None:
        """Search on until everything was, or the time is over."""
        while not self.done:
            location = LOCATIONS[self.location]
            for one in object_versions.listed(bucket_of(location), prefix_of(location, use_case), self.after):
                if holds(location, one.key, use_case):
                    self._search_object(one, location, patients)
                self.after = one.key
                if expired():
                    return
            self.location, self.after = self.location + 1, ""
        self.found += _dropped_files(self.found)

    def _search_object(self, one: VersionedObject, location: Location, patients: NamedPatients) -> None:
        rows, versions = 0, []
        for version in one.versions:
            theirs = patient_rows.count(
                location, one.blocks(version), patients, header_of(location, one.key)
            ).theirs
            self.read_bytes += version.size
            rows += theirs
            versions += [version.version_id] if theirs else []
        self.objects += 1
        if versions:
            self.found.append(FoundObject(self.location, one.key, rows, tuple(versions)))


def bucket_of(location: Location) -> str:
    """Return the bucket of a location."""
    return str(getattr(settings(), f"{location.bucket}_bucket"))


def prefix_of(location: Location, use_case: str) -> str:
    """Return the prefix of a location's keys."""
    return location.prefix.format(use_case=use_case)


def holds(location: Location, key: str, use_case: str) -> bool:
    """Return whether an object may hold rows of a use case.

    In the offline store, every contract of a use case has a folder of its own.
    """
    if not location.by_contract:
        return location.holds(key)
    name = use_cases.get(use_case).contract_id.rpartition("-v")[0]
    return location.holds(key) and f"/{settings().name_prefix}-{name}-v" in key


def header_of(location: Location, key: str) -> tuple[str, ...]:
    """Return the columns of the file that quarantined lines came from, where it is still in the inbox."""
    if location.form != "raw":
        return ()
    for upload_id in uploads_in(key):
        upload = uploads.settlement_of(upload_id)
        if upload is not None:
            try:
                head = s3.facts(settings().inbox_bucket, upload.key, upload.version_id)
            except ObjectMissing:
                return ()
            where = (settings().inbox_bucket, upload.key, upload.version_id)
            return read_header(s3.read_range(*where, 0, min(head.size, HEAD_BYTES))).names
    return ()


def of_uploads(found: list[FoundObject]) -> list[str]:
    """Return the uploads whose rows were found, in order."""
    lake = [one for one in found if LOCATIONS[one.location].bucket != "inbox"]
    return sorted({upload for one in lake for upload in uploads_in(one.key)})


def _dropped_files(found: list[FoundObject]) -> list[FoundObject]:
    """Return the files in the inbox that name no patient, and are what rows of theirs were made from."""
    known = {(one.key, version) for one in found for version in one.versions}
    index = next(index for index, one in enumerate(LOCATIONS) if one.bucket == "inbox")
    dropped = []
    for upload_id in of_uploads(found):
        upload = uploads.settlement_of(upload_id)
        if upload is None or (upload.key, upload.version_id) in known:
            continue
        there = object_versions.object_of(settings().inbox_bucket, upload.key).versions
        if any(one.version_id == upload.version_id for one in there):
            dropped.append(FoundObject(index, upload.key, 0, (upload.version_id,)))
    return dropped


def learned_by(use_case: str, patients: NamedPatients) -> tuple[str, ...]:
    """Return the evaluations whose kept models learned from one of the patients."""
    bucket, names = settings().lake_bucket, []
    prefix = object_keys.candidate(use_case, "", "").rstrip("/") + "/"
    for key in s3.keys_under(bucket, prefix):
        if not key.endswith("/model.tar.gz"):
            continue
        try:
            learned = _learned(s3.fetch_current(s3.uri_of(bucket, key)), patients)
        except tarfile.ReadError:
            # Of a model that is not ours there is no archive.
            continue
        if learned:
            names.append(key.split("/")[2])
    return tuple(names)


def _learned(archive: bytes, patients: NamedPatients) -> bool:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as models:
        members = {name.removeprefix("./"): name for name in models.getnames()}
        if not {LEARNED, CARD} <= set(members):
            return False
        parts = [models.extractfile(members[name]) for name in (LEARNED, CARD)]
        digests, card = [b"" if part is None else part.read() for part in parts]
    known = np.load(io.BytesIO(digests))
    theirs = learned_digests(patients.record_ids, json.loads(card)["training_sha256"])
    return bool(np.isin(theirs, known).any())
