"""Countersignatures: approvers are asked about a change of what is live, and what they answered is verified.

A rollback is in effect before it is countersigned, the end of a pause is not. Links work for a week; what is
still open then is mailed again by `clinrisk approvers resend USE_CASE`.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import kms, ledger, stepfunctions
from clinrisk.aws.notifications import subscriptions
from clinrisk.aws.tables import approvers, change_questions, deployments, pauses
from clinrisk.core import mails
from clinrisk.core.digests import sha256
from clinrisk.core.release import change_mails
from clinrisk.core.release.change_entries import ChangeQuestionEntry, CountersignatureEntry
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChangeRefused, DecisionForged
from clinrisk.messages.live_changes import COUNTERSIGNED, OPEN, RESUME, ROLL_BACK, ChangeQuestion
from clinrisk.services.release.approvers import personal_links
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from clinrisk.messages.live_changes import SetPauseRequest
    from clinrisk.messages.release import LiveModel

LINKS_WORK_FOR = timedelta(days=7)


def ask_about_rollback(after: LiveModel) -> ChangeQuestion:
    """Ask approvers to countersign a rollback that has been made; may be repeated."""
    rollback, asked = after.rollback, datetime.fromisoformat(after.promoted_at)
    assert rollback is not None  # noqa: S101 - it is about one
    due = asked + timedelta(hours=policy_of(after.use_case).countersign_hours)
    return _ask(
        ChangeQuestion(
            change_id=change_questions.rollback_id(after.use_case, after.live_version),
            use_case=after.use_case,
            change=ROLL_BACK,
            **rollback.model_dump(include={"person", "reason", "execution", "restores"}),
            asked_at=after.promoted_at,
            due_at=int(due.timestamp()),
            expires_at=_expiry(asked),
            live_version=after.live_version,
            replaced=after.previous_version,
        )
    )


def ask_about_resumption(request: SetPauseRequest, now: datetime) -> ChangeQuestion:
    """Ask approvers whether a pause may end; a question about it that was open before is replaced.

    Raises ChangeRefused where nothing is paused.
    """
    pause, execution = pauses.current(request.use_case), request.execution or ""
    if pause is None:
        raise ChangeRefused(f"The results of {request.use_case} are not paused. See: clinrisk live")
    mine = resumption_id(request.use_case, execution)
    replaced = json.dumps({"errorMessage": "Another request to end the pause took its place."})
    for one in change_questions.waiting(request.use_case, now.timestamp()):
        if one.change == RESUME and one.change_id != mine and change_questions.replace(one.change_id):
            stepfunctions.fail(one.task_token, ChangeRefused.__name__, replaced)
    live = deployments.current(request.use_case)
    return _ask(
        ChangeQuestion(
            change_id=mine,
            **request.model_dump(include={"use_case", "person", "reason", "task_token"}),
            execution=execution,
            change=RESUME,
            asked_at=stamp(now),
            expires_at=_expiry(now),
            live_version=live.live_version if live else 0,
            pause=pause,
        )
    )


def resumption_id(use_case: str, execution: str) -> str:
    """Return the id of the question that an execution asks before it ends a pause."""
    return f"{use_case}.resume.{sha256(execution.encode())[:12]}"


def check_countersigned(question: ChangeQuestion) -> None:
    """Pass silently when an approver has agreed to a change on the page.

    Raises ChangeRefused where nobody has, DecisionForged where the answer lacks the page's signature.
    """
    if question.status != COUNTERSIGNED:
        raise ChangeRefused(f"No approver has countersigned that the results of {question.use_case} go out.")
    entry = entry_of(question)
    if not kms.verify(entry.signed_content, entry.signature):
        raise DecisionForged(
            f"The signature of the countersignature {question.change_id} does not hold: "
            "the approval page did not take it, or it was altered since."
        )


def entry_of(question: ChangeQuestion) -> CountersignatureEntry:
    """Return the answer to a question as it is signed, and as the ledger keeps it."""
    assert question.decider is not None  # noqa: S101 - it is answered
    return CountersignatureEntry(
        **_asked(question),
        answer=question.status,
        decider=question.decider.model_dump(),
        policy=question.policy,
        signature=question.signature,
    )


def send(question: ChangeQuestion, now: datetime, *, reminder: bool = False) -> int:
    """Mail a question to whoever is asked about its use case now, and return how many that are."""
    title, people = use_cases.get(question.use_case).title, approvers.of_use_case(question.use_case, now)
    page = personal_links.change(question)
    for person in people:
        link = personal_links.link(page, person)
        mail = change_mails.countersignature_wanted(title, question, link, day(question.expires_at))
        subscriptions.send(person.approver_id, mails.reminder_of(mail) if reminder else mail)
    return len(people)


def send_again(use_case: str, now: datetime) -> int:
    """Mail every open question of a use case again; links about a rollback work for another week.

    Those about the end of a pause do not: the workflow that asked waits no longer than they work.
    """
    waiting = change_questions.waiting(use_case, now.timestamp())
    return sum(
        send(change_questions.renew(one, _expiry(now)) if one.change == ROLL_BACK else one, now)
        for one in waiting
    )


def _ask(question: ChangeQuestion) -> ChangeQuestion:
    asked = change_questions.ask(question)
    ledger.append(ChangeQuestionEntry(**_asked(asked)))
    if asked.status == OPEN:
        send(asked, datetime.fromisoformat(asked.asked_at))
    return asked


def _asked(question: ChangeQuestion) -> dict[str, Any]:
    names = {"use_case", "change_id", "change", "person", "reason", "asked_at", "due_at"}
    facts = question.model_dump(include=names | {"live_version", "replaced", "restores"})
    return facts | {"paused_since": question.pause.since if question.pause else ""}


def _expiry(now: datetime) -> int:
    return int((now + LINKS_WORK_FOR).timestamp())
