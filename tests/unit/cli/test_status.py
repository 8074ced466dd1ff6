from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.unit.cli.conftest import REGION


def test_monitor_starts_the_state_machine_and_status_shows_it(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    assert clinrisk("monitor", "heart", "--json").json()["use_case"] == "heart"
    (execution,) = clinrisk("status", "--json", "--use-case", "heart").json()
    assert (execution["machine"], execution["use_case"]) == ("monitoring", "heart")
    assert clinrisk("status", "--use-case", "heart").code == 0


@pytest.fixture
def _one_of_each(deployment: Any, clinrisk: Callable[..., Any]) -> None:
    """One monitoring run of heart that runs, one of stroke that was stopped."""
    states = boto3.client("stepfunctions", REGION)
    clinrisk("monitor", "heart")
    name = clinrisk("monitor", "stroke", "--json").json()["execution"]
    machine = deployment.outputs["MonitoringStateMachine"]
    listed = states.list_executions(stateMachineArn=machine)["executions"]
    states.stop_execution(
        executionArn=next(one["executionArn"] for one in listed if one["name"] == name), cause="Power cut."
    )


@pytest.mark.usefixtures("_one_of_each")
def test_running_and_ended_executions_are_listed_apart(clinrisk: Callable[..., Any]) -> None:
    listed = clinrisk("status", "--json").json()
    assert {(one["use_case"], one["status"]) for one in listed} == {
        ("heart", "RUNNING"),
        ("stroke", "ABORTED"),
    }
    shown = clinrisk("status").out
    assert shown.index("Running") < shown.index("Ended") < shown.index("ABORTED")
    assert "Nothing is running." in clinrisk("status", "--use-case", "stroke").out


@pytest.mark.usefixtures("_one_of_each")
@pytest.mark.parametrize("form", [["--json"], []])
def test_following_shows_each_change_once_until_it_is_interrupted(
    clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    turns = iter(range(3))

    def interrupted(_: float) -> None:
        if next(turns) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupted)
    answer = clinrisk("status", "--follow", *form)
    assert answer.code == 130
    assert len(answer.out.splitlines()) == 2
    assert answer.out.count("heart") == answer.out.count("stroke") > 0
