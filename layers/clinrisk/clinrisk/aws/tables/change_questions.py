"""The changes of what is live that an approver is to countersign, in the Approvals table.

    CHANGES#<use_case>   <change_id>   one `ChangeQuestion`, with the task token of a workflow that waits

An answer is written once, under the condition that the question is open. The id of a change begins with its
use case and a dot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.errors import DecisionInvalid
from clinrisk.messages.live_changes import OPEN, REPLACED, RESUME, ChangeQuestion

if TYPE_CHECKING:
    from boto3.dynamodb.conditions import ConditionBase

    from clinrisk.aws.dynamodb import Item

_KEYS = {"pk", "sk"}


def _key(change_id: str) -> dynamodb.ItemKey:
    return _partition(change_id.partition(".")[0]), change_id


def _partition(use_case: str) -> str:
    return f"CHANGES#{use_case}"


def rollback_id(use_case: str, live_version: int) -> str:
    """Return the id of the question about the rollback that made a live version."""
    return f"{use_case}.rollback.{live_version:08d}"


def ask(question: ChangeQuestion) -> ChangeQuestion:
    """Store a question and return it as it stands; asked again, an open one takes the new task token."""
    table, key = settings().approvals_table, _key(question.change_id)
    item = dynamodb.key_of(key) | question.model_dump()
    if not dynamodb.write(table, item, unless_exists=True):
        _change(question.change_id, {"task_token": question.task_token}, Attr("status").eq(OPEN))
    return find(question.change_id)


def find(change_id: str) -> ChangeQuestion:
    """Return the question about a change; raises DecisionInvalid when there is none."""
    item = dynamodb.read(settings().approvals_table, _key(change_id))
    if item is None:
        raise DecisionInvalid("There is no such change to countersign.")
    return _question(item)


def of_use_case(use_case: str) -> list[ChangeQuestion]:
    """Return every question about a use case, oldest first."""
    items = dynamodb.query(settings().approvals_table, _partition(use_case))
    return sorted(map(_question, items), key=lambda one: one.asked_at)


def waiting(use_case: str, now: float) -> list[ChangeQuestion]:
    """Return the open questions: of a rollback until it is answered, of a resumption until it expires."""
    asked = (one for one in of_use_case(use_case) if one.status == OPEN)
    return [one for one in asked if one.change != RESUME or one.expires_at > now]


def answer(answered: ChangeQuestion, now: int) -> bool:
    """Record an answer with its signature; False when the question is no longer open."""
    given = answered.model_dump(include={"status", "decider", "policy", "signature"})
    return _change(answered.change_id, given, Attr("status").eq(OPEN) & Attr("expires_at").gt(now))


def replace(change_id: str) -> bool:
    """Close an open question, since another one takes its place; False when it is not open."""
    return _change(change_id, {"status": REPLACED}, Attr("status").eq(OPEN))


def remind(change_id: str) -> bool:
    """Note that approvers are reminded; False when they were, or the question is not open any more."""
    once = Attr("status").eq(OPEN) & Attr("reminded").eq(False)  # noqa: FBT003 - what is compared with
    return _change(change_id, {"reminded": True}, once)


def renew(question: ChangeQuestion, expires_at: int) -> ChangeQuestion:
    """Let the question be answered for longer; links that were mailed before open nothing any more."""
    _change(question.change_id, {"expires_at": expires_at}, Attr("status").eq(OPEN))
    return find(question.change_id)


def finish(change_id: str, *, lapsed: bool = False) -> None:
    """Note that ledger, workflow and mail have the answer; `lapsed`: that the workflow waited no more."""
    _change(change_id, {"finished": True, "lapsed": lapsed}, Attr("status").ne(OPEN))


def _change(change_id: str, changes: Item, condition: ConditionBase) -> bool:
    return dynamodb.change(settings().approvals_table, _key(change_id), changes, condition)


def _question(item: Item) -> ChangeQuestion:
    dynamodb.check_format(item)
    facts = dynamodb.native({name: value for name, value in item.items() if name not in _KEYS})
    return ChangeQuestion.model_validate(facts)
