"""The page on which an approver countersigns a rollback, or agrees to the end of a pause.

It is served by the function of the approval page, which alone may sign. Looking changes nothing. An answer is
signed, written once under the condition that the question is open, kept in the ledger, and then passed on:
the workflow that waits to end a pause gets it, an answer about a rollback is mailed. The same answer again,
or the button of the page, finishes what broke off.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import clients, kms, ledger, stepfunctions
from clinrisk.aws.error_mapping import named_refusals
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import change_questions, deployments, pauses
from clinrisk.core import digests
from clinrisk.core.release import change_mails
from clinrisk.core.release.page import change_page
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChangeRefused, ClinriskError, CodeRefused
from clinrisk.messages.live_changes import COUNTERSIGNED, OPEN
from clinrisk.messages.release import Decider
from clinrisk.services.release.approvers import (
    answer_check,
    countersignatures,
    personal_links,
    recorded_answers,
    visits,
)
from clinrisk.services.release.approvers.visits import Visit
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.core.release.page.approval_page import FormAnswer, Page
    from clinrisk.core.release.page.change_page import ChangeView
    from clinrisk.messages.live_changes import ChangeQuestion


def serve(
    method: str, change_id: str, query: Mapping[str, str], form: Mapping[str, str], now: datetime
) -> Page:
    """Return the page for one request; what goes wrong is stated in plain words."""
    if method not in visits.METHODS:
        return visits.no_such_method()
    try:
        question = change_questions.find(change_id)
        visit = Visit(personal_links.reader(personal_links.change(question), query), query, form, now)
        if now.timestamp() >= question.expires_at:
            return change_page.outcome_page(question, _view(question), status=410)
        if method != "POST":
            return _shown(question, visit)
        again = _answer(question, visit)
    except ClinriskError as error:
        return visits.refusal(error)
    # Not above: once something is recorded, "nothing was changed" would not be true.
    return again or _finish(change_questions.find(change_id), visit)


def _shown(question: ChangeQuestion, visit: Visit) -> Page:
    if question.lapsed and question.pause and _ended_by(question):
        # The answer had arrived; the request that passed it on broke off before it could note that.
        question = question.model_copy(update={"lapsed": False})
    if question.status == OPEN:
        return _asked(question, visit)
    if question.finished or question.decider is None:
        return change_page.outcome_page(question, _view(question))
    shown = digests.digest_of(question.signature)
    return change_page.outcome_page(question, _view(question), shown=shown, nonce=visit.nonce(shown))


def _ended_by(question: ChangeQuestion) -> bool:
    """Return whether the workflow that asked has ended the pause."""
    pause = pauses.last(question.use_case)
    return pause is not None and pause.ended_by == question.execution


def _asked(question: ChangeQuestion, visit: Visit, objections: Sequence[str] = ()) -> Page:
    view = _view(question)
    return change_page.question_page(
        question,
        view,
        shown=view.digest,
        nonce=visit.nonce(view.digest),
        reader=f"{visit.approver.name} ({visit.approver.role})",
        hindrances=_hindrances(question, visit),
        typed=visit.form,
        objections=objections,
    )


def _hindrances(question: ChangeQuestion, visit: Visit) -> list[str]:
    """List in words what keeps an approver from agreeing."""
    asked = recorded_answers.asked_for(visit.approver, question.person)
    own = ["You asked for this: somebody else has to agree."] if asked else []
    return recorded_answers.unable(visit, question.use_case) or own


def _view(question: ChangeQuestion) -> ChangeView:
    pause = pauses.current(question.use_case)
    return change_page.view_of(
        use_cases.get(question.use_case).title,
        question,
        deployments.current(question.use_case),
        paused_since=pause.since if pause else "",
    )


def _answer(question: ChangeQuestion, visit: Visit) -> Page | None:
    """Record the answer; gives the question again when it does not do."""
    visit.check_form()
    if question.status != OPEN:
        return None
    view = _view(question)
    objections = change_page.objections_to(visit.form, view)
    if visit.form.get("answer") == "refuse":
        objections += recorded_answers.unable(visit, question.use_case)
    else:
        objections += _hindrances(question, visit)
    if objections:
        return _asked(question, visit, objections)
    try:
        page = personal_links.change(question)
        approver = answer_check.answering(page, visit.query, visit.form.get("code", ""), visit.now)
    except CodeRefused as refused:
        if change_questions.find(question.change_id).status != OPEN:
            return None
        return _asked(question, visit, (str(refused),))
    answered = _signed(question, approver, change_page.answer_in(visit.form), view.digest, visit.now)
    change_questions.answer(answered, int(visit.now.timestamp()))
    return None


def _signed(
    question: ChangeQuestion, approver: Approver, answer: FormAnswer, shown: str, now: datetime
) -> ChangeQuestion:
    """Return a question with its answer, signed; raises where the key is not to be had."""
    given = {
        "status": answer.decision,
        "decider": Decider(**approver.who, decided_at=stamp(now), reason=answer.reason, shown=shown),
        "policy": policy_of(question.use_case).digest,
    }
    answered = question.model_copy(update=given)
    with named_refusals():
        signature = kms.sign(countersignatures.entry_of(answered).signed_content)
    return answered.model_copy(update={"signature": signature})


def _finish(answered: ChangeQuestion, visit: Visit) -> Page:
    """Pass a recorded answer on, also when an earlier request broke off after it was recorded."""
    if answered.decider is not None and not answered.finished:
        ledger.append(countersignatures.entry_of(answered))
        change_questions.finish(answered.change_id, lapsed=not _passed_on(answered))
        answered = change_questions.find(answered.change_id)
    return _shown(answered, visit)


def _passed_on(answered: ChangeQuestion) -> bool:
    """Let workflow and people have the answer; False when the workflow no longer waits for it."""
    if answered.pause and answered.status == COUNTERSIGNED:
        return stepfunctions.succeed(answered.task_token, "{}")
    if answered.pause:
        cause = json.dumps({"errorMessage": change_mails.answered_by(answered)})
        return stepfunctions.fail(answered.task_token, ChangeRefused.__name__, cause)
    mail = change_mails.rollback_answered(use_cases.get(answered.use_case).title, answered)
    clients.sns().publish(
        TopicArn=settings().alerts_topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={
            "audience": {"DataType": "String.Array", "StringValue": '["operator", "data_manager"]'}
        },
    )
    return True
