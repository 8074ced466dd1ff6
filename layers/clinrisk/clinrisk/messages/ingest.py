"""Messages of the ingest workflow: from an object in the inbox to a receipt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clinrisk.errors import CountsDisagree
from clinrisk.messages.erasure import UploadErasure
from clinrisk.messages.message import Count, Failure, Message, Name, Reference, Request, Sha256


class Disposition(StrEnum):
    """What became of an upload, as its receipt says it."""

    ACCEPTED = "ACCEPTED"  # every row used
    PARTIAL = "PARTIAL"  # good rows used, bad rows quarantined and counted
    REJECTED = "REJECTED"  # the whole file set aside
    HELD = "HELD"  # readable, but nothing uses it until somebody lets it through
    IGNORED = "IGNORED"  # not data
    DUPLICATE = "DUPLICATE"  # these bytes have been used already
    FAILED = "FAILED"  # parked after bounded retries
    WITHDRAWN = "WITHDRAWN"  # its rows no longer count anywhere


UploadId = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]


class Upload(Message):
    """A claimed file: one version of one object, and what its key says it is."""

    bucket: str
    key: str
    version_id: str
    size: Count
    use_case: Name
    purpose: Literal["training", "inference", "predictions", "outcomes", "feedback"]
    upload_id: UploadId
    sha256: Sha256
    sequencer: str = ""
    """S3's own order of the versions of a key; empty where the event had none."""
    schema_version: Count = 1
    """The version of the use case's contract under which the file was claimed."""


@dataclass(frozen=True)
class RowCounts:
    """How many rows were accepted and quarantined: the two always add up to `rows`.

    Raises CountsDisagree where they do not, or where the reasons do not add up to `quarantined`.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    rows: Count
    accepted: Count
    quarantined: Count
    labelled: Count = 0
    not_scorable: Count = 0
    """Accepted rows without a value that is essential: no risk is stated for them."""
    missing: Mapping[str, Count] = field(default_factory=dict)
    """Per column, the accepted rows in which it was not measured."""
    reasons: Mapping[str, Count] = field(default_factory=dict)
    """Per reason, the rows quarantined for it (each row counts for its first reason only)."""
    first_rows: Mapping[str, tuple[Count, ...]] = field(default_factory=dict)
    """Per reason, the first row numbers, at most 20."""
    facts: Mapping[str, Count] = field(default_factory=dict)
    """What shows a fault of a column, as "fact:column" (see `cells.ColumnValues`); "read", the rows with the
    right number of cells; in training "used" and "lost", of all rows with a label, and "used_ill" and
    "lost_ill", of those with the outcome."""

    def __post_init__(self) -> None:
        if self.accepted + self.quarantined != self.rows or sum(self.reasons.values()) != self.quarantined:
            message = f"{self.rows} rows, but {self.accepted} accepted and {self.quarantined} quarantined."
            raise CountsDisagree(message)


class UploadDecision(Message):
    """What was decided about a settled upload: by whom, why, and what changed."""

    decision: Literal["HELD", "LET_THROUGH", "WITHDRAW"]
    person: str
    reason: str
    decided_at: str
    execution: str
    before: Disposition
    after: Disposition


class Settlement(Message):
    """How an upload ended, as the Uploads table keeps it."""

    upload_id: str
    key: str
    version_id: str
    use_case: str
    purpose: str
    sha256: str
    disposition: Disposition
    rows_accepted: Count
    rows_quarantined: Count
    labelled_rows: Count
    receipt: Reference
    settled_at: str
    received_at: str = ""
    sequencer: str = ""
    schema_version: Count = 1
    decisions: tuple[UploadDecision, ...] = ()
    """What was decided about it since, oldest first."""
    erasures: tuple[UploadErasure, ...] = ()
    """Patients erased from it since, oldest first: `rows_accepted` and `labelled_rows` are of the others."""


class ClaimRequest(Request):
    """The S3 event's facts. `execution` decides whether a second claim is a retry or a repetition."""

    bucket: str
    key: str
    version_id: str
    size: Count
    sequencer: str = ""


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
    text: Reference | None = None
    """Where these lines of a Parquet or Arrow file lie as text; `start` and `end` are in all of that text."""


class RefusedTable(Message):
    """Why a Parquet or Arrow file is rejected, which only its reading showed; stored in place of a plan."""

    problems: tuple[tuple[str, tuple[str, ...], str], ...]
    """Rule, columns and detail of each problem."""


class PlanChunksRequest(Request):
    """Ask how a claimed upload is cut."""

    upload: Upload


class PlanChunksResult(Message):
    """How the file is cut, and the header its chunks share.

    A large file's chunks are in the stored plan alone: a state holds 256 KB. `refused`: there is nothing to
    build, and the commit settles the upload as REJECTED.
    """

    refused: bool = False
    large: bool
    chunks: tuple[Chunk, ...]
    header: tuple[str, ...]


class BuildRequest(Request):
    """Ask for the features of one chunk."""

    upload: Upload
    chunk: Chunk
    header: tuple[str, ...]


class ChunkDone(Message):
    """Which chunk is done; what it became lies in the Lake: thousands of them do not fit into a state."""

    index: Count


class BuiltChunk(Message):
    """What one chunk became, as it is stored: counts, and where its parts lie."""

    chunk: Chunk
    counts: RowCounts
    features: Reference
    vault: Reference | None = None
    quarantine: Reference | None = None
    profile: Reference | None = None
    scores: Reference | None = None
    """The score profile of predictions that others made."""
    # What other chunks are compared with; absent in a file of one chunk.
    digest_index: Reference | None = None
    repeated_ids: Reference | None = None
    # What other chunks hold of its ids, where it was built again with that.
    other_chunks: Reference | None = None


class ReconcileRequest(Request):
    """Ask which ids several built chunks of a file hold."""

    upload: Upload


class ReconcileResult(Message):
    """Whether the upload will be used, and whether its chunks need another look before it is committed."""

    used: bool
    finish: bool


class Reconciliation(Message):
    """The same, as it is stored, with what other chunks hold of the ids of each affected chunk."""

    used: bool
    other_chunks: dict[int, Reference]


class WriteRequest(Request):
    """Ask to write one chunk's features where they are used, built again if other chunks change them."""

    upload: Upload
    chunk: Chunk
    header: tuple[str, ...]
    used: bool


class WrittenChunk(Message):
    """What was read back of a chunk and written where it is used."""

    features: Reference
    rows: Count
    in_bulk: Reference | None = None
    """What a large training file has in the offline store; None where the service took the rows."""


class CommitRequest(Request):
    """Ask to make an upload visible, whole or not at all."""

    upload: Upload
    refused: bool = False
    """Whether it is a table that its reading showed to be rejected."""


class CommitResult(Message):
    """How the upload was settled, whether it starts a training, and the mail when one is due."""

    # DUPLICATE: another execution settled the upload so while this one was at work.
    disposition: Disposition
    rows_accepted: Count
    rows_quarantined: Count
    labelled_rows: Count
    receipt: Reference
    train: bool
    announce: bool
    subject: str
    message: str


class DecideRequest(Request):
    """A person's decision about an upload: to let a held one through, or to withdraw one."""

    upload_id: UploadId
    decision: Literal["LET_THROUGH", "WITHDRAW"]
    person: Annotated[str, Field(min_length=1, max_length=300)]
    reason: Annotated[str, Field(min_length=3, max_length=1000)]


class DecideResult(Message):
    """What became of the decision; where it was refused, in which words, and then nothing else."""

    refused: str = ""
    upload: Upload | None = None
    disposition: Disposition | None = None
    rows_accepted: Count = 0
    train: bool = False
    announce: bool = True
    let_through: bool = False
    subject: str = ""
    message: str = ""


class ParkRequest(Request):
    """Ask to settle an upload that could not be processed."""

    bucket: str
    key: str
    version_id: str
    error: Failure
    upload: Upload | None = None


class ParkResult(Message):
    """The mail to the operator, what failed (without anybody's words but ours), and the receipt."""

    subject: str
    message: str
    reason: str
    # None: another execution is at work on this upload, and will settle it.
    receipt: Reference | None
