"""Messages of the ingest workflow: from an object in the inbox to a receipt."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.base import Count, Failure, Message, Name, Reference, Request, Sha256


class Disposition(StrEnum):
    """What became of an upload, as its receipt says it."""

    ACCEPTED = "ACCEPTED"  # every row used
    PARTIAL = "PARTIAL"  # good rows used, bad rows quarantined and counted
    REJECTED = "REJECTED"  # the whole file set aside
    IGNORED = "IGNORED"  # not data
    DUPLICATE = "DUPLICATE"  # these bytes have been used already
    FAILED = "FAILED"  # parked after bounded retries


class Upload(Message):
    """A claimed file: one version of one object, and what its key says it is."""

    bucket: str
    key: str
    version_id: str
    size: Count
    use_case: Name
    purpose: Literal["training", "inference", "outcomes"]
    upload_id: Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
    sha256: Sha256


class Counts(Message):
    """How many rows went where, as `clinrisk.ingest.counts.Counts` has it."""

    rows: Count
    accepted: Count
    quarantined: Count
    labelled: Count = 0
    missing: dict[str, Count] = Field(default_factory=dict)
    reasons: dict[str, Count] = Field(default_factory=dict)
    first_rows: dict[str, tuple[Count, ...]] = Field(default_factory=dict)
    measured: dict[str, Count] = Field(default_factory=dict)
    foreign: dict[str, Count] = Field(default_factory=dict)


class ClaimRequest(Request):
    """The S3 event's facts. `execution` decides whether a second claim is a retry or a repetition."""

    bucket: str
    key: str
    version_id: str
    size: Count


class ClaimResult(Message):
    """What the claim found; `subject` and `message` are there when a mail is due."""

    disposition: Literal["CLAIMED", "IGNORED", "DUPLICATE", "REJECTED", "REPEATED"]
    upload: Upload | None = None
    receipt: Reference | None = None
    subject: str | None = None
    message: str | None = None


class Chunk(Message):
    """A byte range [start, end) of the file, whole lines all; `first_row` numbers its first data row."""

    index: Count
    start: Count
    end: Count
    first_row: Annotated[int, Field(ge=1)]


class PlanChunksRequest(Request):
    """Ask how a claimed upload is cut."""

    upload: Upload


class PlanChunksResult(Message):
    """The chunks, in file order, and the header they share."""

    chunks: Annotated[tuple[Chunk, ...], Field(min_length=1)]
    header: tuple[str, ...]


class BuildRequest(Request):
    """Ask for the features of one chunk."""

    upload: Upload
    chunk: Chunk
    header: tuple[str, ...]


class BuildResult(Message):
    """What one chunk became: counts, and where its parts lie."""

    index: Count
    counts: Counts
    features: Reference
    vault: Reference | None = None
    quarantine: Reference | None = None
    profile: Reference | None = None


class CommitRequest(Request):
    """Ask to make an upload visible, whole or not at all."""

    upload: Upload
    chunks: Annotated[tuple[BuildResult, ...], Field(min_length=1)]


class CommitResult(Message):
    """How the upload was settled, whether it starts a training, and the mail when one is due."""

    # DUPLICATE: the same bytes were committed from another upload while this one was read.
    disposition: Disposition
    rows_accepted: Count
    rows_quarantined: Count
    labelled_rows: Count
    receipt: Reference
    train: bool
    announce: bool
    subject: str
    message: str


class ParkRequest(Request):
    """Ask to settle an upload that could not be processed."""

    bucket: str
    key: str
    version_id: str
    error: Failure
    upload: Upload | None = None


class ParkResult(Message):
    """The mail to the operator and the FAILED receipt."""

    subject: str
    message: str
    receipt: Reference


class JoinRequest(Request):
    """Ask to join a committed outcomes upload to the predictions it belongs to."""

    upload: Upload


class JoinResult(Message):
    """How many outcomes found their prediction."""

    joined: Count
    unmatched: Count
