"""The mail about a stop: it names what stopped, why, and the command that starts it again."""

from typing import Any

import pytest

from clinrisk.core.operations.stop_mails import execution_stopped, procedure_of

ARN = "arn:aws:states:eu-central-1:123456789012:execution:machine:heart-0123456789"
UPLOAD = {"upload_id": "0" * 20, "key": "inbox/heart/inference/ward 7.csv", "use_case": "heart"}
OBJECT = {"detail": {"object": {"key": "inbox/heart/training/march 1.csv"}}}
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "ingest",
        OBJECT,
        "heart: ingest of inbox/heart/training/march 1.csv",
        "redrive 'inbox/heart/training/march 1.csv'",
    ),
    (
        "ingest",
        {"upload_id": "0" * 20, "decision": "WITHDRAW", "reason": "It is wrong."},
        f"clinrisk: decision about upload {'0' * 20}",
        f"withdraw {'0' * 20} --reason TEXT",
    ),
    ("training", {"use_case": "heart"}, "heart: training run heart-0123456789", "train heart --reason TEXT"),
    (
        "training",
        {"use_case": "heart", "run_id": "heart-1"},
        "heart: evaluation of run heart-1",
        "evaluate heart-1 --reason TEXT",
    ),
    (
        "release",
        {"use_case": "heart", "run_id": "heart-1"},
        "heart: release of run heart-1",
        "evaluate heart-1 --reason TEXT",
    ),
    (
        "scoring",
        {"upload": UPLOAD},
        "heart: scoring of inbox/heart/inference/ward 7.csv",
        f"redrive {'0' * 20}",
    ),
    (
        "replay",
        {"use_case": "heart", "upload_id": "0" * 20},
        f"heart: replay of upload {'0' * 20}",
        f"replay heart --id {'0' * 20}",
    ),
    ("monitoring", {"use_case": "heart"}, "heart: monitoring of heart", "monitor heart"),
]


@pytest.mark.parametrize(("procedure", "given", "what", "command"), CASES)
def test_a_stop_names_what_stopped_and_the_command(
    procedure: str, given: dict[str, Any], what: str, command: str
) -> None:
    mail = execution_stopped(procedure, ARN, given, ("ABORTED", "", ""), {"heart"}, closed=False)
    assert mail.subject == f"{what} was stopped"
    assert f"Start it again with:\nclinrisk {command}\n" in mail.text
    assert f"Execution: {ARN}" in mail.text


def test_the_reason_is_in_words_and_never_quotes_data() -> None:
    given = {"use_case": "heart"}
    end = ("FAILED", "JobFailed", "The set has no positive patient.")
    assert (
        "Why: The set has no positive patient."
        in execution_stopped("training", ARN, given, end, {"heart"}, closed=False).text
    )
    leaky = ("FAILED", "States.Runtime", "cannot evaluate 63 + typical angina")
    mail = execution_stopped("training", ARN, given, leaky, {"heart"}, closed=False)
    assert "angina" not in mail.text
    assert "It ended with States.Runtime." in mail.text


def test_what_an_execution_was_given_leaves_only_as_a_name() -> None:
    given = {"use_case": "heart 63, angina", "run_id": "63; typical angina"}
    mail = execution_stopped(
        "release", ARN, given, ("TIMED_OUT", "States.Timeout", ""), {"heart"}, closed=True
    )
    assert "angina" not in mail.subject + mail.text
    assert "Its question to the approver is closed" in mail.text


def test_a_machine_is_known_by_the_name_that_the_template_gives_it() -> None:
    assert procedure_of("TrainingStateMachine-0A1B2C") == "training"
    assert procedure_of("somebody-elses") == ""
