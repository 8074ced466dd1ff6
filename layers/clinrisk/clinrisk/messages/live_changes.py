"""Messages about what people change of what is live: a rollback, a pause, its end, and who countersigns."""

from typing import Final, Literal

from pydantic import Field

from clinrisk.messages.message import Count, Message, Name, Request
from clinrisk.messages.release import Decider
from clinrisk.messages.training import Version

ROLL_BACK: Final = "ROLL_BACK"
RESUME: Final = "RESUME"
OPEN: Final = "OPEN"
COUNTERSIGNED: Final = "COUNTERSIGNED"
REFUSED: Final = "REFUSED"
REPLACED: Final = "REPLACED"
"""The same was asked for again, in another question."""


class Pause(Message):
    """That no results of a use case go out until somebody says so: who, why and since when."""

    use_case: Name
    person: str
    reason: str
    since: str
    execution: str
    ended_by: str = ""
    """The execution that ended it."""


class ChangeQuestion(Message):
    """A change that an approver is asked to countersign: a rollback afterwards, the end of a pause before."""

    change_id: str
    use_case: Name
    change: Literal["ROLL_BACK", "RESUME"]
    person: str
    """Who asked for it, as AWS knows that identity."""
    reason: str
    execution: str
    asked_at: str
    due_at: Count = 0
    """Until when it has to be countersigned, in seconds since 1970; 0 where nothing happens before it is."""
    expires_at: Count
    """Until when the mailed links work, in seconds since 1970."""
    live_version: Count
    """The version that is live by it, or was when it was asked for; 0: none."""
    replaced: Count = 0
    """Of a rollback, the version that it took out."""
    restores: Count = 0
    """Of a rollback, the version whose model is live again."""
    pause: Pause | None = None
    """Of a resumption, the pause that it ends."""
    task_token: str = Field(default="", repr=False)
    status: Literal["OPEN", "COUNTERSIGNED", "REFUSED", "REPLACED"] = OPEN
    decider: Decider | None = None
    policy: str = ""
    """The digest of the policy under which it was answered."""
    signature: str = ""
    finished: bool = False
    """Whether ledger, workflow and mail have the answer."""
    reminded: bool = False
    """Whether half of its time passed without an answer, and approvers were mailed again."""
    lapsed: bool = False
    """Whether the workflow no longer waited for it."""
    format: Literal[1] = 1


class RollBackRequest(Request):
    """Ask to make version `to_version` live again in place of `from_version`, which has to be live."""

    use_case: Name
    to_version: Version
    from_version: Version
    person: str
    reason: str


class SetPauseRequest(Request):
    """Ask that no results of a use case go out any more, or that they do again.

    ASK_RESUME asks an approver, who answers the workflow by its task token; RESUME needs that answer.
    """

    use_case: Name
    change: Literal["PAUSE", "ASK_RESUME", "RESUME"]
    person: str
    reason: str
    task_token: str = Field(default="", repr=False)


class ChangeResult(Message):
    """The mail about what was changed, and the version that is live by a rollback (0: it was none)."""

    live_version: Count = 0
    subject: str
    message: str
