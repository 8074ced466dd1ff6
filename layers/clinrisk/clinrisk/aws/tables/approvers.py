"""The Approvers table: who may decide, for which use cases, and how each proves to be that person.

    APPROVERS   <approver_id>   one approver; who was removed stays, as REMOVED
    MAILS       <address>       whose address it is: two approvers never share one

The seed of the one-time codes is stored encrypted and leaves this table for the functions that check codes;
what is shown to people is a list of attributes that may be shown, and the seed is not on it. A code is
counted before it is compared, so that however many come at once, no more are compared than may be wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.core.release.one_time_codes import locked_for
from clinrisk.errors import ApproverInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.dynamodb import Item

CLINICAL, TECHNICAL = "clinical", "technical"
ADDED = "ADDED"
INVITED = "INVITED"
ENROLLED = "ENROLLED"
AWAY = "AWAY"
LOCKED = "LOCKED"
REMOVED = "REMOVED"
_PEOPLE, _MAILS = "APPROVERS", "MAILS"


@dataclass(frozen=True)
class Approver:
    """One person who may decide, as the table has it."""

    approver_id: str
    name: str
    mail: str
    role: str
    use_cases: tuple[str, ...]
    state: str
    """ADDED, INVITED, ENROLLED or REMOVED; `standing` also knows AWAY and LOCKED."""
    added_at: str
    identity: str = ""
    """By what AWS knows this person when they give commands; "" where they give none."""
    subscription: str = ""
    """The ARN of this person's own subscription."""
    invitation: int = 0
    """The number of the newest invitation; an earlier link opens nothing."""
    invited_until: int = 0
    """Until when that link can be used, in seconds since 1970."""
    attempts: int = 0
    """Codes since the last right one."""
    locked_until: int = 0
    """Until when no code is taken, in seconds since 1970."""
    wrong_codes: int = 0
    """All that ever were."""
    used_step: int = 0
    """The time step of the last code that was taken."""
    away_until: int = 0
    """Until when this person is asked nothing, in seconds since 1970."""
    deputy: str = ""
    """The id of the approver who is asked instead until then; "" where nobody is."""
    absences: int = 0
    """How often this person was away, came back, or was given another deputy."""
    seed: str = field(default="", repr=False)
    """The seed of the codes, encrypted."""

    def standing(self, now: datetime) -> str:
        """Return the state as people read it: LOCKED while no code is taken, AWAY while others are asked."""
        if self.state in {INVITED, ENROLLED} and self.locked_until > now.timestamp():
            return LOCKED
        return AWAY if self.state != REMOVED and self.is_away(now) else self.state

    def is_away(self, now: datetime) -> bool:
        """Return whether this person is asked nothing at a moment."""
        return self.away_until > now.timestamp()

    @property
    def who(self) -> dict[str, Any]:
        """Id, name and role, as decisions and entries of the ledger have them."""
        return {name: getattr(self, name) for name in ("approver_id", "name", "role")}


SHOWN = frozenset(one.name for one in fields(Approver) if one.repr)
"""The attributes that leave this table for people's eyes."""


def add(new: Approver) -> Approver:
    """Store a new approver and return it, or the one who has that address already."""
    table = settings().approvers_table
    mails = {"approver_id": new.approver_id} | dynamodb.key_of((_MAILS, new.mail.lower()))
    person = dynamodb.key_of((_PEOPLE, new.approver_id)) | vars(new) | {"format": 1}
    absent = "attribute_not_exists(pk)"
    if dynamodb.transact([dynamodb.put(table, mails, absent), dynamodb.put(table, person, absent)]):
        return find(new.mail)
    return new


def find(named: str) -> Approver:
    """Return the approver of that id or address, also one who was removed; raises ApproverInvalid."""
    if "@" in named:
        found = [one for one in listed() if one.mail.lower() == named.lower()]
    else:
        item = dynamodb.read(settings().approvers_table, (_PEOPLE, named))
        found = [] if item is None else [_approver(item)]
    if not found:
        raise ApproverInvalid(f"There is no approver {named}. See who there is: clinrisk approvers list")
    return found[-1]


def listed() -> list[Approver]:
    """Return all approvers in the order in which they were added, those who were removed included."""
    found = [_approver(item) for item in dynamodb.query(settings().approvers_table, _PEOPLE)]
    return sorted(found, key=lambda one: one.added_at)


def of_use_case(use_case: str, now: datetime) -> list[Approver]:
    """Return who is asked about a use case now: its approvers, and a deputy in place of who is away."""
    there = {one.approver_id: one for one in listed() if one.state != REMOVED}
    asked = [
        one.deputy if one.is_away(now) else one.approver_id
        for one in there.values()
        if use_case in one.use_cases
    ]
    return [there[one] for one in dict.fromkeys(asked) if one in there]


def shown(approver: Approver, now: datetime) -> dict[str, Any]:
    """Return what people may see of an approver."""
    kept = {name: value for name, value in vars(approver).items() if name in SHOWN}
    return kept | {"state": approver.standing(now)}


def identify(approver_id: str, identity: str) -> bool:
    """Note by what AWS knows an approver."""
    return _change(approver_id, {"identity": identity}, Attr("state").ne(REMOVED))


def leave(approver: Approver, until: int, deputy: str) -> bool:
    """Note until when an approver is away and who is asked instead; False where it was changed meanwhile."""
    changes = {"away_until": until, "deputy": deputy, "absences": approver.absences + 1}
    same = Attr("absences").not_exists() | Attr("absences").eq(approver.absences)
    return _change(approver.approver_id, changes, Attr("state").ne(REMOVED) & same)


def subscribed(approver_id: str, subscription: str) -> bool:
    """Note the subscription of an approver."""
    return _change(approver_id, {"subscription": subscription}, Attr("state").ne(REMOVED))


def invite(approver: Approver, seed: str, until: int) -> bool:
    """Store a new seed and a new invitation of an approver; what was enrolled before ends with it."""
    changes = {
        "seed": seed,
        "state": INVITED,
        "invitation": approver.invitation + 1,
        "invited_until": until,
        "attempts": 0,
        "locked_until": 0,
        "used_step": 0,
    }
    unchanged = Attr("invitation").eq(approver.invitation) & Attr("state").ne(REMOVED)
    return _change(approver.approver_id, changes, unchanged)


def remove(approver: Approver) -> bool:
    """Remove an approver and forget the seed; the address may be another approver's from then on."""
    removed = vars(approver) | {"state": REMOVED, "seed": ""}
    table = settings().approvers_table
    person = dynamodb.put(
        table, dynamodb.key_of((_PEOPLE, approver.approver_id)) | removed, "attribute_exists(pk)"
    )
    return not dynamodb.transact([person, dynamodb.delete(table, (_MAILS, approver.mail.lower()))])


def begin_attempt(approver: Approver, now: int) -> bool:
    """Count a code, and lock where it may be one too many, before it is compared.

    False when another was counted at the same moment, or no code is taken now.
    """
    counted = approver.attempts + 1
    free = Attr("locked_until").not_exists() | Attr("locked_until").lte(now)
    return _change(
        approver.approver_id,
        {"attempts": counted, "locked_until": now + locked_for(counted)},
        _as_read(approver) & Attr("attempts").eq(approver.attempts) & free,
    )


def count_wrong(approver: Approver) -> int:
    """Count a wrong code among all that ever were, and return which one it is."""
    while not _change(
        approver.approver_id,
        {"wrong_codes": approver.wrong_codes + 1},
        Attr("wrong_codes").eq(approver.wrong_codes),
    ):
        approver = find(approver.approver_id)
    return approver.wrong_codes + 1


def return_attempt(approver: Approver) -> None:
    """Take the count of an attempt back: a code that was used before was no guess."""
    while approver.attempts and not _change(
        approver.approver_id,
        {"attempts": approver.attempts - 1, "locked_until": 0},
        Attr("attempts").eq(approver.attempts),
    ):
        approver = find(approver.approver_id)


def use_step(approver: Approver, step: int) -> bool:
    """Use a time step up, and enrol who was invited; False when it, or a later one, was used before."""
    return _change(
        approver.approver_id,
        {"used_step": step, "attempts": 0, "locked_until": 0, "state": ENROLLED},
        _as_read(approver) & Attr("used_step").lt(step),
    )


def _as_read(approver: Approver) -> Any:
    """Return the condition that the person is what was read: not removed, not invited anew since."""
    return Attr("state").eq(approver.state) & Attr("invitation").eq(approver.invitation)


def _change(approver_id: str, changes: Item, condition: Any) -> bool:
    return dynamodb.change(settings().approvers_table, (_PEOPLE, approver_id), changes, condition)


def _approver(item: Item) -> Approver:
    dynamodb.check_format(item)
    facts = dynamodb.native({name: item[name] for name in Approver.__dataclass_fields__ if name in item})
    return Approver(**facts | {"use_cases": tuple(facts["use_cases"])})
