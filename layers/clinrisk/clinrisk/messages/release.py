"""Messages of the training workflow: plan, verdict, approval, promotion."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.base import Count, Message, Name, Reference, Request, RunId, S3Uri, Sha256

Probability = Annotated[float, Field(gt=0, lt=1)]
Version = Annotated[int, Field(ge=1)]


class Digests(Message):
    """What a candidate is made of, by sha256; image, threshold and champion version stand for themselves."""

    model: Sha256
    manifest: Sha256
    evaluation: Sha256
    report: Sha256
    model_card: Sha256
    model_card_chai: Sha256
    model_card_hti1: Sha256
    code: Sha256
    features: Sha256
    image: str
    threshold: str
    champion_version: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$")]
    """The live version that the evidence compares with; "0" where no model was live."""


class PlanTrainingRequest(Request):
    """Ask for the plan of a training run."""

    use_case: Name
    run_id: RunId
    reason: str


class Champion(Message):
    """The live model as a candidate is held against it: where its archives lie, and when it flags."""

    prefix: S3Uri
    threshold: Probability
    live_version: Version
    run_id: RunId


class Tuning(Message):
    """What a tuning job keeps fixed, what it searches (in AWS's own words), and from which seed."""

    fixed: dict[str, str]
    ranges: dict[str, tuple[dict[str, str], ...]]
    seed: Count


class PlanTrainingResult(Message):
    """Which rows the run may read, how its models are grown, and what its candidate is held against."""

    use_case: Name
    run_id: RunId
    plan: Reference
    expected_rows: Count
    offline_prefix: S3Uri
    hyperparameters: dict[str, dict[str, str]]
    tuning: Tuning
    feature_digest: Sha256
    champion: Champion | None
    holdout_looks: Count


class JudgeRequest(Request):
    """Ask whether a candidate meets the promotion bar."""

    use_case: Name
    run_id: RunId
    evaluation_uri: S3Uri
    report_uri: S3Uri
    model_uri: S3Uri
    manifest_uri: S3Uri
    image: str
    code_digest: Sha256


class JudgeResult(Message):
    """The verdict with what is unmet in words, the digests of the evidence, and the mail about it."""

    verdict: Literal["APPROVABLE", "BLOCKED"]
    unmet: tuple[str, ...]
    digests: Digests
    threshold: Probability
    summary: str
    subject: str
    message: str


class ApprovalRequest(Request):
    """Ask a human. The task token goes to the Approvals table and nowhere else."""

    use_case: Name
    run_id: RunId
    task_token: str = Field(repr=False)
    package_arn: str
    package_version: Version
    digests: Digests
    summary: str
    evaluation_uri: S3Uri
    report_uri: S3Uri
    unmet: tuple[str, ...] = ()


class ApprovalAsked(Message):
    """What the asking function returns; the workflow waits for the task token and does not read it."""

    approval_id: str


class DecisionResult(Message):
    """What the waiting workflow gets when the approver has said yes."""

    approval_id: str
    decision: Literal["APPROVED"]
    decided_at: str
    reason: str


class ExpireRequest(Request):
    """Ask to close an approval that nobody answered in time."""

    use_case: Name
    run_id: RunId


class ExpireResult(Message):
    """Why nothing is released, in words for the mail."""

    reason: str


class PromoteRequest(Request):
    """Ask to make an approved candidate the live model."""

    use_case: Name
    run_id: RunId
    package_arn: str
    package_version: Version
    model_name: str
    digests: Digests
    threshold: Probability
    approval_id: str
    model_uri: S3Uri
    reference_uri: S3Uri
    evaluation_uri: S3Uri


class PromoteResult(Message):
    """The version that is live now, and the mail that says so."""

    live_version: Version
    subject: str
    message: str
