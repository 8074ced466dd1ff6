from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.unit.cli.conftest import REGION

pytestmark = pytest.mark.usefixtures("deployment")

DESCRIBED = "A part stands still. Do: clinrisk stuck names it. Runbook: StuckAlarm."


def alarm(name: str, state: str, description: str = DESCRIBED) -> None:
    cloudwatch: Any = boto3.client("cloudwatch", REGION)
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=description,
        MetricName="Stuck",
        Namespace="clinrisk",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="1 datapoint was above 0.")


def test_alarms_that_are_on_come_with_meaning_remedy_and_section(
    clinrisk: Callable[..., Any],
) -> None:
    assert clinrisk("alarms").out.strip() == "No alarm is on; 0 are watched."
    alarm("clinrisk-StuckAlarm-0A1B", "ALARM")
    alarm("clinrisk-LedgerAlarm-0A1B", "OK")
    alarm("clinrisk-prod-LedgerAlarm-0A1B", "ALARM")
    [on] = clinrisk("alarms", "--json").json()
    assert on.pop("since").startswith("20")
    assert on == {
        "name": "StuckAlarm",
        "state": "ALARM",
        "reason": "1 datapoint was above 0.",
        "meaning": "A part stands still.",
        "remedy": "clinrisk stuck names it.",
        "runbook": "docs/runbook.md#stuckalarm",
    }
    shown = clinrisk("alarms").out
    assert "clinrisk stuck names it." in shown
    assert "1 more are not on: clinrisk alarms --all" in shown


def test_all_alarms_are_listed_those_that_are_on_first(
    clinrisk: Callable[..., Any],
) -> None:
    for name, state in (("AAlarm", "OK"), ("BAlarm", "INSUFFICIENT_DATA"), ("CAlarm", "ALARM")):
        alarm(f"clinrisk-{name}-0A1B", state)
    assert "2 more are not on, 1 of them without data to tell from" in clinrisk("alarms").out
    listed = [one["name"] for one in clinrisk("alarms", "--all", "--json").json()]
    assert listed == ["CAlarm", "BAlarm", "AAlarm"]
    assert "INSUFFICIENT_DATA" in clinrisk("alarms", "--all").out


def test_an_alarm_of_an_earlier_stack_shows_its_description(
    clinrisk: Callable[..., Any],
) -> None:
    alarm("clinrisk-OldAlarm-0A1B", "ALARM", "Something is wrong.")
    [old] = clinrisk("alarms", "--json").json()
    assert (old["meaning"], old["remedy"], old["runbook"]) == ("Something is wrong.", "", "")
