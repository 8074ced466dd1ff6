"""Checks that have had nothing new to judge for longer than the use case allows.

A check that is NOT_EVALUATED, or judges the same data as before, raises no alarm and watches nobody. After
`unjudged_days` of its duty that is a finding of its own. Values in, values out.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinrisk.core.digests import digest_of
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict
from clinrisk.core.monitoring.memory.known_findings import UNJUDGED, Observation
from clinrisk.core.timestamps import day, stamp
from clinrisk.messages.monitoring import JudgedData, LastJudged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clinrisk.use_cases.base import UseCase

    Findings = Sequence[tuple[str, CheckFinding]]

_DIGITS = 16
_BATCHES = (
    "Ask who sends the patients. Send some: clinrisk drop FILE --as {name}/inference. What became of those "
    "that came: clinrisk batches {name}"
)
_HOW: dict[Check, str] = {
    Check.QUALITY: _BATCHES,
    Check.DRIFT: _BATCHES,
    Check.PERFORMANCE: "Ask who keeps the outcomes. Send some: clinrisk drop FILE --as {name}/outcomes. What "
    "became of those that came: clinrisk outcomes {name}",
    Check.BIAS: _BATCHES,
}


def after_checks(last: LastJudged | None, found: Findings, live_version: int, now: datetime) -> LastJudged:
    """Return since when each check has judged the data that it judges now; another model begins anew."""
    before = last.checks if last is not None and last.live_version == live_version else {}
    checks = {}
    for check in Check:
        data = tuple(
            digest_of([batch, finding.detail])[:_DIGITS]
            for batch, finding in found
            if finding.check is check and finding.verdict is not CheckVerdict.NOT_EVALUATED
        )
        known = before.get(check.value)
        # What is no longer among the newest batches is nothing new.
        if known is None or not set(data) <= set(known.data):
            known = JudgedData(data=data, since=stamp(now))
        checks[check.value] = known
    version = 1 if last is None else last.version + 1
    return LastJudged(live_version=live_version, checks=checks, version=version)


def unjudged(last: LastJudged, found: Findings, use_case: UseCase, now: datetime) -> Iterator[Observation]:
    """Yield, for every check, whether it has been without news for too long; the first news ends it."""
    for check in Check:
        since = last.checks[check.value].since
        days = (now - datetime.fromisoformat(since)).days
        limit = use_case.unjudged_days(check)
        if days <= limit:
            yield Observation(check, UNJUDGED, in_order=days == 0)
            continue
        detail = (
            f"The {check} check has had nothing new to judge since {day(since)}, for {days} days; {limit} "
            f"are allowed. {_reason(check, found)}{_HOW[check].format(name=use_case.name)}."
        )
        # No statistic: it grows by a day each day, and that is no news.
        alert = CheckFinding(check, CheckVerdict.ALERT, None, float(limit), detail)
        yield Observation(check, UNJUDGED, ((UNJUDGED, alert),))


def _reason(check: Check, found: Findings) -> str:
    """Return why the newest batch was not evaluated; "" where it was."""
    newest = next((finding for _, finding in found if finding.check is check), None)
    if newest is None or newest.verdict is not CheckVerdict.NOT_EVALUATED:
        return ""
    return f"{newest.detail} "
