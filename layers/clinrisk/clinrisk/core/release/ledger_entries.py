"""Audit: what the ledger keeps about questions, decisions, releases and refusals.

What approvers were asked, who decided what and on which evidence, what went live in place of what, and
why an approved candidate did not. An entry holds digests and no patient. How entries are numbered and
chained: clinrisk.core.ledger.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from clinrisk.core.digests import canonical_json, sha256
from clinrisk.core.ledger.events import LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT_WITH_PEOPLE = 4
"""Decisions of an earlier format name nobody."""
_SINCE_FORMAT_4 = {"deciders", "quorum", "policy"}


def release_identity(use_case: str, live_version: int) -> str:
    """Return the identity of a release.

    >>> release_identity("heart", 3)
    'heart/releases/00000003'
    """
    return f"{use_case}/releases/{live_version:08d}"


def decision_identity(use_case: str, approval_id: str) -> str:
    """Return the identity of a decision: a question is decided once.

    >>> decision_identity("heart", "a1")
    'heart/decisions/a1'
    """
    return f"{use_case}/decisions/{approval_id}"


def enough_people(decision: Mapping[str, Any]) -> bool:
    """Return whether as many different people, each of another role, decided as the policy asked for.

    `decision` is the body of an entry. One person is enough for a no; before format 4 nobody was named.

    >>> ann, bo = ({"approver_id": "a", "role": "clinical"}, {"approver_id": "b", "role": "technical"})
    >>> yes = {"format": 4, "decision": "APPROVED", "quorum": 2}
    >>> [enough_people(yes | {"deciders": people}) for people in ([ann], [ann, ann], [ann, bo])]
    [False, False, True]
    """
    if int(decision.get("format", 0)) < FORMAT_WITH_PEOPLE:
        return True
    wanted = int(decision["quorum"]) if decision["decision"] == "APPROVED" else 1
    people = {one["approver_id"] for one in decision["deciders"]}
    return min(len(people), len({one["role"] for one in decision["deciders"]})) >= wanted


@dataclass(frozen=True, kw_only=True)
class CandidateEntry(LedgerEvent):
    """What every entry about a candidate states: which one, and in which question."""

    use_case: str
    run_id: str
    package_arn: str
    package_version: int
    approval_id: str
    digests: Mapping[str, str]
    """What the candidate is made of: artefact name -> sha256."""


@dataclass(frozen=True, kw_only=True)
class QuestionEntry(CandidateEntry):
    """That approvers were asked about a candidate."""

    event_name: ClassVar[str] = "asked"

    asked_at: str
    expires_at: int
    """Until when it can be decided, in seconds since 1970."""
    unmet: tuple[str, ...]
    """What the candidate does not meet, as the question states it."""
    asked_by: str = ""
    """Who asked for the training or the evaluation; not in an entry where nobody did, nor in earlier ones."""
    format: int = 1

    def body(self) -> dict[str, Any]:
        """Return the event's fields; who asked, only where somebody did."""
        body = super().body()
        return body if self.asked_by else {name: body[name] for name in body if name != "asked_by"}

    @property
    def identity(self) -> str:
        """The question."""
        return f"{self.use_case}/questions/{self.approval_id}"

    @property
    def moment(self) -> str:
        """When it was asked first."""
        return self.asked_at


@dataclass(frozen=True, kw_only=True)
class ClosedQuestionEntry(CandidateEntry):
    """That a question was closed without a decision."""

    event_name: ClassVar[str] = "closed"
    first_stands: ClassVar[frozenset[str]] = frozenset({"closed_at"})

    outcome: str
    """EXPIRED or OVERTAKEN."""
    why: str
    closed_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """The question."""
        return f"{self.use_case}/closed/{self.approval_id}"

    @property
    def moment(self) -> str:
        """When it was closed."""
        return self.closed_at


@dataclass(frozen=True, kw_only=True)
class LedgerEntry(CandidateEntry):
    """What every entry about a decided candidate states besides."""

    decided_at: str
    """When the approver decided, ISO 8601 in UTC."""


@dataclass(frozen=True, kw_only=True)
class ReleaseEntry(LedgerEntry):
    """One release as it was carried out; the digests are those that were hashed again for it."""

    event_name: ClassVar[str] = "released"

    live_version: int
    previous_version: int
    """The version that was live before; 0 when there was none."""
    effective_at: str
    """When the model went live, ISO 8601 in UTC."""
    reason: str
    threshold: float
    evidence: Mapping[str, str]
    """What the approver was shown -> sha256, as it was when it was decided."""
    evaluation_name: str
    """The evaluation of the run that it was approved on: report and card lie under this name."""
    event: str = "promoted"
    format: int = 2

    @property
    def identity(self) -> str:
        """Use case and version."""
        return release_identity(self.use_case, self.live_version)

    @property
    def moment(self) -> str:
        """When the model went live."""
        return self.effective_at


@dataclass(frozen=True, kw_only=True)
class RollbackEntry(ReleaseEntry):
    """A release of a model that was live before, which somebody restored; the decision is the earlier one."""

    event_name: ClassVar[str] = "rolled back"

    restores: int
    """The live version whose model is live again."""
    person: str
    execution: str
    event: str = "rolled back"
    format: int = 1


@dataclass(frozen=True, kw_only=True)
class DecisionEntry(LedgerEntry):
    """What a person decided about a candidate, and what that person had before them."""

    event_name: ClassVar[str] = "decided"

    decision: str
    """APPROVED or REJECTED."""
    reason: str
    evidence: Mapping[str, str]
    """Evaluation, report, the forms of the model card, and each comparison on the page -> sha256."""
    deciders: tuple[Mapping[str, str], ...] = ()
    """Who decided, each with role, time, reason and the digest of what was shown (messages.Decider)."""
    quorum: int = 1
    """How many people the use case's policy asked for."""
    policy: str = ""
    """The digest of that policy."""
    accepted: tuple[str, ...] = ()
    """The groups in which harm could go unseen, as the approver accepted them by name."""
    signature: str = ""
    """The decision key's over `signed_content`, in base64; none on entries of an earlier format."""
    format: int = 4

    @property
    def identity(self) -> str:
        """The approval."""
        return decision_identity(self.use_case, self.approval_id)

    @property
    def moment(self) -> str:
        """When it was decided."""
        return self.decided_at

    @property
    def signed_content(self) -> bytes:
        """The bytes that are signed: the entry's canonical JSON without the signature."""
        unsigned = {"signature"} | (_SINCE_FORMAT_4 if self.format < FORMAT_WITH_PEOPLE else set())
        return canonical_json({name: value for name, value in asdict(self).items() if name not in unsigned})

    @property
    def agreed(self) -> bool:
        """Whether as many different people, each of another role, decided as the policy asked for."""
        return enough_people(asdict(self))


@dataclass(frozen=True, kw_only=True)
class AgreementEntry(CandidateEntry):
    """That the first of two people has said yes; nothing is decided yet."""

    event_name: ClassVar[str] = "agreed"

    decider: Mapping[str, str]
    """Who, with role, time, reason and the digest of what was shown."""
    format: int = 1

    @property
    def identity(self) -> str:
        """The question and the person."""
        return f"{self.use_case}/agreed/{self.approval_id}/{self.decider['approver_id']}"

    @property
    def moment(self) -> str:
        """When it was said."""
        return self.decider["decided_at"]


@dataclass(frozen=True, kw_only=True)
class RefusalEntry(LedgerEntry):
    """Why a candidate that a person had approved did not go live."""

    event_name: ClassVar[str] = "not released"
    first_stands: ClassVar[frozenset[str]] = frozenset({"refused_at"})

    refused_at: str
    refusal: str
    """In words: which artefact changed, or which model is live that the evidence does not compare with."""
    format: int = 1

    @property
    def identity(self) -> str:
        """The approval and the reason: a repeated promotion may be refused for another one."""
        reason = sha256(self.refusal.encode())[:16]
        return f"{self.use_case}/not-released/{self.approval_id}-{reason}"

    @property
    def moment(self) -> str:
        """When it was refused."""
        return self.refused_at
