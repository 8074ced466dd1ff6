"""Which words of an error may leave: ours, and of everybody else the name alone."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk import errors
from clinrisk.core import failure_text

# What a patient's row may hold; none of it may be in what leaves.
CANARY = "Mueller-4711 typical angina 233.5"
OURS = sorted(
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ClinriskError)
)
FOREIGN = [
    *("KeyError", "ComputeError", "Runtime.ExitError", "Lambda.Unknown", "DynamoDB.SdkClientException"),
    *("States.TaskFailed", "States.Timeout", "States.Runtime", "SageMaker.AmazonSageMakerException"),
]
ENTRYPOINT = ["python3", "/opt/ml/processing/input/code/clinrisk.pyz"]


def lambda_cause(**changes: Any) -> dict[str, Any]:
    """Return a cause as Lambda writes it, a patient's value in every field."""
    return {
        "errorMessage": CANARY,
        "errorType": CANARY,
        "requestId": CANARY,
        "stackTrace": [CANARY],
    } | changes


def job_cause(**changes: Any) -> dict[str, Any]:
    """Return a job's description as a failed .sync task hands it on, a patient's value in every field."""
    return {
        "ProcessingJobName": CANARY,
        "ProcessingJobStatus": "Failed",
        "Environment": {"USE_CASE": CANARY},
        "HyperParameters": {"seed": CANARY},
        "ProcessingInputs": [{"InputName": CANARY, "S3Input": {"S3Uri": f"s3://lake/{CANARY}"}}],
        "AppSpecification": {"ContainerEntrypoint": [CANARY], "ContainerArguments": [CANARY]},
        "ExitMessage": CANARY,
        "FailureReason": CANARY,
        "StatusReason": CANARY,
        "Cause": CANARY,
        "errorMessage": CANARY,
    } | changes


@pytest.mark.parametrize("name", OURS)
def test_our_own_message_leaves_without_anything_around_it(name: str) -> None:
    cause = lambda_cause(errorMessage="Chunk 3 of the file is missing.")
    assert failure_text.explained(name, json.dumps(cause)) == "Chunk 3 of the file is missing."


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("cause", [lambda_cause(), job_cause(), [CANARY], CANARY, {CANARY: CANARY}])
def test_of_a_foreign_error_the_name_alone_leaves(name: str, cause: Any) -> None:
    text = cause if isinstance(cause, str) else json.dumps(cause)
    assert failure_text.explained(name, text) == f"It ended with {name}."
    assert failure_text.explained(name, text[:-1]) == f"It ended with {name}."


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("cause", [lambda_cause(), job_cause()])
@pytest.mark.parametrize("field", ["errorType", "requestId", "stackTrace", "FailureReason", "ExitMessage"])
def test_of_our_own_error_no_other_field_leaves(name: str, cause: dict[str, Any], field: str) -> None:
    bare = {key: value for key, value in cause.items() if key != "errorMessage"} | {field: CANARY}
    assert CANARY not in failure_text.explained(name, json.dumps(bare))


@pytest.mark.parametrize("member", ["AppSpecification", "AlgorithmSpecification"])
def test_a_job_of_ours_says_why_it_ended(member: str) -> None:
    ours = {member: {"ContainerEntrypoint": ENTRYPOINT, "ContainerArguments": [CANARY]}}
    reason = "AlgorithmError: one class only, exit code: 1"
    written = job_cause(AppSpecification={}, ExitMessage="") | ours | {"FailureReason": reason}
    assert failure_text.explained("States.TaskFailed", json.dumps(written)) == reason
    sentence = written | {"ExitMessage": "9 patients and 8 scores."}
    assert failure_text.explained("States.TaskFailed", json.dumps(sentence)) == "9 patients and 8 scores."


@pytest.mark.parametrize(
    "entrypoint",
    [None, [], "clinrisk.pyz", ["python3"], ["/opt/ml/clinrisk.pyz", CANARY], ["x/not-clinrisk.pyz"], [4711]],
)
def test_the_words_of_another_program_do_not_leave(entrypoint: Any) -> None:
    cause = job_cause(AppSpecification={"ContainerEntrypoint": entrypoint})
    assert (
        failure_text.explained("States.TaskFailed", json.dumps(cause)) == "It ended with States.TaskFailed."
    )


@pytest.mark.parametrize("code", ["AlgorithmError", "CapacityError", "ClientError", "InternalServerError"])
def test_of_a_transform_or_a_tuning_the_platforms_code_leaves(code: str) -> None:
    cause = job_cause(FailureReason=f"{code}: {CANARY}")
    sentence = failure_text.explained("States.TaskFailed", json.dumps(cause))
    assert sentence == f"The job ended with {code}; its log says more."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("ApprovalRejected", "The approver said no."), ("ApprovalExpired", "No decision arrived in time.")],
)
@pytest.mark.parametrize("cause", ["", CANARY, json.dumps([CANARY])])
def test_a_decision_leaves_in_our_own_words_whoever_sent_it(name: str, sentence: str, cause: str) -> None:
    assert failure_text.explained(name, cause) == sentence


@pytest.mark.parametrize("name", [CANARY, "", "63", "States.", "Patient 63", "A" * 81, "Zeile\n", "Ä", ".X"])
def test_a_name_that_no_program_has_does_not_leave(name: str) -> None:
    assert failure_text.explained(name, "") == "It ended with AnUnnamedError."
    assert failure_text.ending(name) == "AnUnnamedError"


@pytest.mark.parametrize("field", ["errorMessage", "ExitMessage", "FailureReason"])
@pytest.mark.parametrize("value", [None, 4711, [CANARY], {"x": CANARY}, True, "", "  "])
def test_what_is_no_text_is_no_reason(field: str, value: Any) -> None:
    cause = {"AppSpecification": {"ContainerEntrypoint": ENTRYPOINT}, field: value}
    assert failure_text.explained("CountsDisagree", json.dumps(cause)) == "It ended with CountsDisagree."


def test_a_cause_that_is_nested_too_deeply_is_no_reason() -> None:
    assert failure_text.explained("KeyError", "[" * 100_000) == "It ended with KeyError."


@given(name=st.one_of(st.sampled_from([*OURS, *FOREIGN]), st.text()), message=st.text(), cause=st.text())
def test_whatever_comes_one_short_line_of_printable_ascii_leaves(name: str, message: str, cause: str) -> None:
    for text in (cause, json.dumps({"errorMessage": message}), json.dumps(job_cause(FailureReason=message))):
        for sentence in (failure_text.explained(name, text), failure_text.ended(name or "X", text)):
            assert len(sentence) <= failure_text.LONGEST
            assert sentence.isascii()
            assert sentence.isprintable()


def test_a_message_is_cut_at_the_limit_and_not_before() -> None:
    for length, kept in ((299, 299), (300, 300), (301, 300)):
        cause = json.dumps({"errorMessage": "x" * length})
        assert len(failure_text.explained("CountsDisagree", cause)) == kept


@pytest.mark.parametrize("name", [name for name in [*OURS, *FOREIGN] if not name.startswith("States.")])
def test_a_workflow_ends_under_the_errors_own_name(name: str) -> None:
    assert failure_text.ending(name) == name


@pytest.mark.parametrize("name", ["States.Timeout", "States.Runtime", "States.ItemReaderFailed"])
def test_a_reserved_name_is_no_name_of_an_ending(name: str) -> None:
    assert failure_text.ending(name) == name.replace("States.", "Workflow")


def test_the_sentence_of_a_fail_state_leaves_as_it_is() -> None:
    assert failure_text.ended("CandidateBlocked", "AUC is below .80.\n") == "AUC is below .80."


@pytest.mark.parametrize(
    "cause", [CANARY, json.dumps(lambda_cause()), json.dumps(CANARY), json.dumps([CANARY]), ""]
)
@pytest.mark.parametrize("error", ["States.Runtime", "States.QueryEvaluationError"])
def test_what_step_functions_says_itself_does_not_leave(error: str, cause: str) -> None:
    assert failure_text.ended(error, cause) == f"It ended with {error}."


@pytest.mark.parametrize(
    "cause", [json.dumps(lambda_cause()), json.dumps(CANARY), json.dumps([CANARY]), f"{{{CANARY}"]
)
def test_a_foreign_cause_that_no_state_caught_does_not_leave(cause: str) -> None:
    assert failure_text.ended("KeyError", cause) == "It ended with KeyError."


def test_an_execution_that_ended_well_has_no_reason() -> None:
    assert failure_text.ended("", "") == ""
