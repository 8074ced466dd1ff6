"""Messages of the monitoring workflow: batches in, findings out."""

from typing import Annotated, Literal

from pydantic import Field

from clinrisk.messages.message import Count, Message, Name, Reference, Request, S3Uri

Check = Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]
Verdict = Literal["OK", "ALERT", "NOT_EVALUATED"]

FindingId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,79}$")]
FindingState = Literal["OPEN", "ACKNOWLEDGED", "ASSIGNED", "RESOLVED", "CLEARED"]
"""CLEARED: what was found is no longer there, and nobody had to say so."""
ChangeKind = Literal[
    "OPENED", "REOPENED", "WORSENED", "OVERDUE", "CLEARED", "ACKNOWLEDGED", "ASSIGNED", "RESOLVED"
]


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
    number: Annotated[int, Field(ge=1)] = 1
    """Its number among the batches that the live model scored, from 1."""


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
    new_training_rows: Count = 0
    """Labelled patients who arrived for training since this model was approved."""


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
    live_version: Annotated[int, Field(ge=1)]
    """The model whose batches were checked."""
    new_training_rows: Count
    """Labelled patients who arrived for training since it was approved."""
    findings: tuple[Finding, ...]


class FindingChange(Message):
    """One entry in the history of a known finding."""

    number: Annotated[int, Field(ge=1)]
    kind: ChangeKind
    at: str
    by: str
    """The person who did it, as AWS names the caller; "monitoring" where a run observed it."""
    note: str
    execution: str
    """The name of the execution that carried it out: a repeated call finds its own change by it."""


class KnownFinding(Message):
    """What monitoring remembers of a finding: one item per use case, check and subject."""

    finding_id: FindingId
    use_case: Name
    check: Check
    subject: str
    """Single batches or months, all recent batches together, or all predictions since the release; or that a
    check has nothing new to judge."""
    state: FindingState
    owner: str
    due: str
    """Until when something should have been done, or when an acknowledgement ends."""
    overdue: bool = False
    """Whether it was mailed that the date has passed."""
    batches: tuple[str, ...]
    """The batches that are known to alert: they alone never open the finding again."""
    excess: float
    """How far the statistic was beyond its limit, in limits, when that was last mailed."""
    detail: str
    calm_since: str = ""
    """Since when what is added up has been in order, while the finding is not over yet."""
    version: Count
    """How often the item was written."""
    changes: tuple[FindingChange, ...]


class Proposal(Message):
    """The last training that monitoring proposed for a use case, and the data that alerted then."""

    proposed_at: str
    batches: tuple[str, ...]
    execution: str
    version: Count


class JudgedData(Message):
    """The data that a check has judged, by digests of its findings, and since when nothing has been added."""

    data: tuple[str, ...]
    since: str


class LastJudged(Message):
    """What the checks of the live model judged last."""

    live_version: Annotated[int, Field(ge=1)]
    checks: dict[Check, JudgedData]
    version: Count


class LastMail(Message):
    """When a run last mailed about the findings of a use case."""

    mailed_at: str
    execution: str
    version: Count


class ChangeFindingRequest(Request):
    """Ask to carry out what a person decided about a finding; `change` says which field it needs."""

    execution: str
    use_case: Name
    finding_id: FindingId
    change: Literal["ACKNOWLEDGED", "ASSIGNED", "RESOLVED"]
    person: Annotated[str, Field(min_length=1, max_length=300)]
    until: Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    owner: Annotated[str, Field(max_length=100)] = ""
    reason: Annotated[str, Field(max_length=1000)] = ""


class ChangeFindingResult(Message):
    """Why nothing was changed, or the mail about it."""

    refused: str = ""
    subject: str = ""
    message: str = ""


class RecordResult(Message):
    """What to do about the findings, the mail where there is something new, and where they are kept."""

    response: Literal["NOTHING", "INVESTIGATE", "PROPOSE_RETRAINING", "PROPOSE_PAUSE"]
    announce: bool
    subject: str
    message: str
    findings: Reference


class WritePageRequest(Request):
    """Ask for an edition of the page of the model whose batches a run has looked at."""

    started: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]
    """When the run began."""
    selection: BatchSelection
    findings: Reference


class WritePageResult(Message):
    """Where the edition is kept."""

    page: Reference
