"""Messages about the shadow: which recent batches a candidate is compared on, and how that ended."""

from typing import Annotated

from pydantic import Field

from clinrisk.messages.base import Count, Failure, Message, Name, Request, RunId, S3Uri, Sha256


class PlanShadowRequest(Request):
    """Ask which recent batches a waiting candidate is compared on."""

    use_case: Name
    run_id: RunId
    feature_digest: Sha256


class ShadowBatch(Message):
    """One batch that the live model has scored, and where its predictions lie."""

    upload_id: Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
    rows: Count
    predictions: S3Uri


class ShadowPlan(Message):
    """The batches, newest first, and the live model's version (0: none); without a batch, why not."""

    champion_version: Count
    batches: tuple[ShadowBatch, ...] = ()
    reason: str = ""


class RecordShadowRequest(Request):
    """Say how a comparison ended: `error` where it broke, `reason` where there was nothing to compare.

    `run_id` is empty where it could not be found out which candidate waits.
    """

    use_case: Name
    run_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,40}$")]
    batch: Annotated[str, Field(pattern=r"^(replay|[0-9a-f]{20})$")]
    error: Failure
    reason: str = ""


class RecordShadowResult(Message):
    """Whether somebody has to be told that the shadow failed, and the mail."""

    announce: bool
    subject: str
    message: str
