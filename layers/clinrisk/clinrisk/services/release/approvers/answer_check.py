"""Whether an answer is a certain approver's: the personal link, and a code of that person's own phone.

Both together, at every answer: about a release, a rollback, or anything else that a `LinkedPage` is made
for. A code is counted before it is compared and used up when it is right, so five guesses are all that
anybody has, however many come at once, and no code is good twice. Too many wrong ones lock: for a quarter of
an hour, then for twice as long with each further one, up to a day. A lock ends by itself, so that whoever got
a forwarded link cannot lock its owner out for good; an invitation anew unlocks at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk.aws import clients, kms, ledger, telemetry
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvers
from clinrisk.core import mails
from clinrisk.core.release import one_time_codes
from clinrisk.core.release.approver_entries import ApproverLockedEntry, WrongCodeEntry
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.timestamps import stamp
from clinrisk.errors import CodeRefused
from clinrisk.services.release.approvers import personal_links

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.services.release.approvers.personal_links import LinkedPage


def answering(page: LinkedPage, query: Mapping[str, str], code: str, now: datetime) -> Approver:
    """Return the approver who answers; using the code up is part of it.

    Raises DecisionInvalid where the link is not genuine, over, or its holder no approver any more, and
    CodeRefused where the code is not that person's, was used, or is taken from nobody any more.
    """
    approver = personal_links.reader(page, query)
    if now.timestamp() >= page.expires_at:
        raise CodeRefused("This link has expired.")
    if approver.state != approvers.ENROLLED:
        raise CodeRefused("You have not enrolled yet: open the link in the mail that invites you to.")
    return use_code(approver, code, now)


def use_code(approver: Approver, code: str, now: datetime) -> Approver:
    """Use a code of an approver up, and return that approver as they are then; raises CodeRefused."""
    approver = _counted(approver, int(now.timestamp()))
    step = one_time_codes.step_of(seed_of(approver), code, now)
    if step is None:
        _refuse(approver, now)
    elif not approvers.use_step(approver, step):
        approvers.return_attempt(approver)
        raise CodeRefused("This code was used already. Wait until the app shows the next one.")
    return approvers.find(approver.approver_id)


def encrypted_seed(approver_id: str, seed: str) -> str:
    """Return a seed as it is stored: it can be decrypted for this approver alone."""
    return kms.encrypt(seed, approver=approver_id)


def seed_of(approver: Approver) -> str:
    """Return the seed of an approver's codes."""
    return kms.decrypt(approver.seed, approver=approver.approver_id)


def _counted(approver: Approver, now: int) -> Approver:
    """Count the attempt and return the approver with it; raises CodeRefused while none is taken."""
    known = (approver.state, approver.invitation)
    while approver.locked_until <= now:
        if approvers.begin_attempt(approver, now):
            locked_until = now + one_time_codes.locked_for(approver.attempts + 1)
            return replace(approver, attempts=approver.attempts + 1, locked_until=locked_until)
        approver = approvers.find(approver.approver_id)
        if (approver.state, approver.invitation) != known:
            raise CodeRefused("You were invited anew, or removed, at this very moment.")
    raise CodeRefused(_locked(approver))


def _locked(approver: Approver) -> str:
    return (
        f"No code of yours is taken until {day(approver.locked_until)}, after {one_time_codes.MOST_WRONG} "
        "wrong ones in a row or more. Was it somebody else, or do you need it sooner? Tell the administrator "
        "of the approvers: clinrisk approvers invite MAIL"
    )


def _refuse(approver: Approver, now: datetime) -> None:
    number = approvers.count_wrong(approver)
    ledger.append(WrongCodeEntry(**approver.who, happened_at=stamp(now), number=number))
    left = one_time_codes.MOST_WRONG - approver.attempts
    if left > 0:
        tries = "1 more try" if left == 1 else f"{left} more tries"
        raise CodeRefused(f"This code is not right. You have {tries}.")
    ledger.append(ApproverLockedEntry(**approver.who, happened_at=stamp(now), number=number))
    telemetry.emit(telemetry.Metric.APPROVERS_LOCKED, 1)
    mail = mails.approver_locked(approver.name, approver.approver_id, day(approver.locked_until))
    clients.sns().publish(
        TopicArn=settings().alerts_topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={"audience": {"DataType": "String", "StringValue": "operator"}},
    )
    raise CodeRefused(_locked(approver))
