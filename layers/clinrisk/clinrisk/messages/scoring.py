"""Messages of the scoring workflow: results of a batch, their replay, and outcomes joined to predictions."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.ingest import Upload, UploadId
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


class ReplayBatchRequest(Request):
    """Ask what published results are to be made again from, or whether what was made is the same."""

    use_case: Name
    upload_id: UploadId
    version_id: Annotated[str, Field(min_length=1, max_length=1024)]
    """The version of the results file that is in question."""
    person: Annotated[str, Field(min_length=1, max_length=300)]
    """Who asks, as AWS knows that identity."""
    about: Literal["plan", "compare"]
    presented_uri: S3Uri | None = None
    """The prefix, ending in "/", of the parts that were presented again, to be compared."""


class ReplayPlan(Message):
    """The model of then, and what the jobs of a replay need."""

    live_version: Version
    model_name: str
    model_uri: S3Uri
    threshold: Probability
    rows: Count
    code_prefix: S3Uri
    """Where the job code lies that was deployed when the results were made."""


class ReplayComparison(Message):
    """Whether published results are the same as those that were made again, with the mail where not."""

    outcome: Literal["SAME", "DIFFERENT"]
    difference: str = ""
    subject: str = ""
    message: str = ""


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
