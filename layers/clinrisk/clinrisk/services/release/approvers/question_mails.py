"""The mails that ask approvers to decide: one for each, with that person's own link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws.notifications import subscriptions
from clinrisk.aws.tables import approvers, open_requests
from clinrisk.core import mails
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.release.page.shadow_view import summary_of
from clinrisk.services.release import evidence
from clinrisk.services.release.approvers import personal_links
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.tables.approvals import Approval


def send(approval: Approval, now: datetime, *, reminder: bool = False) -> int:
    """Mail a question to whoever is asked about its use case now, and return how many that are.

    Who has not enrolled yet is mailed, too: the link can be read, and takes an answer after the enrolment.
    """
    use_case = use_cases.get(approval.use_case)
    comparison = summary_of(evidence.comparisons(use_case.name, approval.run_id))
    people = approvers.of_use_case(use_case.name, now)
    for person in people:
        mail = mails.approval_wanted(
            title=use_case.title,
            version=approval.package_version,
            run_id=approval.run_id,
            summary=approval.summary,
            comparison=comparison,
            unmet=approval.unmet,
            link=personal_links.link(personal_links.question(approval), person),
            until=day(approval.expires_at),
            quorum=policy_of(use_case.name).quorum,
            external=use_case.external is not None,
        )
        subscriptions.send(person.approver_id, mails.reminder_of(mail) if reminder else mail)
    return len(people)


def lacking(use_case: str, now: datetime) -> str:
    """Return in words why nobody could approve now; empty while enough people can, and mail reaches them.

    Whoever asked for what is open counts as well: nobody is the only one who approves what they asked for.
    """
    reached = subscriptions.confirmed()
    able = [
        (one.role, one.identity)
        for one in approvers.of_use_case(use_case, now)
        if one.standing(now) == approvers.ENROLLED and one.subscription in reached
    ]
    return policy_of(use_case).lacking(able, open_requests.askers(use_case, now))
