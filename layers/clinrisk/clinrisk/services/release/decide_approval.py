"""The approval desk: shows the evidence to whoever holds a genuine link, and takes one decision.

Looking changes nothing, however often and by whom (mail scanners follow links). A decision is written once,
under the condition that the question is open, with the digests of what was on the page. Then the ledger
keeps it and the workflow that waits is given it; the same answer again finds the first, and finishes what
broke off after it was recorded.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import clients, ledger, s3, telemetry
from clinrisk.aws.tables import approvals
from clinrisk.core import digests, object_keys
from clinrisk.core.release.page import approval_page
from clinrisk.core.release.page.evidence_view import evidence_of
from clinrisk.core.release.page.shadow_view import shadow_view_of
from clinrisk.core.timestamps import stamp
from clinrisk.core.training.promotion import unproven
from clinrisk.errors import ApprovalRejected, ClinriskError, DecisionInvalid
from clinrisk.messages.message import Reference
from clinrisk.messages.release import DecisionResult
from clinrisk.services.release import approval_links, evidence, expire_approval, signatures

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
    if method not in {"GET", "HEAD", "POST"}:
        return approval_page.notice(405, "This page cannot do that", "Open the link from the mail again.")
    try:
        approval = approvals.find(approval_id)
        approval_links.check(approval, query.get("expires", ""), query.get("mac", ""))
        if now.timestamp() >= approval.expires_at:
            return _expired(approval)
        if method != "POST":
            return _paper(approval, query["paper"]) if "paper" in query else _show(approval, query["mac"])
        again = _decide(approval, form, query["mac"], now)
    except DecisionInvalid as error:
        telemetry.logger().warning("approval page refused", extra={"reason": str(error)})
        return approval_page.notice(403, "There is nothing to decide here", f"{error} Nothing was changed.")
    except ClinriskError as error:
        telemetry.logger().error("approval page failed", extra={"error": type(error).__name__})
        text = f"{error} Nothing was changed. Please tell the operators of the system."
        return approval_page.notice(409, "The evidence cannot be shown", text)
    # Not above: once something is decided, "nothing was changed" would not be true.
    return again or _finish(approvals.find(approval_id), query["mac"], now)


def _expired(approval: Approval) -> Page:
    """Show what was decided while the link was good; raises DecisionInvalid where nothing was."""
    if approval.status == approvals.PENDING:
        raise DecisionInvalid("This link has expired.")
    return approval_page.outcome(use_cases.get(approval.use_case), _facts(approval), status=410)


def _show(approval: Approval, mac: str) -> Page:
    if approval.status != approvals.PENDING:
        return _outcome(approval, mac)
    return _question(approval, evidence.shown(approval), mac)


def _paper(approval: Approval, name: str) -> Page:
    """Return the report or the model card as it was judged; raises DecisionInvalid, EvidenceChanged."""
    if name not in _PAPERS:
        raise DecisionInvalid("There is no such paper.")
    uri = object_keys.papers(approval.report_uri)[name]
    paper = s3.fetch(Reference(uri=uri, sha256=approval.digests.model_dump()[name]))
    return approval_page.paper(paper.decode())


def _question(
    approval: Approval,
    shown: Shown,
    mac: str,
    form: Mapping[str, str] | None = None,
    objected: tuple[str, ...] = (),
) -> Page:
    use_case = use_cases.get(approval.use_case)
    return approval_page.question(
        use_case,
        _facts(approval) | {"digests": approval.digests.model_dump() | shown.digests},
        evidence_of(shown.evaluation, use_case),
        shadow_view_of(shown.comparisons, use_case),
        shown=shown.digest,
        nonce=approval_links.nonce(mac, shown.digest),
        obstacle=evidence.obstacle(approval),
        papers={title: approval_links.paper(approval, name, mac) for name, title in _PAPERS.items()},
        typed=form,
        objections=objected,
    )


def _decide(approval: Approval, form: Mapping[str, str], mac: str, now: datetime) -> Page | None:
    """Record the decision; gives the question again when the answer does not do."""
    nonce = approval_links.nonce(mac, form.get("shown", ""))
    if not hmac.compare_digest(form.get("nonce", "").encode(), nonce.encode()):
        raise DecisionInvalid("The form did not come from the page that the link opens.")
    if approval.status == approvals.PENDING:
        shown = evidence.shown(approval)
        asked = unproven(shown.evaluation, use_cases.get(approval.use_case))
        objected = approval_page.objections(
            form,
            approval.package_version,
            shown=shown.digest,
            obstacle=evidence.obstacle(approval),
            unproven=(item.key for item in asked),
        )
        if objected:
            return _question(approval, shown, mac, form, tuple(objected))
        answer = approval_page.answer_of(form)
        decided = replace(
            approval,
            decision=answer.decision,
            reason=answer.reason,
            evidence=shown.digests,
            accepted=tuple(item.title for item in asked) if answer.decision == approvals.APPROVED else (),
            decided_at=stamp(now),
        )
        if approvals.decide(signatures.sign(decided), int(now.timestamp())):
            telemetry.emit(telemetry.Metric.APPROVALS_DECIDED, 1, use_case=approval.use_case)
    return None


def _finish(decided: Approval, mac: str, now: datetime) -> Page:
    """Pass a recorded decision on, also when an earlier request crashed after it recorded it."""
    if decided.unfinished:
        if decided.status == approvals.LAPSED:
            expire_approval.close_undelivered(decided, stamp(now))
        else:
            ledger.write_decision(decided)
            _deliver(decided, stamp(now))
        decided = approvals.find(decided.approval_id)
    status = 410 if decided.status in {approvals.LAPSED, *approvals.ASKED_ANEW} else 200
    return _outcome(decided, mac, status)


def _outcome(approval: Approval, mac: str, status: int = 200) -> Page:
    """Show what was decided, with a button that finishes it where it was not passed on."""
    use_case, facts = use_cases.get(approval.use_case), _facts(approval)
    if not approval.unfinished:
        return approval_page.outcome(use_case, facts, status=status)
    shown = digests.digest_of(approval.evidence)
    return approval_page.outcome(
        use_case, facts, status=status, shown=shown, nonce=approval_links.nonce(mac, shown)
    )


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
