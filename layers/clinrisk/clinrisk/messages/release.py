"""Messages of the release workflow: the shadow, the question to a person, the decision, the live model."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.ingest import UploadId
from clinrisk.messages.message import (
    Count,
    Failure,
    Message,
    Name,
    Reference,
    Request,
    RunId,
    S3Uri,
    Sha256,
)
from clinrisk.messages.training import Digests, Probability, Version


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


class Candidate(Message):
    """A registered candidate, by reference."""

    use_case: Name
    run_id: RunId
    package_arn: str
    package_version: Version
    digests: Digests
    evaluation_uri: S3Uri


class ServableModel(Candidate):
    """A candidate with all that serving it needs."""

    model_name: str
    threshold: Probability
    model_uri: S3Uri
    reference_uri: S3Uri


class ReleaseRequest(ServableModel):
    """What a release starts with: a registered candidate by reference, and what it was judged by.

    The same input may start a release again: nothing in it depends on the execution that it is given to.
    """

    summary: str
    unmet: tuple[str, ...]
    report_uri: S3Uri
    asked_by: str = ""
    """Who asked for the training or the evaluation, as AWS knows that identity; "" where files did."""


class ApprovalRequest(Candidate, Request):
    """Ask a human. The task token goes to the Approvals table and nowhere else."""

    task_token: str = Field(repr=False)
    summary: str
    report_uri: S3Uri
    unmet: tuple[str, ...] = ()
    asked_by: str = ""


class ApprovalAsked(Message):
    """What the asking function returns; the workflow waits for the task token and does not read it."""

    approval_id: str


class DecisionResult(Message):
    """What the waiting workflow gets when the approver has said yes."""

    approval_id: str
    decision: Literal["APPROVED"]
    decided_at: str
    reason: str


class NewApprover(Message):
    """Somebody who is to become an approver."""

    name: str
    mail: Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")]
    role: Literal["clinical", "technical"]
    use_cases: Annotated[tuple[Name, ...], Field(min_length=1)]
    identity: str = ""
    """By what AWS knows this person when they give commands; "" where they give none."""


class UpdateApproversRequest(Request):
    """Ask for a change of an approver, or to mail questions again.

    `subject` is an approver's id or address; of "resend" it is a use case.
    """

    action: Literal["add", "away", "confirm", "identify", "invite", "remove", "resend"]
    by: str
    """Who ran the command, as AWS knows that identity."""
    subject: str = ""
    new: NewApprover | None = None
    identity: str = ""
    away_until: Count = 0
    """Of "away", in seconds since 1970; 0 is back."""
    deputy: str = ""
    """Of "away": the id or address of who is asked instead; "" where nobody is."""
    token: str = Field(default="", repr=False)
    """What AWS's mail to the approver carries, to confirm the subscription."""


class UpdateApproversResult(Message):
    """The approver as people may see them, whether mail reaches them, and how many were mailed."""

    approver: dict[str, str | int | tuple[str, ...]] | None = None
    confirmed: bool = False
    mailed: Count = 0


class VerifyAnswerRequest(Request):
    """Ask whether a release got its answer from the approval page; the error's name is empty for a yes."""

    use_case: Name
    run_id: RunId
    error: Failure


class VerifyAnswerResult(Message):
    """Whether it did; if not, how long the question is still open, and the mail's text."""

    genuine: bool
    seconds_left: Count = 0
    message: str = ""


class ExpireRequest(Request):
    """Ask to close an approval that nobody answered in time."""

    use_case: Name
    run_id: RunId


class ExpireResult(Message):
    """Why nothing is released, in words for the mail."""

    reason: str


class PromoteRequest(ServableModel, Request):
    """Ask to make an approved candidate the live model."""

    approval_id: str


class PromoteResult(Message):
    """The version that is live now, and the mail that says so."""

    live_version: Version
    subject: str
    message: str


class ExplainRequest(Request):
    """Ask which words of an error a workflow may hand on."""

    error: Failure


class ExplainResult(Message):
    """The reason in one line that may leave, and the name under which the workflow ends."""

    reason: str
    ending: str


class Decider(Message):
    """One person's part in a decision: who, in which role, when, why, and the digest of what was shown."""

    approver_id: str
    name: str
    role: str
    decided_at: str
    reason: str
    shown: Sha256


class SignedDecision(Message):
    """What people decided about a model, with the signature of it (core.release.ledger_entries)."""

    decision: Literal["APPROVED"]
    deciders: tuple[Decider, ...] = ()
    quorum: int = 1
    policy: str = ""
    decided_at: str
    reason: str
    evidence: dict[str, str]
    accepted: tuple[str, ...]
    signature: str
    format: int


class Rollback(Message):
    """That a model is live again since somebody said so: who, why, and in which execution."""

    restores: Version
    person: str
    reason: str
    execution: str


class LiveModel(ServableModel):
    """The model that scores patients now: the live pointer of the Deployments table."""

    live_version: Version
    feature_digest: Sha256
    schema_version: Count = 1
    approval_id: str
    promoted_at: str
    previous_version: Count = 0
    decision: SignedDecision | None = None
    """None in an item that was written before decisions were signed."""
    rollback: Rollback | None = None
    """None where the model is live for the first time, by the decision about it alone."""


class WriteCardRequest(Request):
    """Ask for an edition of a released model's card; `findings` are those of a monitoring run of it."""

    use_case: Name
    live_version: Version
    findings: Reference | None = None


class WriteCardResult(Message):
    """The newest edition, its page, and whether it was written now; 0 where the model has no card of ours."""

    edition: Count
    page: S3Uri | None = None
    new: bool


class EvaluateReferenceRequest(Request):
    """Ask for the evaluation of predictions of a model that is not ours, as a reference to be accepted."""

    use_case: Name
    run_id: RunId
    cohort: Annotated[str, Field(min_length=3, max_length=200)]
    """Whom the predictions are about, in the words of who asks."""
    uploads: tuple[UploadId, ...] = ()
    """The files of predictions that are meant; empty for all that count."""
    code_digest: Sha256
    asked_by: str = ""
