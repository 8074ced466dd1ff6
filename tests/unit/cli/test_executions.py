import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.executions import reason_of, visits_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def entered(name: str, seconds: float) -> dict[str, Any]:
    return {
        "type": "TaskStateEntered",
        "timestamp": at(seconds),
        "stateEnteredEventDetails": {"name": name},
    }


def left(name: str, seconds: float) -> dict[str, Any]:
    return {"type": "TaskStateExited", "timestamp": at(seconds), "stateExitedEventDetails": {"name": name}}


def test_a_state_lasts_until_it_is_left_and_an_open_one_until_now() -> None:
    visits = visits_of([entered("Claim Upload", 0), left("Claim Upload", 2), entered("Plan Chunks", 2)], None)
    assert [(visit.name, visit.seconds(at(5)), visit.left is None) for visit in visits] == [
        ("Claim Upload", 2, False),
        ("Plan Chunks", 3, True),
    ]


def test_states_of_parallel_branches_overlap() -> None:
    events = [entered("Train XGBoost", 0), entered("Train Logistic", 0), left("Train Logistic", 1)]
    visits = visits_of([*events, left("Train XGBoost", 3)], None)
    assert {visit.name: visit.seconds(at(9)) for visit in visits} == {"Train XGBoost": 3, "Train Logistic": 1}


def test_when_an_execution_has_stopped_no_state_is_left_open() -> None:
    (visit,) = visits_of([entered("Candidate Blocked", 4)], at(5))
    assert visit.seconds(at(100)) == 1


def test_the_reason_is_the_jobs_own() -> None:
    cause = json.dumps(
        {
            "TrainingJobStatus": "Failed",
            "FailureReason": "AlgorithmError: no positives, exit code: 1",
            "AlgorithmSpecification": {
                "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/clinrisk.pyz"]
            },
        }
    )
    events = [
        {"type": "TaskFailed", "taskFailedEventDetails": {"error": "States.TaskFailed", "cause": cause}},
        {"type": "ExecutionFailed", "executionFailedEventDetails": {}},
    ]
    reason = reason_of(events, "TrainingFailed", "The training of a candidate failed.")
    assert reason == "The training of a candidate failed. (AlgorithmError: no positives, exit code: 1)"


def test_a_reason_is_given_once() -> None:
    cause = json.dumps({"errorMessage": "The header lacks columns."})
    details = {"error": "UploadError", "cause": cause}
    events = [{"type": "TaskFailed", "taskFailedEventDetails": details}]
    assert reason_of(events, "UploadError", cause) == "The header lacks columns."
    assert reason_of(events, "UploadFailed", "The header lacks columns.") == "The header lacks columns."


def test_an_error_without_a_cause_is_still_a_reason() -> None:
    assert reason_of([], "States.Timeout", "") == "It ended with States.Timeout."


def test_nothing_that_an_engine_quotes_is_shown() -> None:
    cause = json.dumps({"errorMessage": "cannot parse '4711, typical angina'"})
    events = [{"type": "TaskFailed", "taskFailedEventDetails": {"error": "KeyError", "cause": cause}}]
    assert reason_of(events, "KeyError", cause) == "It ended with KeyError."
    assert reason_of([], "States.Runtime", "4711 is not a number") == "It ended with States.Runtime."
