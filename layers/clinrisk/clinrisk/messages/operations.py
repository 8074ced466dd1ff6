"""Messages of operations: whose turn it is to use what there is only so much of."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clinrisk.messages.message import Count, Failure, Message, Name, Request, Sha256

Pool = Annotated[str, Field(pattern=r"^(ingest|processing|training|transform|runs-[a-z][a-z0-9_-]{0,31})$")]
"""What there is only so much of: ingests at a time, jobs of a kind, and training runs of one use case."""

Urgency = Literal["results", "models", "shadow"]
"""What waits for it: a person for results, a candidate, or nobody but a comparison."""

Stamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]


class Slot(Message):
    """A turn: the name of the job to create in it, and what a next request for the same work hands back.

    A workflow may carry more along with it.
    """

    model_config = ConfigDict(extra="ignore")

    job_name: str
    attempts: Count = 0
    """Jobs of this work that had a turn and could not start, or could not be kept by AWS."""
    asked_at: Stamp
    joined: bool = False
    """Another execution that still waits will do this work as well: nothing is left to do."""


class SlotRequest(Request):
    """Ask for a turn; the answer goes to `task_token`. The same execution and job ask for the same turn."""

    execution: str
    task_token: Annotated[str, Field(repr=False)]
    pool: Pool
    job: Annotated[str, Field(max_length=60)]
    """The name of the job without its attempt."""
    use_case: str
    """As the workflow knows it: of an object in the inbox, what its key says."""
    urgency: Urgency
    rows: Count = 0
    started: Stamp
    """When the execution started: who came first goes first among equals."""
    joins: bool = False
    """Whether somebody who still waits in the same pool does this work as well."""
    slot: Slot | None = None
    """The turn that has come to nothing, and why."""
    failure: Failure | None = None


class Waiting(Message):
    """A request in the queue of a pool."""

    id: str
    pool: Pool
    execution: str
    task_token: Annotated[str, Field(repr=False)]
    job: str
    use_case: Name
    urgency: Urgency
    large: bool
    started: Stamp
    asked_at: Stamp
    not_before: Stamp
    attempts: Count
    joins: bool

    @property
    def job_name(self) -> str:
        """The name of the job in this attempt: no two attempts share one, since AWS uses a name up."""
        return f"{self.job}-{self.attempts}"


class Holder(Waiting):
    """A request that has its turn."""

    granted_at: Stamp
    answered: bool = False
    """Whether its workflow has been told."""


class PoolState(Message):
    """Who has a turn in a pool, and what AWS's answers have taught about its size."""

    pool: Pool
    version: Count = 0
    holders: tuple[Holder, ...] = ()
    lowered_to: Count | None = None
    """AWS refused a job beyond so many; believed until `lowered_until`."""
    lowered_until: str = ""
    refusals: Count = 0
    mean_seconds: float = 0.0
    """How long a turn lasts, as an exponential average; 0 while none has ended."""


class SlotRequested(Message):
    """Nothing: the answer goes to the task token."""


class EndedJob(Message):
    """The detail of an event of SageMaker or Step Functions: who has ended."""

    model_config = ConfigDict(extra="ignore")

    transform_job: str = Field(default="", alias="TransformJobName")
    processing_job: str = Field(default="", alias="ProcessingJobName")
    training_job: str = Field(default="", alias="TrainingJobName")
    tuning_job: str = Field(default="", alias="HyperParameterTuningJobName")
    execution: str = Field(default="", alias="executionArn")

    @property
    def name(self) -> str:
        """The job's name or the execution's ARN."""
        return (
            self.transform_job
            or self.processing_job
            or self.training_job
            or self.tuning_job
            or self.execution
        )


class FreeSlotsRequest(Request):
    """Look which turns are over: all of them, the one that an event names, or the one that is given back.

    An event comes as EventBridge sends it; of it only the detail is read.
    """

    model_config = ConfigDict(extra="ignore")

    detail: EndedJob | None = None
    given_back: str = ""
    """An execution that still runs and needs its turn no more."""


class FreeSlotsResult(Message):
    """How many turns were over, and how many requests have their turn since."""

    freed: Count
    granted: Count


class Stuck(Message):
    """One thing that stands still though nobody decided so, and the command that starts it again."""

    kind: Literal[
        "not_read",
        "reading_stopped",
        "failed",
        "not_scored",
        "not_announced",
        "not_joined",
        "not_trained",
        "training_died",
        "question_without_workflow",
        "workflow_without_question",
        "not_countersigned",
    ]
    subject: str
    """An upload's id or a training run: what `clinrisk redrive` takes."""
    name: str
    """The inbox key, or the run again, or the release that waits."""
    use_case: str
    since: str
    reason: str
    command: str
    startable: bool
    """Whether a start could get on now: without a live model, nothing can be scored."""
    safe: bool = False
    """Whether the reconciler may start it without asking anybody."""
    starts: Count = 0
    """How often it was started again already."""


class ReconcileWorkRequest(Request):
    """List what is stuck; start the `subjects` again, or with `safe` whatever needs nobody's word."""

    subjects: tuple[str, ...] = ()
    safe: bool = False
    patience_minutes: Count = 15
    """What is younger may be on its way: events are retried, and a file waits for its turn."""


class Restarted(Message):
    """What was started again, and the execution that does it, or where the results lie that were mailed."""

    subject: str
    execution: str


class ReconcileWorkResult(Message):
    """What is stuck, oldest first, how much more there is than is listed, and what was started again."""

    stuck: tuple[Stuck, ...]
    more: Count = 0
    started: tuple[Restarted, ...] = ()


class AnnounceStopRequest(Request):
    """Say that an execution has ended badly; an event comes as EventBridge sends it."""

    model_config = ConfigDict(extra="ignore")

    detail: EndedJob


class AnnounceStopResult(Message):
    """Whether a mail was sent, and whether an open question was closed."""

    announced: bool
    closed: bool


class VerifyLedgerRequest(Request):
    """Verify the audit ledger, and what is live against it."""


class VerifyLedgerResult(Message):
    """How many entries hold from the first on, the sha256 of the last of them, and the first difference."""

    entries: Count
    head: Sha256
    difference: str = ""
