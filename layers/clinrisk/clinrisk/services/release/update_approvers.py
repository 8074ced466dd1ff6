"""Update Approvers: who may decide; for the administrator's command `clinrisk approvers`.

Each change may be repeated: what broke off before is completed. The table comes first: a person who is
removed there opens nothing from then on, whatever still stands elsewhere.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyotp import random_base32

from clinrisk import use_cases
from clinrisk.aws import ledger
from clinrisk.aws.notifications import subscriptions
from clinrisk.aws.tables import approvals, approvers
from clinrisk.aws.tables.approvers import Approver
from clinrisk.core import mails
from clinrisk.core.release import plain_text
from clinrisk.core.release.approver_entries import (
    ApproverAddedEntry,
    ApproverAwayEntry,
    ApproverBackEntry,
    ApproverIdentifiedEntry,
    ApproverInvitedEntry,
    ApproverRemovedEntry,
)
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ApproverInvalid
from clinrisk.messages.release import UpdateApproversResult
from clinrisk.services.release.approvers import (
    answer_check,
    countersignatures,
    personal_links,
    question_mails,
)

if TYPE_CHECKING:
    from clinrisk.messages.release import NewApprover, UpdateApproversRequest

INVITED_FOR = timedelta(hours=72)
LONGEST_NAME = 80


def update(request: UpdateApproversRequest, now: datetime) -> UpdateApproversResult:
    """Carry one change out and return the approver as they are then; raises ApproverInvalid."""
    if request.action == "resend":
        return UpdateApproversResult(mailed=_resend(request.subject, now))
    if request.action == "add":
        changed = _add(request, now)
    else:
        approver = approvers.find(request.subject)
        changed = _CHANGES[request.action](approver, request, now)
    return UpdateApproversResult(
        approver=approvers.shown(changed, now), confirmed=changed.subscription in subscriptions.confirmed()
    )


def _add(request: UpdateApproversRequest, now: datetime) -> Approver:
    new = request.new
    if new is None:
        raise ApproverInvalid("It takes a name, an address, a role and use cases to add an approver.")
    _check(new)
    wanted = Approver(
        approver_id=secrets.token_hex(6),
        name=new.name,
        mail=new.mail,
        role=new.role,
        use_cases=new.use_cases,
        state=approvers.ADDED,
        added_at=stamp(now),
    )
    approver = approvers.add(wanted)
    if (approver.name, approver.role, approver.use_cases) != (new.name, new.role, new.use_cases):
        raise ApproverInvalid(
            f"{new.mail} is the address of {approver.name} already. See who there is: clinrisk approvers list"
        )
    approvers.subscribed(approver.approver_id, subscriptions.subscribe(new.mail, approver.approver_id))
    ledger.append(
        ApproverAddedEntry(
            **approver.who,
            mail=approver.mail,
            use_cases=approver.use_cases,
            happened_at=approver.added_at,
            by=request.by,
        )
    )
    if new.identity:
        return _identify(approver, request.model_copy(update={"identity": new.identity}), now)
    return approvers.find(approver.approver_id)


def _identify(approver: Approver, request: UpdateApproversRequest, now: datetime) -> Approver:
    """Note by what AWS knows an approver: whoever asked for something is not the only one who approves it."""
    if not request.identity.startswith("arn:"):
        raise ApproverInvalid("An identity is an ARN, as `aws sts get-caller-identity` prints it.")
    others = [one for one in approvers.listed() if one.approver_id != approver.approver_id]
    for one in others:
        if one.identity == request.identity and one.state != approvers.REMOVED:
            raise ApproverInvalid(f"{request.identity} is the identity of {one.name} already.")
    if not approvers.identify(approver.approver_id, request.identity):
        raise ApproverInvalid(f"{approver.name} was removed.")
    ledger.append(
        ApproverIdentifiedEntry(
            **approver.who, aws_identity=request.identity, happened_at=stamp(now), by=request.by
        )
    )
    return approvers.find(approver.approver_id)


def _check(new: NewApprover) -> None:
    wrong = plain_text.faults(new.name)
    if wrong or not 0 < len(new.name.strip()) <= LONGEST_NAME or "\n" in new.name:
        raise ApproverInvalid(f"A name is plain text of at most {LONGEST_NAME} characters. {' '.join(wrong)}")
    unknown = sorted(set(new.use_cases) - set(use_cases.names()))
    if unknown:
        raise ApproverInvalid(f"There is no use case {', '.join(unknown)}.")


def _away(approver: Approver, request: UpdateApproversRequest, now: datetime) -> Approver:
    """Note until when an approver is away and who is asked instead, or that they are back."""
    until = request.away_until
    deputy = approvers.find(request.deputy) if request.deputy else None
    _check_absence(approver, deputy, until, now)
    deputy_id = deputy.approver_id if deputy else ""
    if (approver.away_until, approver.deputy) != (until, deputy_id):
        if not approvers.leave(approver, until, deputy_id):
            raise ApproverInvalid(f"{approver.name} was changed by somebody else at this very moment.")
        approver = approvers.find(approver.approver_id)
    back = ApproverBackEntry(**approver.who, number=approver.absences, happened_at=stamp(now), by=request.by)
    away = ApproverAwayEntry(
        **vars(back),
        until=stamp(datetime.fromtimestamp(until, UTC)),
        deputy_id=deputy_id,
        deputy_name=deputy.name if deputy else "",
    )
    ledger.append(away if until else back)
    return approver


def _check_absence(approver: Approver, deputy: Approver | None, until: int, now: datetime) -> None:
    """Pass silently when somebody may be away so long, with that deputy; raises ApproverInvalid."""
    if approver.state == approvers.REMOVED:
        raise ApproverInvalid(f"{approver.name} was removed.")
    if not until and not approver.absences:
        raise ApproverInvalid(f"{approver.name} was never away.")
    if until and until <= now.timestamp():
        raise ApproverInvalid("That day is over. Whoever is back: clinrisk approvers back MAIL")
    others = [one for one in approvers.listed() if one.state != approvers.REMOVED and one.is_away(now)]
    for one in others:
        if until and one.deputy == approver.approver_id:
            raise ApproverInvalid(
                f"{approver.name} is the deputy of {one.name}, who is away: first name another one, "
                f"clinrisk approvers away {one.mail} --until DAY --deputy MAIL"
            )
    if deputy is None:
        return
    if deputy.state != approvers.ENROLLED:
        raise ApproverInvalid(f"{deputy.name} has not enrolled: clinrisk approvers invite {deputy.mail}")
    if deputy.approver_id == approver.approver_id or deputy.role != approver.role:
        raise ApproverInvalid(f"A deputy is another person of the same role, {approver.role}.")
    if deputy.is_away(now):
        raise ApproverInvalid(f"{deputy.name} is away as well: clinrisk approvers list")


def _confirm(approver: Approver, request: UpdateApproversRequest, _now: datetime) -> Approver:
    subscriptions.confirm(request.token)
    return approver


def _invite(approver: Approver, request: UpdateApproversRequest, now: datetime) -> Approver:
    if approver.state == approvers.REMOVED:
        raise ApproverInvalid(
            f"{approver.name} was removed. To add them anew: "
            "clinrisk approvers add NAME --mail MAIL --role ROLE"
        )
    if approver.subscription not in subscriptions.confirmed():
        raise ApproverInvalid(
            f"{approver.name} has not confirmed the subscription yet, so no mail would arrive. Ask for the "
            f"link in AWS's mail, then: clinrisk approvers confirm {approver.approver_id} --link LINK"
        )
    seed = answer_check.encrypted_seed(approver.approver_id, random_base32())
    until = int((now + INVITED_FOR).timestamp())
    if not approvers.invite(approver, seed, until):
        raise ApproverInvalid(f"{approver.name} was invited or removed by somebody else at this very moment.")
    invited = approvers.find(approver.approver_id)
    ledger.append(
        ApproverInvitedEntry(**invited.who, number=invited.invitation, happened_at=stamp(now), by=request.by)
    )
    link = personal_links.link(personal_links.enrolment(invited), invited)
    subscriptions.send(
        invited.approver_id,
        mails.approver_invited(invited.name, invited.role, invited.use_cases, link, day(until)),
    )
    return invited


def _remove(approver: Approver, request: UpdateApproversRequest, now: datetime) -> Approver:
    if approver.state != approvers.REMOVED:
        approvers.remove(approver)
    subscriptions.end(approver.subscription)
    ledger.append(ApproverRemovedEntry(**approver.who, happened_at=stamp(now), by=request.by))
    return approvers.find(approver.approver_id)


_CHANGES = {"away": _away, "confirm": _confirm, "identify": _identify, "invite": _invite, "remove": _remove}


def _resend(use_case: str, now: datetime) -> int:
    """Mail every open question of a use case again, and return how many mails that were."""
    if use_case not in use_cases.names():
        raise ApproverInvalid(f"There is no use case {use_case}.")
    waiting = [one for one in approvals.unanswered(use_case) if one.status == approvals.PENDING]
    mailed = sum(question_mails.send(one, now) for one in waiting if one.expires_at > now.timestamp())
    return mailed + countersignatures.send_again(use_case, now)
