"""The response to the findings of one monitoring run, and the mail about them.

| alerts of one batch | response | because |
| --- | --- | --- |
| quality, whatever else | INVESTIGATE | a model trained on a broken feed would learn the fault |
| performance | PROPOSE_RETRAINING | known outcomes show that the model got worse |
| drift and bias | PROPOSE_RETRAINING | other patients come, and a group is served worse than approved |
| drift, or bias | INVESTIGATE | the model may still be right: only outcomes can show it |
| none | NOTHING | |

The response of a run is the strongest of its batches. A proposal starts a training; a person decides about
the candidate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from enum import IntEnum
from typing import TYPE_CHECKING

from clinrisk.core.mails import mail
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clinrisk.core.mails import Mail
    from clinrisk.use_cases.base import UseCase


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

_WHAT_TO_DO = {
    Response.NOTHING: "Nothing needs to be done.",
    Response.INVESTIGATE: "Please investigate: nothing was changed and no model is being trained.",
    Response.PROPOSE_RETRAINING: "A new candidate is being trained. It goes live only if approved.",
}


_HEADINGS = {
    CheckVerdict.ALERT: "Alerts",
    CheckVerdict.NOT_EVALUATED: "Not evaluated",
    CheckVerdict.OK: "In order",
}


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


def announcement(use_case: UseCase, findings: Sequence[tuple[str, CheckFinding]], response: Response) -> Mail:
    """Return the mail about one run: alerts first, then what was not evaluated, then what is in order."""
    counts = Counter(finding.verdict for _, finding in findings)
    alerts = counts[CheckVerdict.ALERT]
    to_do = response.name.lower().replace("_", " ")
    return mail(
        f"{use_case.title}: monitoring raised {alerts} {'alert' if alerts == 1 else 'alerts'}, {to_do}",
        f"{len(findings)} checks were made. {_WHAT_TO_DO[response]}",
        *(
            "\n".join((f"{heading}:", *_lines(findings, verdict)))
            for verdict, heading in _HEADINGS.items()
            if counts[verdict]
        ),
        f"All findings: clinrisk findings {use_case.name}",
    )


def _lines(findings: Sequence[tuple[str, CheckFinding]], wanted: CheckVerdict) -> list[str]:
    """Return one line per finding of that verdict."""
    return [
        f"- {finding.check}, {batch}: {finding.detail}"
        for batch, finding in findings
        if finding.verdict is wanted
    ]
