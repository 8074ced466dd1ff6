"""Messages of the scoring workflow, and the live model that monitoring reads too."""

from typing import Annotated

from pydantic import Field

from clinrisk.messages.base import Count, Message, Name, Reference, Request, RunId, S3Uri, Sha256
from clinrisk.messages.ingest import Upload
from clinrisk.messages.release import Digests, Probability, Version


class LiveModel(Message):
    """The model that scores patients now: the live pointer of the Deployments table."""

    live_version: Version
    use_case: Name
    run_id: RunId
    model_name: str
    package_arn: str
    package_version: Version
    threshold: Probability
    model_uri: S3Uri
    reference_uri: S3Uri
    evaluation_uri: S3Uri
    feature_digest: Sha256
    digests: Digests
    approval_id: str
    promoted_at: str
    previous_version: Annotated[int, Field(ge=0)] = 0


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
