"""The mails about known findings: what opened, worsened, is overdue or is over, and what can be done."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from clinrisk.core.mails import listed, mail
from clinrisk.core.monitoring.memory.known_findings import OVER
from clinrisk.core.monitoring.response import Response
from clinrisk.core.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.mails import Mail
    from clinrisk.messages.monitoring import ChangeKind, FindingChange, KnownFinding
    from clinrisk.use_cases.base import UseCase

_HEADINGS: dict[ChangeKind, str] = {
    "OPENED": "opened",
    "REOPENED": "opened again",
    "WORSENED": "worse",
    "OVERDUE": "overdue",
    "CLEARED": "over by itself",
    "ACKNOWLEDGED": "acknowledged",
    "ASSIGNED": "assigned",
    "RESOLVED": "resolved",
}
_WHAT_TO_DO = {
    Response.NOTHING: "No model is being trained.",
    Response.INVESTIGATE: "Please investigate: nothing was changed and no model is being trained.",
    Response.PROPOSE_RETRAINING: "A new candidate is being trained. It goes live only if approved.",
    Response.PROPOSE_PAUSE: (
        "Known outcomes show that the model got worse, and a group is served otherwise than was approved. "
        "Nothing was changed and no model is being trained. Please decide with those who may approve whether "
        "its results should go out meanwhile:"
        "\nclinrisk approvers list\nclinrisk pause {name} --reason TEXT\nclinrisk train {name} --reason TEXT"
    ),
}
_NOTHING_NEW = (
    "A new model would have nobody new to learn from: no patient with a known outcome has arrived for "
    "training since this one was approved. Send some: clinrisk drop FILE --as {name}/training"
)
_NOT_OURS = (
    "The score is of {vendor}, {product}: nothing is trained here. Tell the vendor what was found, and "
    "decide with those who use the score whether it may be relied on meanwhile."
)


def monitoring_news(
    use_case: UseCase,
    changes: Sequence[tuple[KnownFinding, FindingChange]],
    others: Sequence[KnownFinding],
    response: Response,
    *,
    nothing_to_learn: bool = False,
) -> Mail:
    """Return the mail about one run: what changed, kind by kind, and which other findings are open.

    `nothing_to_learn` says that a retraining would have been proposed, had there been new patients. Without
    changes it is the reminder of the week.
    """
    counts = Counter(change.kind for _, change in changes)
    kinds = [kind for kind in _HEADINGS if counts[kind]]
    summary = ", ".join(f"{counts[kind]} {_HEADINGS[kind]}" for kind in kinds) or (
        "a candidate is trained" if response is Response.PROPOSE_RETRAINING else f"{len(others)} still open"
    )
    open_now = [finding for finding, _ in changes if finding.state not in OVER] or list(others)
    return mail(
        f"{use_case.title}: monitoring, {summary}",
        _WHAT_TO_DO[response].format(name=use_case.name),
        _advice(use_case, response, nothing_to_learn=nothing_to_learn),
        *(
            f"{_HEADINGS[kind].capitalize()}:\n"
            + listed([_line(finding, change) for finding, change in changes if change.kind == kind])
            for kind in kinds
        ),
        "Known before, and still open:\n" + listed([_known(one) for one in others]) if others else "",
        _commands(open_now[0].finding_id) if open_now else "",
        f"All findings: clinrisk findings {use_case.name}",
    )


def _advice(use_case: UseCase, response: Response, *, nothing_to_learn: bool) -> str:
    """Return what to do besides where the model is not ours, or a new one would learn nothing; else ""."""
    if use_case.external is not None and response is not Response.NOTHING:
        return _NOT_OURS.format(vendor=use_case.external.vendor, product=use_case.external.product)
    return _NOTHING_NEW.format(name=use_case.name) if nothing_to_learn else ""


def finding_changed(use_case: UseCase, finding: KnownFinding, change: FindingChange) -> Mail:
    """Return the mail that a person has changed a finding."""
    return mail(
        f"{use_case.title}: finding {finding.finding_id} {_HEADINGS[change.kind]}",
        f"{change.by} changed the finding {finding.finding_id}: {_HEADINGS[change.kind]}. {change.note}",
        f"What was found: {finding.detail}",
        f"All findings: clinrisk findings {use_case.name}",
    )


def _line(finding: KnownFinding, change: FindingChange) -> str:
    if change.kind == "CLEARED":
        return f"{finding.finding_id}: {change.note}"
    where = finding.batches[0] if finding.batches else finding.subject
    return f"{finding.finding_id}, {where}: {finding.detail} {_duty(finding)}"


def _known(finding: KnownFinding) -> str:
    return f"{finding.finding_id} ({finding.state}): {finding.detail} {_duty(finding)}"


def _duty(finding: KnownFinding) -> str:
    return f"Owner: {finding.owner}, until {day(finding.due)}."


def _commands(finding_id: str) -> str:
    return (
        f"What can be done, for example about {finding_id}:\n"
        f"clinrisk assign {finding_id} --to NAME\n"
        f"clinrisk acknowledge {finding_id} --until YYYY-MM-DD\n"
        f"clinrisk resolve {finding_id} --reason TEXT"
    )
