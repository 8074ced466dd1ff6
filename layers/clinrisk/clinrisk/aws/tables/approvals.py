"""The Approvals table: the question, the task token that waits for the answer, and the answer.

    APPROVAL#<approval_id>   STATE                        the question, its token and its decision
    RUN#<run_id>             APPROVAL                     which approval belongs to a training run
    USE_CASE#<use_case>      <created_at>#<approval_id>   all approvals in order of time

A decision is written once, under the condition that the question is still open. A question is closed without
one when its time is over, when another model went live than the one that its evidence compares with, or when
the workflow that asked was stopped. The token is read by the
function that answers the workflow and by nobody else: what is shown to people is a list of attributes that
may be shown, and the token is not on it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.errors import DecisionInvalid, DecisionMissing
from clinrisk.messages.training import Digests

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase

    from clinrisk.aws.dynamodb import Item, ItemKey
    from clinrisk.messages.release import ApprovalRequest

STATE = "STATE"
PENDING = "PENDING"
APPROVED = "APPROVED"
REJECTED = "REJECTED"
EXPIRED = "EXPIRED"
# Another model is live than the one that the evidence compares with.
OVERTAKEN = "OVERTAKEN"
# The workflow that asked has ended without an answer.
STOPPED = "STOPPED"
# Decided by a person, but the workflow no longer waited for it.
LAPSED = "LAPSED"
ASKED_ANEW = frozenset({EXPIRED, OVERTAKEN, STOPPED})
"""Questions after which the same run may be asked about again."""
_NEWEST = 100
"""Among so many of a use case are all that are open: none is for longer than 30 days."""


@dataclass(frozen=True)
class Approval:
    """One question to a human, as it stands."""

    approval_id: str
    use_case: str
    run_id: str
    package_arn: str
    package_version: int
    digests: Digests
    summary: str
    unmet: tuple[str, ...]
    evaluation_uri: str
    report_uri: str
    created_at: str
    expires_at: int
    """Seconds since 1970, as in the link."""
    status: str
    task_token: str = field(repr=False)
    asked_by: str = ""
    """Who asked for the training or the evaluation, as AWS knows that identity; "" where files did."""
    execution: str = ""
    """The workflow that asked last, by its ARN."""
    decision: str = ""
    reason: str = ""
    decided_at: str = ""
    delivered: bool = False
    """The workflow has received the answer."""
    deciders: tuple[dict[str, str], ...] = ()
    """Who decided: messages.Decider, one for each."""
    quorum: int = 1
    """How many people the policy asked for when it was decided."""
    policy: str = ""
    """The digest of that policy."""
    agreement: dict[str, Any] = field(default_factory=dict)
    """The first yes of two, while the second is open: every attribute that it will be signed with."""
    evidence: dict[str, str] = field(default_factory=dict)
    """What was on the page when it was decided, by sha256: evaluation, report, model card, comparisons."""
    accepted: tuple[str, ...] = ()
    """The groups in which harm could go unseen, as the approver accepted them by name."""
    signature: str = ""
    """The decision key's signature of all that was decided."""
    live_version: int = 0
    """What the candidate became; 0 while it is not live."""
    refusal: str = ""
    """Why an approved candidate was not released after all, or why nobody can decide any more."""

    @property
    def unfinished(self) -> bool:
        """Whether a decision is recorded that workflow or ledger may not have yet."""
        if self.status == LAPSED:
            return self.decision == APPROVED and not self.refusal
        return self.status in {APPROVED, REJECTED} and not (
            self.delivered or self.live_version or self.refusal
        )


SHOWN = frozenset({"pk", "sk"} | {one.name for one in fields(Approval) if one.repr})
"""The attributes that leave this table for people's eyes."""


def _approval_key(approval_id: str) -> ItemKey:
    return f"APPROVAL#{approval_id}", STATE


def _run_key(run_id: str) -> ItemKey:
    return f"RUN#{run_id}", "APPROVAL"


def _partition(use_case: str) -> str:
    return f"USE_CASE#{use_case}"


def ask(request: ApprovalRequest, *, created_at: str, expires_at: int) -> Approval:
    """Store the question and return it.

    Asked again, an open question keeps id and expiry and takes the new token; one that was closed without a
    decision is asked anew, under an id and an expiry of its own. Raises DecisionInvalid where a person has
    decided, or where the open question is about another evaluation.
    """
    table = settings().approvals_table
    approval_id = secrets.token_urlsafe(18)
    asked_by = {"task_token": request.task_token, "execution": request.execution or ""}
    facts = request.model_dump(mode="json", exclude=set(asked_by))
    state = (
        facts
        | {
            "approval_id": approval_id,
            "created_at": created_at,
            "expires_at": expires_at,
            "status": PENDING,
            "delivered": False,
            "format": 1,
        }
        | asked_by
    )
    run = dynamodb.key_of(_run_key(request.run_id)) | {"approval_id": approval_id}
    listing = dynamodb.key_of((_partition(request.use_case), f"{created_at}#{approval_id}")) | {
        "approval_id": approval_id,
        "run_id": request.run_id,
        "package_version": request.package_version,
    }
    question = [
        dynamodb.put(table, dynamodb.key_of(_approval_key(approval_id)) | state),
        dynamodb.put(table, listing),
    ]
    if not dynamodb.transact([dynamodb.put(table, run, "attribute_not_exists(pk)"), *question]):
        return _approval(state)
    closed = _closed(request.run_id)
    if closed:
        again = dynamodb.put(table, run, "approval_id = :closed", {":closed": closed})
        if not dynamodb.transact([again, *question]):
            return _approval(state)
    held = of_run(request.run_id)
    if held.package_arn != request.package_arn and held.status == PENDING:
        raise DecisionInvalid(
            "A question about an earlier evaluation of this run is open: clinrisk approvals"
        )
    if not _change(held.approval_id, asked_by, PENDING):
        raise DecisionInvalid("This run has been decided already; it cannot be asked about again.")
    return of_run(request.run_id)


def _closed(run_id: str) -> str:
    """Return the question of a run where it is closed or lost, so that the run may be asked about again."""
    try:
        held = of_run(run_id)
    except DecisionInvalid:
        named = dynamodb.read(settings().approvals_table, _run_key(run_id)) or {}
        return str(named.get("approval_id", ""))
    return held.approval_id if held.status in ASKED_ANEW else ""


def find(approval_id: str) -> Approval:
    """Return the approval of that id; raises DecisionInvalid when there is none."""
    item = dynamodb.read(settings().approvals_table, _approval_key(approval_id))
    if item is None:
        raise DecisionInvalid("There is no such approval.")
    return _approval(item)


def of_run(run_id: str) -> Approval:
    """Return the approval of a training run; raises DecisionMissing when nobody was asked."""
    found = dynamodb.read(settings().approvals_table, _run_key(run_id))
    if found is None:
        raise DecisionMissing("Nobody was asked to approve this run.")
    return find(str(found["approval_id"]))


def stored(approval_id: str) -> Item | None:
    """Return an approval as it is stored, without what is not for people's eyes; None when there is none."""
    item = dynamodb.read(settings().approvals_table, _approval_key(approval_id))
    if item is None:
        return None
    shown: Item = dynamodb.native({name: value for name, value in item.items() if name in SHOWN})
    return shown


def stored_for(use_case: str, *, limit: int) -> list[Item]:
    """Return the approvals of a use case as `stored` does, newest first."""
    listed = dynamodb.query(settings().approvals_table, _partition(use_case), newest_first=True, limit=limit)
    found = [stored(str(item["approval_id"])) for item in listed]
    return [item for item in found if item is not None]


def unanswered(use_case: str) -> list[Approval]:
    """Return the questions that are open, and those that were overtaken before their workflow knew of it."""
    table = settings().approvals_table
    listed = dynamodb.query(table, _partition(use_case), newest_first=True, limit=_NEWEST)
    items = [dynamodb.read(table, _approval_key(str(item["approval_id"]))) for item in listed]
    found = [_approval(item) for item in items if item is not None]
    return [one for one in found if one.status == PENDING or (one.status == OVERTAKEN and not one.delivered)]


_ANSWER = (
    *("decision", "reason", "decided_at", "deciders", "quorum", "policy"),
    *("evidence", "accepted", "signature"),
)


def decide(decided: Approval, now: int) -> bool:
    """Record the answer that a question has with its signature; False when the question is no longer open."""
    answer: Item = {"status": decided.decision} | {name: getattr(decided, name) for name in _ANSWER}
    return dynamodb.change(
        settings().approvals_table, _approval_key(decided.approval_id), answer, _still_open(decided, now)
    )


def agree(agreeing: Approval, now: int) -> bool:
    """Record the first yes of two, with its signature; False when the question, or this part, is not open."""
    first: Item = {"agreement": {name: getattr(agreeing, name) for name in _ANSWER}}
    return dynamodb.change(
        settings().approvals_table, _approval_key(agreeing.approval_id), first, _still_open(agreeing, now)
    )


def with_agreement(question: Approval) -> Approval:
    """Return a question as it would be decided if the first yes of two were enough."""
    parts = dynamodb.native(question.agreement)
    lists = {name: tuple(parts[name]) for name in ("accepted", "deciders")}
    return replace(question, **parts | lists)


def _still_open(read: Approval, now: int) -> ConditionBase:
    """Return the condition that a question is open, and that nobody has agreed since it was read."""
    same: ConditionBase = Attr("agreement").eq(dynamodb.plain(read.agreement))
    if not read.agreement:
        same |= Attr("agreement").not_exists()
    return Attr("status").eq(PENDING) & Attr("expires_at").gt(now) & same


def mark_delivered(approval_id: str, status: str) -> bool:
    """Note that the workflow has the answer."""
    return _change(approval_id, {"delivered": True}, status)


def mark_released(approval_id: str, live_version: int) -> bool:
    """Note which live version the approved candidate became."""
    return _change(approval_id, {"live_version": live_version}, APPROVED)


def mark_refused(approval_id: str, refusal: str, status: str = APPROVED) -> bool:
    """Note why the approved candidate was not released."""
    return _change(approval_id, {"refusal": refusal}, status)


def mark_lapsed(approval_id: str, status: str) -> bool:
    """Note that the workflow no longer waited when the answer came; False when it has the answer."""
    waiting = Attr("status").eq(status) & Attr("delivered").ne(True)  # noqa: FBT003 - what is compared with
    return dynamodb.change(
        settings().approvals_table, _approval_key(approval_id), {"status": LAPSED}, waiting
    )


def expire(approval_id: str) -> bool:
    """Close an open question; False when it has been decided."""
    return _change(approval_id, {"status": EXPIRED}, PENDING)


def remind(approval_id: str) -> bool:
    """Note that approvers are reminded; False when they were, or the question is not open any more."""
    once = Attr("status").eq(PENDING) & Attr("reminded").ne(True)  # noqa: FBT003 - what is compared with
    return dynamodb.change(settings().approvals_table, _approval_key(approval_id), {"reminded": True}, once)


def overtake(approval_id: str, why: str, status: str = PENDING) -> bool:
    """Close a question, open or just approved, since another model went live; False when it is neither."""
    return _change(approval_id, {"status": OVERTAKEN, "refusal": why}, status)


def stop(approval_id: str, execution: str, why: str) -> bool:
    """Close an open question whose workflow has ended; False when it is decided, or another one asks it."""
    asked_by_it = Attr("status").eq(PENDING) & Attr("execution").eq(execution)
    closed = {"status": STOPPED, "refusal": why}
    return dynamodb.change(settings().approvals_table, _approval_key(approval_id), closed, asked_by_it)


def _change(approval_id: str, changes: Item, status: str) -> bool:
    condition = Attr("status").eq(status)
    return dynamodb.change(settings().approvals_table, _approval_key(approval_id), changes, condition)


def _approval(item: Item) -> Approval:
    dynamodb.check_format(item)
    facts = dynamodb.native({name: item[name] for name in Approval.__dataclass_fields__ if name in item})
    facts["digests"] = Digests.model_validate(facts["digests"])
    facts |= {name: tuple(facts.get(name, ())) for name in ("unmet", "accepted", "deciders")}
    return Approval(**facts)
