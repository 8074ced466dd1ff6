"""The response to the findings of one monitoring run, and how often a training may be proposed.

| alerts of one batch | response | because |
| --- | --- | --- |
| quality, whatever else | INVESTIGATE | a model trained on a broken feed would learn the fault |
| performance and bias | PROPOSE_PAUSE | it got worse, and for a group more than for others: it may do harm |
| performance | PROPOSE_RETRAINING | known outcomes show that the model got worse |
| drift and bias | PROPOSE_RETRAINING | other patients come, and a group is served worse than approved |
| drift, or bias | INVESTIGATE | the model may still be right: only outcomes can show it |
| none | NOTHING | |

The response of a run is the strongest of its batches whose findings nobody has dealt with (`memory`). A
proposed retraining starts one, unless one was proposed lately or on the same batches, or no labelled patient
has arrived since the live model was approved: a fresh model would have nobody new to learn from. A person
decides about the candidate. A pause is proposed to people and never set: docs/decisions/0042. Where the model
is not ours, a run asks for nothing but to investigate, and to tell the vendor: docs/decisions/0048.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict
from clinrisk.core.timestamps import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinrisk.messages.monitoring import Proposal


class Response(IntEnum):
    """What to do, weakest first."""

    NOTHING = 0
    INVESTIGATE = 1
    PROPOSE_RETRAINING = 2
    PROPOSE_PAUSE = 3


# The first row whose checks all alert decides.
TABLE: tuple[tuple[frozenset[Check], Response], ...] = (
    (frozenset({Check.QUALITY}), Response.INVESTIGATE),
    (frozenset({Check.PERFORMANCE, Check.BIAS}), Response.PROPOSE_PAUSE),
    (frozenset({Check.PERFORMANCE}), Response.PROPOSE_RETRAINING),
    (frozenset({Check.DRIFT, Check.BIAS}), Response.PROPOSE_RETRAINING),
    (frozenset({Check.DRIFT}), Response.INVESTIGATE),
    (frozenset({Check.BIAS}), Response.INVESTIGATE),
    (frozenset(), Response.NOTHING),
)

PAUSE = timedelta(days=14)
"""For so long after a training that monitoring proposed it proposes no other one."""


def response_to(alerts: Iterable[Check]) -> Response:
    """Return the response to the alerts of one batch.

    >>> response_to({Check.DRIFT}).name, response_to({Check.DRIFT, Check.BIAS}).name
    ('INVESTIGATE', 'PROPOSE_RETRAINING')
    """
    alerting = set(alerts)
    return next(response for checks, response in TABLE if checks <= alerting)


def choose_response(findings: Iterable[tuple[str, CheckFinding]]) -> Response:
    """Return the strongest response to the findings of any batch; findings are (batch, finding)."""
    alerts: dict[str, set[Check]] = defaultdict(set)
    for batch, finding in findings:
        if finding.verdict is CheckVerdict.ALERT:
            alerts[batch].add(finding.check)
    return max((response_to(checks) for checks in alerts.values()), default=Response.NOTHING)


def may_propose(last: Proposal | None, batches: Iterable[str], now: datetime) -> bool:
    """Return whether a training may be proposed: the last one is long ago, and other batches alert by now.

    A check that alerts at each run over unchanged data starts one training.
    """
    if last is None:
        return True
    return stamp(now - PAUSE) >= last.proposed_at and not set(batches) <= set(last.batches)
