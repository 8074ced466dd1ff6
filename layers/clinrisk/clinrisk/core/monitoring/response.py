"""Response: what the findings of one monitoring run ask people to do.

| alerts of one batch | response | because |
| --- | --- | --- |
| quality, whatever else | INVESTIGATE | a model trained on a broken feed would learn the fault |
| performance | PROPOSE_RETRAINING | known outcomes show that the model got worse |
| drift and bias | PROPOSE_RETRAINING | other patients arrive, and a group is served worse than was approved |
| drift, or bias | INVESTIGATE | the model may still be right: without outcomes nobody knows |
| none | NOTHING | |

The run's response is the strongest of its batches'. A proposal starts a training, which ends at a human.
"""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from typing import TYPE_CHECKING

from clinrisk.core.mails import mail
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clinrisk.core.mails import Mail


class Response(IntEnum):
    """What to do, weakest first."""

    NOTHING = 0
    INVESTIGATE = 1
    PROPOSE_RETRAINING = 2


# The first row whose checks all alert decides.
TABLE: tuple[tuple[frozenset[Check], Response], ...] = (
    (frozenset({Check.QUALITY}), Response.INVESTIGATE),
    (frozenset({Check.PERFORMANCE}), Response.PROPOSE_RETRAINING),
    (frozenset({Check.DRIFT, Check.BIAS}), Response.PROPOSE_RETRAINING),
    (frozenset({Check.DRIFT}), Response.INVESTIGATE),
    (frozenset({Check.BIAS}), Response.INVESTIGATE),
    (frozenset(), Response.NOTHING),
)

_ASKS = {
    Response.NOTHING: "Nothing needs to be done.",
    Response.INVESTIGATE: "Please look into it: nothing was changed and nothing is being trained.",
    Response.PROPOSE_RETRAINING: "A new candidate is being trained; it goes live only by an approver's word.",
}


def response_to(alerts: Iterable[Check]) -> Response:
    """Look up the response to the alerts of one batch.

    >>> response_to({Check.DRIFT}).name, response_to({Check.DRIFT, Check.BIAS}).name
    ('INVESTIGATE', 'PROPOSE_RETRAINING')
    """
    alerting = set(alerts)
    return next(response for checks, response in TABLE if checks <= alerting)


def choose_response(findings: Iterable[tuple[str, CheckFinding]]) -> Response:
    """Give the strongest response that any batch's findings ask for; findings are (batch, finding)."""
    alerts: dict[str, set[Check]] = defaultdict(set)
    for batch, finding in findings:
        if finding.verdict is CheckVerdict.ALERT:
            alerts[batch].add(finding.check)
    return max((response_to(checks) for checks in alerts.values()), default=Response.NOTHING)


def announcement(title: str, findings: Sequence[tuple[str, CheckFinding]], response: Response) -> Mail:
    """Write the mail about one run: alerts first, then what could not be judged, then what is in order."""
    counts = {verdict: sum(finding.verdict is verdict for _, finding in findings) for verdict in CheckVerdict}
    asked = response.name.lower().replace("_", " ")
    lists = (
        (CheckVerdict.ALERT, "Alerts"),
        (CheckVerdict.NOT_EVALUATED, "Could not be judged"),
        (CheckVerdict.OK, "In order"),
    )
    return mail(
        f"{title}: {counts[CheckVerdict.ALERT]} alerts of monitoring, {asked}",
        f"{len(findings)} checks were made. {_ASKS[response]}",
        *(
            "\n".join((f"{heading}:", *_lines(findings, verdict)))
            for verdict, heading in lists
            if counts[verdict]
        ),
    )


def _lines(findings: Sequence[tuple[str, CheckFinding]], wanted: CheckVerdict) -> list[str]:
    """Give one line per finding of that verdict."""
    return [
        f"- {finding.check}, {batch}: {finding.detail}"
        for batch, finding in findings
        if finding.verdict is wanted
    ]
