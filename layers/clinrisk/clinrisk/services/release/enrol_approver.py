"""The enrolment desk: an invited approver takes a seed into the own phone and sends the first code of it.

Opening the link shows nothing secret: mail scanners follow links. The seed is shown after a button was
pressed, until the first right code; the link opens nothing after that.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from clinrisk.aws import ledger, telemetry
from clinrisk.aws.tables import approvers
from clinrisk.core.release.approver_entries import ApproverEnrolledEntry
from clinrisk.core.release.page import approval_page, enrolment_page
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ApproverInvalid, ClinriskError, CodeRefused, DecisionInvalid
from clinrisk.services.release.approvers import answer_check, personal_links

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from clinrisk.aws.tables.approvers import Approver
    from clinrisk.core.release.page.approval_page import Page

_AGAIN = "Ask the administrator of the approvers for another invitation: clinrisk approvers invite MAIL"


def serve(
    method: str, approver_id: str, query: Mapping[str, str], form: Mapping[str, str], now: datetime
) -> Page:
    """Return the page for one request; what goes wrong is stated in plain words."""
    if method not in {"GET", "HEAD", "POST"}:
        return approval_page.notice(405, "This page cannot do that", "Open the link from the mail again.")
    try:
        invited = _invited(approver_id, query, now)
        if invited.state == approvers.ENROLLED:
            return _done(invited, now)
        return _answer(invited, query["mac"], form, now) if method == "POST" else _page(invited, query["mac"])
    except DecisionInvalid as error:
        telemetry.logger().warning("enrolment refused", extra={"reason": str(error)})
        return approval_page.notice(403, "There is nothing to enrol for here", str(error))
    except ClinriskError as error:
        telemetry.logger().error("enrolment failed", extra={"error": type(error).__name__})
        return approval_page.notice(409, "Something went wrong", f"{error} Please tell the operators.")


def _invited(approver_id: str, query: Mapping[str, str], now: datetime) -> Approver:
    """Return the approver whose newest invitation this is, open or used; raises DecisionInvalid."""
    try:
        invited = approvers.find(approver_id)
    except ApproverInvalid as error:
        raise DecisionInvalid("This link is not one that we sent.") from error
    personal_links.reader(personal_links.enrolment(invited), query)
    if invited.state == approvers.INVITED and now.timestamp() >= invited.invited_until:
        raise DecisionInvalid(f"This invitation has expired. {_AGAIN}")
    if invited.state == approvers.INVITED and invited.locked_until > now.timestamp():
        raise DecisionInvalid(f"This invitation is locked for a while after too many wrong codes. {_AGAIN}")
    return invited


def _page(invited: Approver, mac: str, *, seed: str = "", objection: str = "") -> Page:
    return enrolment_page.enrolment(
        name=invited.name,
        role=invited.role,
        use_cases=invited.use_cases,
        mail=invited.mail,
        until=invited.invited_until,
        nonce=personal_links.nonce(mac, "enrolment"),
        seed=seed,
        objection=objection,
    )


def _answer(invited: Approver, mac: str, form: Mapping[str, str], now: datetime) -> Page:
    """Show the seed, or take the first code of it."""
    nonce = personal_links.nonce(mac, "enrolment")
    if not hmac.compare_digest(form.get("nonce", "").encode(), nonce.encode()):
        raise DecisionInvalid("The form did not come from the page that the link opens.")
    seed = answer_check.seed_of(invited)
    if "code" not in form:
        return _page(invited, mac, seed=seed)
    try:
        enrolled = answer_check.use_code(invited, form["code"], now)
    except CodeRefused as refused:
        if approvers.find(invited.approver_id).standing(now) == approvers.LOCKED:
            raise DecisionInvalid(str(refused)) from refused
        return _page(invited, mac, seed=seed, objection=str(refused))
    return _done(enrolled, now)


def _done(enrolled: Approver, now: datetime) -> Page:
    """Write that an approver has enrolled, also where that broke off before, and state it."""
    ledger.append(ApproverEnrolledEntry(**enrolled.who, happened_at=stamp(now), number=enrolled.invitation))
    text = (
        "From now on the links that are mailed to you take a code of your app. You can close this page; "
        "the app is all that you need to keep."
    )
    return approval_page.notice(200, "You are enrolled", text)
