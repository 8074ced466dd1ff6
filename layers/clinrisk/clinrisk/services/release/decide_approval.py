"""The approval desk: shows the evidence to an approver who holds a personal link, and takes one decision.

Looking decides nothing, however often and by whom (mail scanners follow links); the ledger keeps that a
link was opened. An answer takes a code of the approver's phone as well, and a decision as many people as
the policy asks for. It is written once, under the condition that the question is open, with the digests of
what was on the page. Then the ledger keeps it and the workflow that waits is given it; the same answer
again finds the first, and finishes what broke off after it was recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import clients, ledger, s3, telemetry
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals
from clinrisk.core import digests, mails
from clinrisk.core.release.approver_entries import PageOpenedEntry
from clinrisk.core.release.page import approval_page
from clinrisk.core.release.page.evidence_view import evidence_of
from clinrisk.core.release.page.shadow_view import shadow_view_of
from clinrisk.core.timestamps import stamp
from clinrisk.core.training.promotion import unproven
from clinrisk.errors import ApprovalRejected, ClinriskError, CodeRefused, DecisionInvalid
from clinrisk.messages.message import Reference
from clinrisk.messages.release import DecisionResult
from clinrisk.services.release import evidence, expire_approval
from clinrisk.services.release.approvers import answer_check, personal_links, recorded_answers, visits
from clinrisk.services.release.approvers.visits import Visit
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.release.page.approval_page import Page
    from clinrisk.services.release.evidence import Shown


_PAPERS = {"report": "The full report", "model_card": "The model card"}
"""What is read behind the same link, by its name in the digests."""


def serve(
    method: str, approval_id: str, query: Mapping[str, str], form: Mapping[str, str], now: datetime
) -> Page:
    """Return the page for one request; whatever goes wrong is said in plain words, and nothing else is."""
    if method not in visits.METHODS:
        return visits.no_such_method()
    try:
        approval = approvals.find(approval_id)
        reader = personal_links.reader(personal_links.question(approval), query)
        visit = Visit(reader, query, form, now)
        if now.timestamp() >= approval.expires_at:
            return _expired(approval)
        if method != "POST":
            return _read(approval, visit, noted=method == "GET")
        again = _decide(approval, visit)
    except ClinriskError as error:
        return visits.refusal(error)
    # Not above: once something is decided, "nothing was changed" would not be true.
    return again or _finish(approvals.find(approval_id), visit)


def _expired(approval: Approval) -> Page:
    """Show what was decided while the link was good; raises DecisionInvalid where nothing was."""
    if approval.status == approvals.PENDING:
        raise DecisionInvalid("This link has expired.")
    return approval_page.outcome(use_cases.get(approval.use_case), _facts(approval), status=410)


def _read(approval: Approval, visit: Visit, *, noted: bool) -> Page:
    """Return what the link opens; the first time that it is opened is noted in the ledger."""
    if "paper" in visit.query:
        return _paper(approval, visit.query["paper"])
    if noted and approval.status == approvals.PENDING:
        ledger.append(
            PageOpenedEntry(
                **visit.approver.who,
                use_case=approval.use_case,
                approval_id=approval.approval_id,
                happened_at=stamp(visit.now),
            )
        )
    return _show(approval, visit)


def _show(approval: Approval, visit: Visit) -> Page:
    if approval.status != approvals.PENDING:
        return _outcome(approval, visit)
    return _question(approval, evidence.shown(approval), visit)


def _paper(approval: Approval, name: str) -> Page:
    """Return the report or the model card as it was judged; raises DecisionInvalid, EvidenceChanged."""
    if name not in _PAPERS:
        raise DecisionInvalid("There is no such paper.")
    uri = evidence.papers_of(approval).get(name)
    if uri is None:
        raise DecisionInvalid("There is no such paper.")
    paper = s3.fetch(Reference(uri=uri, sha256=approval.digests.model_dump()[name]))
    return approval_page.paper(paper.decode())


def _question(approval: Approval, shown: Shown, visit: Visit, objected: tuple[str, ...] = ()) -> Page:
    use_case, page = use_cases.get(approval.use_case), personal_links.question(approval)
    return approval_page.question(
        use_case,
        _facts(approval) | {"digests": approval.digests.model_dump() | shown.digests},
        evidence_of(shown.evaluation, use_case),
        shadow_view_of(shown.comparisons, use_case),
        shown=shown.digest,
        nonce=visit.nonce(shown.digest),
        reader=f"{visit.approver.name} ({visit.approver.role})",
        quorum=policy_of(use_case.name).quorum,
        agreed=approval.agreement.get("deciders", ()),
        hindrances=recorded_answers.hindrances(approval, visit, "approve"),
        obstacle=evidence.obstacle(approval),
        papers={
            title: personal_links.paper(page, visit.approver, name)
            for name, title in _PAPERS.items()
            if name in evidence.papers_of(approval)
        },
        typed=visit.form,
        objections=objected,
    )


def _decide(approval: Approval, visit: Visit) -> Page | None:
    """Record the decision; gives the question again when the answer does not do."""
    form = visit.form
    visit.check_form()
    if approval.status != approvals.PENDING:
        return None
    shown = evidence.shown(approval)
    asked = unproven(shown.evaluation, use_cases.get(approval.use_case))
    objected = approval_page.objections(
        form,
        approval.package_version,
        shown=shown.digest,
        obstacle=evidence.obstacle(approval),
        unproven=(item.key for item in asked),
    )
    objected += recorded_answers.hindrances(approval, visit, form.get("decision", ""))
    if objected:
        return _question(approval, shown, visit, tuple(objected))
    try:
        page = personal_links.question(approval)
        approver = answer_check.answering(page, visit.query, form.get("code", ""), visit.now)
    except CodeRefused as refused:
        # Of answers at once, one may have decided while another one's code was still in line.
        if approvals.find(approval.approval_id).status != approvals.PENDING:
            return None
        return _question(approval, shown, visit, (str(refused),))
    answer, accepted = approval_page.answer_of(form), tuple(item.title for item in asked)
    recorded_answers.record(approval, approver, answer, shown=shown, accepted=accepted, now=visit.now)
    return None


def _finish(decided: Approval, visit: Visit) -> Page:
    """Pass a recorded decision on, also when an earlier request crashed after it recorded it."""
    now = visit.now
    if decided.agreement and (decided.status == approvals.PENDING or decided.unfinished):
        ledger.write_agreement(decided)
    if decided.status == approvals.PENDING:
        return _show(decided, visit)
    if decided.unfinished:
        if decided.status == approvals.LAPSED:
            expire_approval.close_undelivered(decided, stamp(now))
        else:
            ledger.write_decision(decided)
            _mail_rejection(decided)
            _deliver(decided, stamp(now))
        decided = approvals.find(decided.approval_id)
    status = 410 if decided.status in {approvals.LAPSED, *approvals.ASKED_ANEW} else 200
    return _outcome(decided, visit, status)


def _mail_rejection(decided: Approval) -> None:
    """Mail the data managers who rejected, and why; the workflow's own mail has neither."""
    if decided.status != approvals.REJECTED:
        return
    use_case = use_cases.get(decided.use_case)
    mail = mails.candidate_rejected(
        use_case.title,
        decided.package_version,
        decided.run_id,
        decided.deciders,
        external=use_case.external is not None,
    )
    clients.sns().publish(
        TopicArn=settings().alerts_topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={"audience": {"DataType": "String", "StringValue": "data_manager"}},
    )


def _outcome(approval: Approval, visit: Visit, status: int = 200) -> Page:
    """Show what was decided, with a button that finishes it where it was not passed on."""
    use_case, facts = use_cases.get(approval.use_case), _facts(approval)
    if not approval.unfinished:
        return approval_page.outcome(use_case, facts, status=status)
    shown = digests.digest_of(approval.evidence)
    return approval_page.outcome(use_case, facts, status=status, shown=shown, nonce=visit.nonce(shown))


def _deliver(approval: Approval, now: str) -> None:
    """Return the decision to the workflow; record it as too late when the workflow no longer waits."""
    client = clients.stepfunctions()
    try:
        if approval.status == approvals.APPROVED:
            result = DecisionResult(
                approval_id=approval.approval_id,
                decision="APPROVED",
                decided_at=approval.decided_at,
                reason=approval.reason,
            )
            client.send_task_success(taskToken=approval.task_token, output=result.model_dump_json())
        else:
            client.send_task_failure(
                taskToken=approval.task_token,
                error=ApprovalRejected.__name__,
                cause=f"Version {approval.package_version} was rejected; the approval record has the reason.",
            )
    except (
        client.exceptions.TaskTimedOut,
        client.exceptions.TaskDoesNotExist,
        client.exceptions.InvalidToken,
    ):
        telemetry.logger().warning("decision came too late", extra={"approval_id": approval.approval_id})
        expire_approval.close_undelivered(approval, now)
        return
    approvals.mark_delivered(approval.approval_id, approval.status)


def _facts(approval: Approval) -> dict[str, Any]:
    """Return what the page may know of an approval: all but the task token."""
    facts = {name: value for name, value in vars(approval).items() if name != "task_token"}
    return facts | {
        "digests": approval.digests.model_dump(),
        "threshold": float(approval.digests.threshold),
    }
