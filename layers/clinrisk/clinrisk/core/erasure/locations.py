"""Every place where a patient's rows lie, in what form, and what an erasure does there.

docs/data.md has the same places for people; a test holds the two against each other. Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Form = Literal["parquet", "lines", "table", "list", "archive", "raw", "resources", "unread"]
"""How a place's objects hold rows: Parquet; lines whose first cell is the id; a CSV table with a header; a
JSON list; FHIR resources, one a line; a tar.gz with such tables; Parquet with lines as they came; or not
looked into."""
Ending = Literal["rewritten", "removed"]
UPLOAD = re.compile(r"(?<![0-9a-f])[0-9a-f]{20}(?![0-9a-f])")


@dataclass(frozen=True)
class Location:
    """One place: its keys begin with `prefix`, filled in with the use case, and match `keys`."""

    name: str
    bucket: Literal["inbox", "lake", "results"]
    prefix: str
    form: Form
    ending: Ending
    column: str = "record_id"
    by_hospital_id: bool = False
    """Whether patients are known there by the hospital's own ids; else by pseudonym."""
    keys: str = ""
    media: str = "application/octet-stream"
    by_contract: bool = False
    """Whether its keys name the feature group of a contract, and not the use case."""

    def holds(self, key: str) -> bool:
        """Return whether an object below the prefix may hold rows."""
        return re.search(self.keys, key) is not None


def _of_upload(name: str, form: Form, column: str = "record_id") -> Location:
    return Location(f"{name}/", "lake", f"{name}/{{use_case}}/", form, "rewritten", column)


LOCATIONS = (
    Location("inbox/", "inbox", "inbox/{use_case}/", "table", "removed", "id", by_hospital_id=True),
    Location("quarantine/", "lake", "quarantine/{use_case}/", "raw", "rewritten", "raw", by_hospital_id=True),
    _of_upload("vault", "parquet"),
    _of_upload("features", "parquet"),
    _of_upload("transform", "lines"),
    _of_upload("scores", "lines"),
    _of_upload("presented", "parquet"),
    _of_upload("predictions", "parquet"),
    _of_upload("outcomes", "parquet"),
    _of_upload("feedback", "parquet", "patient"),
    Location("acted-on/", "lake", "acted-on/{use_case}.json", "list", "rewritten"),
    Location("offline-store/", "lake", "offline-store/", "parquet", "rewritten",
        keys=r"\.parquet$", by_contract=True),
    Location(
        "training/", "lake", "training/{use_case}/", "table", "removed",
        keys=r"/set/(training|holdout)\.csv$",
    ),
    Location("training/", "lake", "training/{use_case}/", "list", "removed", keys=r"/plan/acted_on\.json$"),
    Location("models/", "lake", "models/{use_case}/", "archive", "removed", keys=r"/output/output\.tar\.gz$"),
    Location(
        "candidates/", "lake", "candidates/{use_case}/", "archive", "rewritten",
        keys=r"/output\.tar\.gz$", media="application/gzip",
    ),
    Location("results/", "results", "results/{use_case}/", "resources", "removed",
        by_hospital_id=True, keys=r"\.ndjson$"),
    Location(
        "results/", "results", "results/{use_case}/", "table", "rewritten", "id",
        by_hospital_id=True, keys=r"\.csv$", media="text/csv; charset=utf-8",
    ),
)  # fmt: skip
"""The places that are searched, in the order in which they are erased: results last."""

FOLLOWING = (
    Location("chunks/", "lake", "chunks/{use_case}/{upload}/", "unread", "removed"),
    Location("table-text/", "lake", "table-text/{use_case}/{upload}/", "unread", "removed"),
    Location("replays/", "lake", "replays/{use_case}/{upload}/", "unread", "removed"),
    Location("shadow/", "lake", "shadow/{use_case}/", "unread", "removed", keys=r"/{upload}/"),
)
"""What is removed with an upload that held the patient, and is not looked into: it ends by itself soon, and
of the shadow's scores nobody who serves clinicians, nor this, has the key."""


def uploads_in(key: str) -> tuple[str, ...]:
    """Return the ids of uploads that a key names.

    >>> uploads_in("vault/heart/0123456789abcdef0123/chunk-00000.parquet")
    ('0123456789abcdef0123',)
    """
    return tuple(UPLOAD.findall(key))


def tuning_folder(key: str) -> str:
    """Return the folder of a run's tuning set, by the key of its training set; "" of another key.

    Its rows carry no id, so it goes with the set that it was made of.

    >>> tuning_folder("training/heart/run-1/set/training.csv")
    'training/heart/run-1/set/tuning/'
    """
    folder, _, name = key.rpartition("/")
    return f"{folder}/tuning/" if name in {"training.csv", "holdout.csv"} else ""


_ROWS_OF = {
    "training": "features/{use_case}/training/{upload}/",
    "inference": "features/{use_case}/inference/{upload}/",
    "outcomes": "outcomes/{use_case}/{upload}/",
    "feedback": "feedback/{use_case}/{upload}/",
    "predictions": "predictions/{use_case}/{upload}/",
}


def rows_of(use_case: str, purpose: str, upload: str) -> str:
    """Return the prefix below which the accepted rows of an upload lie.

    >>> rows_of("heart", "outcomes", "0123456789abcdef0123")
    'outcomes/heart/0123456789abcdef0123/'
    """
    return _ROWS_OF[purpose].format(use_case=use_case, upload=upload)
