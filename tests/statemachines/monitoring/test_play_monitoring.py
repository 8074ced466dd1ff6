"""The monitoring workflow, played: quiet, alarmed, and with a check that breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.messages.message import Reference
from clinrisk.messages.monitoring import BatchSelection, ChangeFindingRequest, WritePageRequest
from clinrisk.messages.release import WriteCardRequest
from tests.statemachines.calls import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.calls import Call
    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

START = {"use_case": "heart"}
CHECKS = ("quality", "drift", "performance", "bias")
SELECTION = {
    "use_case": "heart",
    "batches": [],
    "reference_uri": "s3://lake/r",
    "live_version": 1,
    "new_training_rows": 0,
    "checks": CHECKS,
    "evaluation_uri": "s3://lake/e",
}


def finding(check: str, verdict: str = "OK", batch: str = "march.csv") -> dict[str, Any]:
    return {"check": check, "batch": batch, "verdict": verdict, "statistic": None, "detail": "d"}


def recorded(response: str = "NOTHING", *, announce: bool | None = None) -> dict[str, Any]:
    kept = {"uri": "s3://lake/findings/f", "sha256": "a" * 64}
    mail = {"subject": "Findings", "message": "Drift in March.", "findings": kept}
    return {"response": response, "announce": response != "NOTHING" if announce is None else announce} | mail


def cast(checks: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return every state its answer; `checks` has other answers to Run Check, by the check's name."""
    given = {check: [{"check": check, "findings": [finding(check)]}] for check in CHECKS} | (checks or {})

    def run_check(call: Call) -> Any:
        answers = given[call.payload["check"]]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    answers: dict[str, Any] = {
        "Join Outcomes": {"joined": 9},
        "Select Batches": SELECTION,
        "Run Check": run_check,
        "Record Findings": recorded(),
        "Write Card": {"edition": 2, "page": "s3://results/c", "new": True},
        "Write Page": {"page": {"uri": "s3://results/p", "sha256": "0" * 64}},
        "Start Training": {"ExecutionArn": "arn"},
        "Announce Findings": {"MessageId": "m"},
        "Announce Broken Monitoring": {"MessageId": "m"},
    }
    return answers | {name.replace("_", " "): answer for name, answer in changes.items()}


def test_a_quiet_day_ends_well_and_sends_nothing(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.states[-3:] == ["Record Findings", "Write Card", "Write Page"]


def test_every_check_gets_the_selection(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("monitoring", START)
    calls = stage.stage.to("Run Check")
    assert sorted(call.payload["check"] for call in calls) == sorted(CHECKS)
    assert all(call.payload["selection"] == SELECTION | {"checks": list(CHECKS)} for call in calls)


def test_the_findings_of_all_checks_are_recorded_as_one_list(scene: Setting) -> None:
    two = {"check": "drift", "findings": [finding("drift"), finding("drift", batch="april.csv")]}
    stage = scene(cast({"drift": [two]}))
    stage.run("monitoring", START)
    [record] = stage.stage.to("Record Findings")
    checks = [found["check"] for found in record.payload["findings"]]
    assert checks == ["quality", "drift", "drift", "performance", "bias"]


@pytest.mark.parametrize("count", [0, 1])
def test_few_findings_are_still_a_list(scene: Setting, count: int) -> None:
    none: dict[str, Any] = {check: [{"check": check, "findings": []}] for check in CHECKS}
    one = {"bias": [{"check": "bias", "findings": [finding("bias")] * count}]}
    stage = scene(cast(none | one))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.to("Record Findings")[0].payload["findings"] == [finding("bias")] * count


def test_an_alert_to_investigate_is_mailed_and_changes_nothing(scene: Setting) -> None:
    stage = scene(cast(Record_Findings=recorded("INVESTIGATE")))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.states[-1] == "Announce Findings"
    assert "Start Training" not in stage.stage.states


def test_an_alert_that_is_known_is_mailed_to_nobody(scene: Setting) -> None:
    stage = scene(cast(Record_Findings=recorded("INVESTIGATE", announce=False)))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.states[-1] == "Write Page"


def test_a_finding_that_is_over_by_itself_is_mailed(scene: Setting) -> None:
    stage = scene(cast(Record_Findings=recorded(announce=True)))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.states[-1] == "Announce Findings"


CHANGE = {
    "use_case": "heart",
    "finding_id": "heart-drift",
    "change": "RESOLVED",
    "person": "arn:aws:iam::1:user/ada",
    "until": "",
    "owner": "",
    "reason": "Repaired.",
}


def test_a_person_s_change_is_carried_out_and_mailed_without_a_run(scene: Setting) -> None:
    mail = {"refused": "", "subject": "Resolved", "message": "By Ada."}
    stage = scene(cast(Change_Finding=mail))
    assert stage.run("monitoring", CHANGE).status == "SUCCEEDED"
    assert stage.stage.states == ["Change Finding", "Announce Findings"]
    [call] = stage.stage.to("Change Finding")
    asked = ChangeFindingRequest.model_validate(call.payload)
    assert (asked.reason, asked.person) == (CHANGE["reason"], CHANGE["person"])
    assert stage.stage.to("Announce Findings")[0].arguments["Subject"] == "Resolved"


def test_a_change_that_is_refused_ends_with_the_reason(scene: Setting) -> None:
    refused = {"refused": "The finding is RESOLVED.", "subject": "", "message": ""}
    end = scene(cast(Change_Finding=refused)).run("monitoring", CHANGE)
    assert (end.status, end.error, end.cause) == ("FAILED", "ChangeRefused", "The finding is RESOLVED.")


def test_a_change_that_breaks_is_announced(scene: Setting) -> None:
    stage = scene(cast(Change_Finding=ServiceError("Lambda.Down")))
    assert "change_finding" in stage.run("monitoring", CHANGE).cause
    assert stage.stage.states[-1] == "Announce Broken Monitoring"


def test_an_alert_may_propose_a_candidate(scene: Setting) -> None:
    stage = scene(cast(Record_Findings=recorded("PROPOSE_RETRAINING")))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    [start] = stage.stage.to("Start Training")
    name = start.arguments["Name"]
    assert name.startswith("heart-")
    assert len(name) == len("heart-") + 10
    assert start.arguments["Input"] == {"use_case": "heart", "reason": "monitoring execution-1"}
    assert stage.stage.states[-1] == "Announce Findings"


@pytest.mark.parametrize("check", CHECKS)
def test_a_broken_check_takes_no_other_finding_with_it_and_is_announced(scene: Setting, check: str) -> None:
    stage = scene(cast({check: [ServiceError("ZeroDivisionError")]}))
    end = stage.run("monitoring", START)
    assert (end.status, end.error) == ("FAILED", "MonitoringIncomplete")
    [record] = stage.stage.to("Record Findings")
    others = [other for other in CHECKS if other != check]
    assert [found["check"] for found in record.payload["findings"]] == others
    [mail] = stage.stage.to("Announce Broken Monitoring")
    assert f": {check}." in mail.arguments["Message"]


def test_an_alert_is_announced_even_when_another_check_broke(scene: Setting) -> None:
    stage = scene(cast({"bias": [ServiceError("KeyError")]}, Record_Findings=recorded("INVESTIGATE")))
    assert stage.run("monitoring", START).error == "MonitoringIncomplete"
    assert stage.stage.states[-2:] == ["Announce Findings", "Announce Broken Monitoring"]


def test_before_the_first_release_there_is_nothing_to_monitor(scene: Setting) -> None:
    stage = scene(cast(Select_Batches=ServiceError("NoLiveModel")))
    assert stage.run("monitoring", START).status == "SUCCEEDED"
    assert stage.stage.states == ["Join Outcomes", "Select Batches"]


def test_outcomes_that_cannot_be_joined_keep_no_check_from_running(scene: Setting) -> None:
    stage = scene(cast(Join_Outcomes=ServiceError("SettingMissing")))
    end = stage.run("monitoring", START)
    assert (end.status, end.error) == ("FAILED", "MonitoringIncomplete")
    assert len(stage.stage.to("Record Findings")[0].payload["findings"]) == len(CHECKS)
    [mail] = stage.stage.to("Announce Broken Monitoring")
    assert ": join_outcomes." in mail.arguments["Message"]


@pytest.mark.parametrize("state", ["Select Batches", "Record Findings"])
def test_monitoring_that_breaks_is_announced(scene: Setting, state: str) -> None:
    stage = scene(cast() | {state: ServiceError("SettingMissing")})
    end = stage.run("monitoring", START)
    assert end.error == "MonitoringIncomplete"
    assert state.lower().replace(" ", "_") in end.cause


def test_a_training_that_cannot_be_started_is_announced_with_the_findings(scene: Setting) -> None:
    answers = cast(
        Record_Findings=recorded("PROPOSE_RETRAINING"), Start_Training=ServiceError("StepFunctions.Down")
    )
    stage = scene(answers)
    assert "start_training" in stage.run("monitoring", START).cause
    assert "Announce Findings" in stage.stage.states


def test_findings_that_cannot_be_mailed_are_not_silently_fine(scene: Setting) -> None:
    silent = cast(Record_Findings=recorded("INVESTIGATE"), Announce_Findings=ServiceError("SNS.Down"))
    assert "announce_findings" in scene(silent).run("monitoring", START).cause


def test_a_throttled_check_is_tried_again(scene: Setting) -> None:
    drift = {"check": "drift", "findings": [finding("drift")]}
    stage = scene(cast({"drift": [ServiceError("Lambda.TooManyRequestsException"), drift]}))
    assert stage.run("monitoring", START).status == "SUCCEEDED"


def test_the_card_gets_the_findings_of_the_model_that_was_selected(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("monitoring", START)
    [card] = stage.stage.to("Write Card")
    asked = WriteCardRequest.model_validate(card.payload)
    assert (asked.live_version, asked.findings) == (1, Reference(**recorded()["findings"]))


def test_the_page_gets_the_selection_and_the_findings_of_its_run(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("monitoring", START)
    [page] = stage.stage.to("Write Page")
    asked = WritePageRequest.model_validate(page.payload)
    assert asked.selection == BatchSelection.model_validate(SELECTION | {"checks": list(CHECKS)})
    assert asked.findings == Reference(**recorded()["findings"])


@pytest.mark.parametrize("state", ["Write Card", "Write Page"])
def test_a_card_or_page_that_cannot_be_written_is_announced_and_keeps_no_response_back(
    scene: Setting, state: str
) -> None:
    stage = scene(cast(Record_Findings=recorded("INVESTIGATE")) | {state: ServiceError("Lambda.Down")})
    end = stage.run("monitoring", START)
    name = state.lower().replace(" ", "_")
    assert (end.error, end.cause) == ("MonitoringIncomplete", f"These steps did not work: {name}")
    assert {"Announce Findings", "Announce Broken Monitoring"} <= set(stage.stage.states)
