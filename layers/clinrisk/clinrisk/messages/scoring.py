"""Messages of the scoring workflow: results of a batch, and outcomes joined to predictions."""

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


class PublishRequest(Request):
    """Ask to publish a scored batch under the hospital's own ids."""

    upload: Upload
    run: ScoringModel
    presented_uri: S3Uri
    """The prefix, ending in "/", of the parts that were presented."""
    rows_accepted: Count
    """As the commit counted them: so many rows are published, or none."""


class PublishResult(Message):
    """How many patients were scored, where their results lie, and the mail that says so."""

    scored_rows: Count
    results: Reference
    subject: str
    message: str


class JoinRequest(Request):
    """Ask to join outcomes to the predictions that they answer, and what became of those of one upload."""

    use_case: Name
    upload_id: str = ""
    """Empty where no file has arrived: what waited for its horizon is judged again."""


class JoinResult(Message):
    """Patients with outcomes per status (core.scoring.outcomes), and the mail where a person has to look."""

    conflicting: Count
    joined: Count
    waiting: Count
    earlier: Count
    unmatched: Count
    announce: bool
    subject: str
    message: str
