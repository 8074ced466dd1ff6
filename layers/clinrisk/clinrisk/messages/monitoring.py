"""Messages of the monitoring workflow: batches in, findings out."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.message import Count, Message, Name, Reference, Request, S3Uri

Check = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
Verdict = Literal["OK", "ALERT", "NOT_EVALUATED"]


class SelectRequest(Request):
    """Ask which batches the checks look at."""

    use_case: Name


class Batch(Message):
    """One scored upload by its stored profiles; None where that step has not happened yet."""

    upload_id: str
    key: str
    rows: Count
    rows_quarantined: Count = 0
    profile: S3Uri
    score_profile: S3Uri | None = None
    joined: S3Uri | None = None


class BatchSelection(Message):
    """The checks to run, the live model's references, and its recent batches, newest first."""

    use_case: Name
    batches: tuple[Batch, ...]
    reference_uri: S3Uri
    evaluation_uri: S3Uri
    live_version: Annotated[int, Field(ge=1)]
    checks: tuple[Check, ...]
    with_outcomes: Reference | None = None
    """The list of all batches that this model scored and of which outcomes are known."""


class CheckRequest(Request):
    """Ask what one check finds in the selected batches."""

    check: Check
    selection: BatchSelection


class Finding(Message):
    """One verdict about one batch; `statistic` is None when there is none, `threshold` is its limit."""

    check: Check
    batch: str
    verdict: Verdict
    statistic: float | None
    threshold: float
    detail: str


class CheckResult(Message):
    """All verdicts of one check."""

    check: Check
    findings: tuple[Finding, ...]


class RecordRequest(Request):
    """Ask to keep the findings of all checks and to choose a response."""

    use_case: Name
    findings: tuple[Finding, ...]


class RecordResult(Message):
    """What to do about the findings, the mail that says so, and where they are kept."""

    response: Literal["NOTHING", "INVESTIGATE", "PROPOSE_RETRAINING"]
    subject: str
    message: str
    findings: Reference
