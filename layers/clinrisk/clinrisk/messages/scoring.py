"""Messages of the scoring workflow: results of a batch, and outcomes joined to predictions."""

from enum import StrEnum
from typing import Literal

from clinrisk.messages.ingest import Upload
from clinrisk.messages.message import Count, Message, Name, Reference, Request, RunId, S3Uri, Sha256
from clinrisk.messages.training import Probability, Version


class ScoringModel(Message):
    """What scoring reads of the live pointer."""

    live_version: Version
    run_id: RunId
    model_name: str
    package_arn: str
    threshold: Probability
    model_uri: S3Uri
    feature_digest: Sha256
    model_sha256: Sha256
    reference_uri: S3Uri
    evaluation_uri: S3Uri


class BatchVerdict(StrEnum):
    """Whether a batch is believed."""

    FIT = "FIT"  # published
    CAUTION = "CAUTION"  # published with the cautions before everything else
    HELD = "HELD"  # not published before a person lets it through


class JudgeBatchRequest(Request):
    """Ask whether a batch is to be believed: by its columns, or by its risks before they go out."""

    upload: Upload
    run: ScoringModel
    about: Literal["columns", "risks"]


class Judgement(Message):
    """The verdict on a batch and the cautions behind it, the most serious one first."""

    verdict: BatchVerdict
    cautions: tuple[str, ...] = ()


class JudgeBatchResult(Judgement):
    """The same, with the mail that is due where the batch is held."""

    subject: str = ""
    message: str = ""


class PublishRequest(Request):
    """Ask to publish a scored batch under the hospital's own ids."""

    upload: Upload
    run: ScoringModel
    presented_uri: S3Uri
    """The prefix, ending in "/", of the parts that were presented."""
    judgements: tuple[Judgement, ...]
    """On the batch's columns, and on its risks."""
    rows_accepted: Count
    """As the commit counted them: so many rows are published, or none."""


class PublishResult(Message):
    """How many patients were scored, where their results lie, and the mail that says so."""

    scored_rows: Count
    results: Reference
    sidecar: Reference
    subject: str
    message: str


class JoinRequest(Request):
    """Ask to join outcomes and feedback to their predictions, and what became of those of one upload."""

    use_case: Name
    upload_id: str = ""
    """Of outcomes or of feedback; empty where no file has arrived: what waited for its horizon is judged
    again."""


class JoinResult(Message):
    """Patients with outcomes per status (core.scoring.outcomes), and the mail where a person has to look."""

    conflicting: Count
    joined: Count
    learned: Count
    waiting: Count
    earlier: Count
    replaced: Count
    unmatched: Count
    announce: bool
    subject: str
    message: str
