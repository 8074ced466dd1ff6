"""What monitoring remembers of a finding: when it opens, worsens, is overdue, and is over.

| state | since | mails | asks for a training |
| --- | --- | --- | --- |
| OPEN | a batch alerts that is not known to | opened, worse, overdue | yes |
| ACKNOWLEDGED | a person knows of it, until a date | worse, date passed | no |
| ASSIGNED | a person investigates | worse, overdue | yes |
| RESOLVED | a person gave a reason | a new batch alerts, or it is worse | no |
| CLEARED | the newest three judged batches are in order; sums for a week | a new batch alerts | no |

Values in, values out: the item before, what a run observed or a person decided, and the item after.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from clinrisk.core.monitoring.findings import (
    OF_MONTH,
    SINCE_RELEASE,
    TOGETHER,
    Check,
    CheckFinding,
    CheckVerdict,
)
from clinrisk.core.timestamps import stamp
from clinrisk.messages.monitoring import FindingChange, KnownFinding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinrisk.messages.monitoring import ChangeFindingRequest, ChangeKind, LastMail
    from clinrisk.use_cases.base import UseCase

SINGLE, MONTHS = "single batches", "single months"
UNJUDGED = "nothing new to judge"
"""The subject of a check that has had no verdict on new data for too long."""
_ADDED_UP = {TOGETHER: "-together", SINCE_RELEASE: "-since-release", UNJUDGED: "-unjudged"}
"""What is judged as one, under a name that stays while its data change."""
_ENDINGS = {SINGLE: "", MONTHS: "-by-month"} | _ADDED_UP
"""What the id of a finding ends with, by its subject."""
NEWEST = 3
"""So many of the newest judged batches decide whether a finding is over."""
WORSE, WORSE_BY = 2.0, 0.1
"""It is worse when it is so many times as far beyond its limit as when that was last mailed, and by so many
limits: what began just beyond it doubles soon."""
OVER = frozenset({"RESOLVED", "CLEARED"})
CALM = timedelta(days=7)
"""What is added up changes little from day to day: it has to be in order for so long to be over."""
_CHANGES_SLOWLY = frozenset({TOGETHER, SINCE_RELEASE, MONTHS})
REMINDER = timedelta(days=7)
"""After so long without a mail about a use case, its open findings are listed in one."""
_QUIET = OVER | {"ACKNOWLEDGED"}
_KEPT = 100
"""So many batches and changes an item holds at most; the ledger has all changes."""
_SMALLEST_LIMIT = 0.01


@dataclass(frozen=True)
class Observation:
    """What one run found about one subject: its alerts, newest batch first, and whether all is in order."""

    check: Check
    subject: str
    alerts: tuple[tuple[str, CheckFinding], ...] = ()
    in_order: bool = False
    """The newest judged batches do not alert; False where none was judged."""

    @property
    def batches(self) -> tuple[str, ...]:
        """The batches that alert."""
        return tuple(batch for batch, _ in self.alerts)

    @property
    def worst(self) -> CheckFinding:
        """The alert that is furthest beyond its limit, the newest among equals; there must be one."""
        return max((finding for _, finding in self.alerts), key=_excess)

    @property
    def excess(self) -> float:
        """How far that is, in limits; 0 without an alert, or without a statistic."""
        return _excess(self.worst) if self.alerts else 0.0


def subject_of(batch: str) -> str:
    """Return which subject a finding about a batch belongs to.

    >>> subject_of("inbox/heart/inference/march.csv"), subject_of(TOGETHER)
    ('single batches', 'all recent batches together')
    """
    if batch in _ADDED_UP:
        return batch
    return MONTHS if batch.startswith(OF_MONTH) else SINGLE


def evidence_of(batch: str, finding: CheckFinding) -> str:
    """Return what names the data behind an alert: what is added up is other data once its figures differ."""
    return f"{batch}: {finding.detail}" if batch in _ADDED_UP else batch


def id_of(use_case: str, check: str, subject: str) -> str:
    """Return the name under which people know a finding.

    >>> id_of("heart", "drift", SINGLE), id_of("heart", "drift", TOGETHER)
    ('heart-drift', 'heart-drift-together')
    """
    return f"{use_case}-{check}{_ENDINGS[subject]}"


def observations(findings: Iterable[tuple[str, CheckFinding]]) -> list[Observation]:
    """Return what a run observed, by check and subject; findings are (batch, finding), newest batch first."""
    grouped: dict[tuple[Check, str], list[tuple[str, CheckFinding]]] = defaultdict(list)
    for batch, finding in findings:
        grouped[finding.check, subject_of(batch)].append((batch, finding))
    for (_, subject), found in grouped.items():
        if subject == MONTHS:
            found.sort(key=lambda one: one[0], reverse=True)
    return [
        Observation(
            check,
            subject,
            tuple(one for one in found if one[1].verdict is CheckVerdict.ALERT),
            _in_order([finding.verdict for _, finding in found]),
        )
        for (check, subject), found in grouped.items()
    ]


def after_run(
    before: KnownFinding | None, seen: Observation, use_case: UseCase, now: datetime, run: str
) -> KnownFinding | None:
    """Return a finding after a run, or None where there is nothing new to remember."""
    if before is not None and before.state not in OVER:
        return _while_open(before, seen, now, run)
    known = () if before is None else before.batches
    new = not set(seen.batches) <= set(known) or (before is not None and _is_worse(before, seen))
    return _opened(before, seen, use_case, now, run) if new else None


def _is_worse(before: KnownFinding, seen: Observation) -> bool:
    worse = seen.excess - before.excess >= WORSE_BY
    return worse and 0 < before.excess * WORSE <= seen.excess


def _while_open(before: KnownFinding, seen: Observation, now: datetime, run: str) -> KnownFinding | None:
    facts: dict[str, object] = {"batches": _known(before, seen), "calm_since": _calm_since(before, seen, now)}
    if seen.in_order and _is_calm(before, now):
        # What is added up has one name for ever: once it is in order, its next alert is new.
        known = tuple(batch for batch in _known(before, seen) if batch not in _ADDED_UP)
        # An older batch that is worse is known as well: alone it must not open the finding again.
        excess = max(before.excess, seen.excess)
        facts = {"state": "CLEARED", "batches": known, "excess": excess, "calm_since": ""}
        return _changed(before, facts, "CLEARED", now, run, "The newest batches are in order.")
    if _is_worse(before, seen):
        worst = seen.worst
        facts |= {"excess": seen.excess, "detail": worst.detail} | _awake(before)
        return _changed(before, facts, "WORSENED", now, run, _figures(worst))
    if not before.overdue and stamp(now) > before.due:
        facts |= {"overdue": True} | _awake(before)
        note = "The acknowledgement has ended." if before.state == "ACKNOWLEDGED" else "Nobody has closed it."
        return _changed(before, facts, "OVERDUE", now, run, note)
    if (facts["batches"], facts["calm_since"]) == (before.batches, before.calm_since):
        return None
    return before.model_copy(update=facts | {"version": before.version + 1})


def _calm_since(before: KnownFinding, seen: Observation, now: datetime) -> str:
    """Return since when what is added up has been in order; "" where it is not."""
    if before.subject not in _CHANGES_SLOWLY or not seen.in_order:
        return ""
    return before.calm_since or stamp(now)


def _is_calm(before: KnownFinding, now: datetime) -> bool:
    """Return whether what is in order now is over: single batches at once, what is added up after a week."""
    if before.subject not in _CHANGES_SLOWLY:
        return True
    return bool(before.calm_since) and before.calm_since <= stamp(now - CALM)


def after_person(before: KnownFinding, request: ChangeFindingRequest, now: datetime) -> KnownFinding | str:
    """Return a finding after what a person decided about it, or in words why that is refused."""
    if before.state in OVER:
        return f"The finding {before.finding_id} is {before.state}: there is nothing to do about it."
    run = request.execution.rpartition(":")[2]
    facts: dict[str, object] = {"state": request.change}
    note = request.reason
    if request.change == "ACKNOWLEDGED":
        due = f"{request.until}T23:59:59.999Z"
        if not request.until or due <= stamp(now):
            return "An acknowledgement needs a day to come: --until YYYY-MM-DD."
        facts |= {"due": due, "overdue": False}
        note = " ".join(filter(None, (f"Until {request.until}.", request.reason)))
    elif request.change == "ASSIGNED":
        if not request.owner.strip():
            return "Whoever a finding is assigned to needs a name: --to NAME."
        facts |= {"owner": request.owner.strip()}
        note = " ".join(filter(None, (f"To {request.owner.strip()}.", request.reason)))
    elif not request.reason.strip():
        return "Whoever resolves a finding gives a reason: --reason TEXT."
    return _changed(before, facts, request.change, now, run, note, by=request.person)


def change_of(finding: KnownFinding | None, run: str) -> FindingChange | None:
    """Return what an execution has changed about a finding, or None."""
    if finding is None or not finding.changes or finding.changes[-1].execution != run:
        return None
    return finding.changes[-1]


def asks_for_a_response(finding: KnownFinding | None) -> bool:
    """Return whether an alert of this subject still asks for something: nobody has dealt with it."""
    return finding is None or finding.state not in _QUIET


def reminds(findings: Iterable[KnownFinding], last: LastMail | None, now: datetime) -> bool:
    """Return whether open findings are to be listed in a mail: for a week nothing was mailed about any."""
    waiting = any(asks_for_a_response(finding) for finding in findings)
    return waiting and (last is None or stamp(now - REMINDER) >= last.mailed_at)


def _in_order(verdicts: list[CheckVerdict]) -> bool:
    judged = [verdict for verdict in verdicts if verdict is not CheckVerdict.NOT_EVALUATED][:NEWEST]
    return bool(judged) and CheckVerdict.ALERT not in judged


def _excess(finding: CheckFinding) -> float:
    if finding.statistic is None:
        return 0.0
    distance = abs(finding.statistic - finding.threshold)
    return round(distance / max(abs(finding.threshold), _SMALLEST_LIMIT), 4)


def _figures(finding: CheckFinding) -> str:
    """Return what the ledger may keep for ever of an alert: the two numbers, none of its counts."""
    if finding.statistic is None:
        return "Without a number."
    return f"{finding.statistic:g}, where the limit is {finding.threshold:g}."


def _known(before: KnownFinding, seen: Observation) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*seen.batches, *before.batches)))[:_KEPT]


def _awake(before: KnownFinding) -> dict[str, object]:
    """Return the state of a finding that has become news again: acknowledged is not enough any more."""
    return {"state": "OPEN"} if before.state == "ACKNOWLEDGED" else {}


def _opened(
    before: KnownFinding | None, seen: Observation, use_case: UseCase, now: datetime, run: str
) -> KnownFinding:
    duty = use_case.duties[seen.check]
    facts: dict[str, object] = {
        "state": "OPEN",
        "owner": duty.owner,
        "due": stamp(now + timedelta(days=duty.days)),
        "overdue": False,
        "batches": seen.batches if before is None else _known(before, seen),
        "excess": seen.excess,
        "detail": seen.worst.detail,
    }
    first = before or KnownFinding.model_validate(
        facts
        | {
            "finding_id": id_of(use_case.name, seen.check, seen.subject),
            "use_case": use_case.name,
            "check": str(seen.check),
            "subject": seen.subject,
            "version": 0,
            "changes": (),
        }
    )
    kind: ChangeKind = "OPENED" if before is None else "REOPENED"
    return _changed(first, facts, kind, now, run, _figures(seen.worst))


def _changed(  # noqa: PLR0917 - a change is all of it
    before: KnownFinding,
    facts: dict[str, object],
    kind: ChangeKind,
    now: datetime,
    run: str,
    note: str,
    by: str = "monitoring",
) -> KnownFinding:
    number = before.changes[-1].number + 1 if before.changes else 1
    change = FindingChange(number=number, kind=kind, at=stamp(now), by=by, note=note, execution=run)
    changes = (*before.changes, change)[-_KEPT:]
    return before.model_copy(update=facts | {"version": before.version + 1, "changes": changes})
