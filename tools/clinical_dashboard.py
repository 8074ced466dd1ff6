"""The clinical dashboard of template.yaml: what happens to patients' data and models, per use case.

Every line is a metric that a function emits (`clinrisk.aws.telemetry`); a limit that a check judges by is
drawn as a line of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.use_cases.base import UseCase

_DAY = 86_400
_HOUR = 3_600
_ALARMS = (
    "UploadFailedAlarm",
    "ApproversMissingAlarm",
    "CountersignatureOverdueAlarm",
    "CheckAlarm",
    "UnwatchedAlarm",
)


@dataclass(frozen=True)
class _Panel:
    """One picture of the dashboard: its lines as YAML, and its limits as (label, value)."""

    title: str
    stat: str
    period: int
    lines: tuple[str, ...]
    limits: tuple[tuple[str, float], ...] = ()
    view: str = "timeSeries"


def render(cases: Sequence[UseCase], logical_ids: Sequence[str]) -> str:
    """Return the dashboard's resource; `logical_ids` are the starts of the use cases' logical ids."""
    alarms = "\n".join(
        f"                  - !GetAtt {start}{alarm}.Arn" for start in logical_ids for alarm in _ALARMS
    )
    widgets = "\n".join(_widget(panel, index) for index, panel in enumerate(_panels(cases)))
    return _DASHBOARD.format(alarms=alarms) + widgets + "\n"


def _panels(cases: Sequence[UseCase]) -> list[_Panel]:
    def per_case_of(case: UseCase, **metrics: str) -> tuple[str, ...]:
        return tuple(
            f'[!Ref AWS::StackName, {metric}, use_case, {case.name}, {{label: "{case.name} {words}"}}]'
            for metric, words in metrics.items()
        )

    def per_case(**metrics: str) -> tuple[str, ...]:
        return tuple(line for case in cases for line in per_case_of(case, **metrics))

    def per_check(metric: str) -> tuple[str, ...]:
        return tuple(
            f"[!Ref AWS::StackName, {metric}, use_case, {case.name}, check, {check.value}, "
            f"{{label: {case.name} {check.value}}}]"
            for case in cases
            for check in Check
        )

    smallest = (("the smallest that matters", 1.0),)
    return [
        _Panel(
            "What is live",
            "Maximum",
            _HOUR,
            per_case(LiveVersion="version", LiveDays="days live"),
            view="singleValue",
        ),
        _Panel(
            "What waits for people",
            "Maximum",
            _HOUR,
            per_case(
                OpenFindings="open findings", WaitingQuestions="questions", UploadsOnHold="uploads on hold"
            ),
            view="singleValue",
        ),
        _Panel(
            "Days since the newest batch, and since the newest outcomes",
            "Maximum",
            _HOUR,
            per_case(NewestBatchDays="batch", NewestOutcomesDays="outcomes"),
        ),
        _Panel("Patients scored", "Sum", _HOUR, per_case(RowsScored="patients")),
        _Panel(
            "AUC of predictions with known outcomes, and the approved limit",
            "Minimum",
            _DAY,
            per_case(Auc="AUC", AucLimit="limit"),
        ),
        _Panel(
            "Observed cases per expected one",
            "Maximum",
            _DAY,
            per_case(ObservedToExpected="observed : expected"),
            (("limit", LIMITS.performance_ratio), ("limit", 1 / LIMITS.performance_ratio)),
        ),
        _Panel(
            "Flags with a response of a clinician, and flags overridden",
            "Maximum",
            _DAY,
            per_case(FlagsAnswered="with a response", FlagsOverridden="overridden"),
        ),
        _Panel(
            "Drift: surest change, in smallest changes that matter",
            "Maximum",
            _DAY,
            per_case(WorstDrift="worst batch"),
            smallest,
        ),
        _Panel(
            "Bias: surest change of a gap, in margins",
            "Maximum",
            _DAY,
            per_case(WorstBiasGap="worst gap"),
            (("the margin", 1.0),),
        ),
        _Panel("Alerts by check", "Sum", _DAY, per_check("CheckAlert")),
        _Panel("Checks that ran", "Sum", _DAY, per_check("CheckRan"), (("once a day", 1.0),)),
        _Panel("Checks without enough data", "Sum", _DAY, per_check("CheckNotEvaluated")),
        _Panel("Batches that were held", "Sum", _DAY, per_case(BatchesHeld="held")),
        _Panel(
            "Rows that arrived",
            "Sum",
            _HOUR,
            per_case(RowsAccepted="accepted", RowsQuarantined="quarantined"),
        ),
        _Panel(
            "Uploads that could not be ingested",
            "Sum",
            _HOUR,
            per_case(UploadsFailed="failed"),
            (("alarm above", 0.0),),
        ),
        _Panel(
            "Candidates compared with the live model",
            "Sum",
            _DAY,
            tuple(
                line
                for case in cases
                if case.external is None
                for line in per_case_of(case, ShadowsCompared="compared", ShadowsFailed="not compared")
            ),
        ),
        _Panel(
            "Models released",
            "Sum",
            _DAY,
            per_case(
                ModelsPromoted="released",
                CandidatesBlocked="blocked",
                ModelsRolledBack="rolled back",
                ScoringPaused="paused",
            ),
        ),
        _Panel(
            "Decisions asked and given",
            "Sum",
            _DAY,
            per_case(ApprovalsRequested="asked", ApprovalsDecided="decided", ApprovalsExpired="expired"),
        ),
    ]


def _widget(panel: _Panel, index: int) -> str:
    limits = [
        f'                    - {{label: "{label}", value: {value:g}}}' for label, value in panel.limits
    ]
    drawn = ["                annotations:", "                  horizontal:", *limits, ""] if limits else []
    return _WIDGET.format(
        x=12 * (index % 2),
        y=3 + 6 * (index // 2),
        title=panel.title,
        view=panel.view,
        stat=panel.stat,
        period=panel.period,
        annotations="\n".join(drawn),
        metrics="\n".join(f"                  - {line}" for line in panel.lines),
    )


_DASHBOARD = """\
  ClinicalDashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub "${{AWS::StackName}}-clinical"
      DashboardBody:
        Fn::ToJsonString:
          widgets:
            - type: alarm
              x: 0
              y: 0
              width: 24
              height: 3
              properties:
                title: "Alarms: what each means and what to do is in its description, and in docs/runbook.md"
                alarms:
{alarms}
"""

_WIDGET = """\
            - type: metric
              x: {x}
              y: {y}
              width: 12
              height: 6
              properties:
                title: "{title}"
                region: !Ref AWS::Region
                view: {view}
                stat: {stat}
                period: {period}
{annotations}                metrics:
{metrics}"""
