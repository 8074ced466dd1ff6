"""The replay workflow, played: the jobs of a scoring, into a folder of their own, and each of its ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.messages.operations import SlotRequest
from clinrisk.messages.scoring import ReplayBatchRequest
from tests.statemachines.calls import ServiceError
from tests.statemachines.definitions import everything
from tests.statemachines.explaining import explain, failed_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

UPLOAD = "0123456789abcdef0123"
ASKED = {
    "use_case": "stroke",
    "upload_id": UPLOAD,
    "key": "inbox/stroke/inference/ward 7.csv",
    "version_id": "v1",
    "person": "kim",
}
PLAN = {
    "live_version": 3,
    "model_name": "stroke-model-0",
    "model_uri": "s3://lake/candidates/stroke/run-1/model.tar.gz",
    "threshold": 0.052,
    "rows": 9,
    "code_prefix": "s3://lake/code/of-then/",
}
SAME = {"outcome": "SAME", "difference": "", "subject": "", "message": ""}
DIFFERENT = {
    "outcome": "DIFFERENT",
    "difference": "Row 18, risk.",
    "subject": "It differs",
    "message": "Row 18.",
}
STATES = {(one.machine, one.name): one.state for one in everything()}


def cast(**changes: Any) -> dict[str, Any]:
    answers = {
        "Plan Replay": PLAN,
        "Score Again": {"TransformJobStatus": "Completed"},
        "Present Again": {"ProcessingJobStatus": "Completed"},
        "Compare Results": SAME,
        "Announce Difference": {"MessageId": "m"},
        "Explain Failure": explain,
    }
    return answers | {name.replace("_", " "): answer for name, answer in changes.items()}


def test_results_are_made_again_by_the_model_and_the_code_of_then(scene: Setting) -> None:
    stage = scene(cast())
    end = stage.run("replay", ASKED)
    assert (end.status, stage.stage.to("Announce Difference")) == ("SUCCEEDED", [])
    [score], [present] = stage.stage.to("Score Again"), stage.stage.to("Present Again")
    assert score.arguments["ModelName"] == PLAN["model_name"]
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in present.arguments["ProcessingInputs"]}
    assert (inputs["code"], inputs["model"]) == (PLAN["code_prefix"], PLAN["model_uri"])
    assert present.arguments["Environment"]["THRESHOLD"] == "0.052"


def test_everything_is_written_below_one_folder_of_this_replay(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("replay", ASKED)
    [score], [present] = stage.stage.to("Score Again"), stage.stage.to("Present Again")
    scores = score.arguments["TransformOutput"]["S3OutputPath"]
    [output] = present.arguments["ProcessingOutputConfig"]["Outputs"]
    folder = scores.removesuffix("scores/")
    assert folder.startswith(f"s3://lake/replays/stroke/{UPLOAD}/")
    assert output["S3Output"]["S3Uri"] == f"{folder}presented/"
    plan, compare = (
        ReplayBatchRequest.model_validate(stage.stage.to(state)[0].payload)
        for state in ("Plan Replay", "Compare Results")
    )
    assert (plan.about, plan.presented_uri) == ("plan", None)
    assert (compare.about, compare.presented_uri) == ("compare", f"{folder}presented/")


def test_nobody_waits_for_a_replay() -> None:
    waits = [
        state for (machine, name), state in STATES.items() if machine == "replay" and name[:5] == "Wait "
    ]
    assert [one["Arguments"]["Payload"]["urgency"] for one in waits] == ["shadow", "shadow"]


def test_names_of_jobs_fit_and_differ_by_replay(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("replay", ASKED | {"use_case": "a_use_case_with_a_long_name"})
    names = [
        stage.stage.to("Score Again")[0].arguments["TransformJobName"],
        stage.stage.to("Present Again")[0].arguments["ProcessingJobName"],
    ]
    assert len(set(names)) == 2
    [longest] = (one.max_length for one in SlotRequest.model_fields["job"].metadata)
    # The turn adds its own number, of two digits at most.
    assert all(len(name.rpartition("-")[0]) <= longest and len(name) <= 62 for name in names)


def test_a_replay_asks_of_its_jobs_what_a_scoring_asks() -> None:
    """Where the two roads part, a replay would prove nothing."""
    score, score_again = (
        alike(*one) for one in (("scoring", "Score By Champion"), ("replay", "Score Again"))
    )
    present, again = (alike(*one) for one in (("scoring", "Present Results"), ("replay", "Present Again")))
    assert score_again == score
    assert again == present
    assert "DataProcessing" in score
    assert "ROWS_ACCEPTED" in present


def alike(machine: str, name: str) -> str:
    """Return what a job is asked, without where it writes, and with the names of variables of a scoring."""
    given = json.loads(json.dumps(STATES[machine, name]["Arguments"]))
    given.get("TransformOutput", {}).pop("S3OutputPath", None)
    given.get("ProcessingOutputConfig", {}).pop("Outputs", None)
    for one in given.get("ProcessingInputs", []):
        if one["InputName"] in {"code", "scores"}:
            del one["S3Input"]["S3Uri"]
    text = json.dumps(given, sort_keys=True)
    return (
        text.replace("$plan.rows", "$rows_accepted")
        .replace("$plan.", "$live.")
        .replace("$asked.", "$upload.")
    )


def test_a_difference_is_mailed_to_the_operators_alone_and_ends_badly(scene: Setting) -> None:
    stage = scene(cast(Compare_Results=DIFFERENT))
    end = stage.run("replay", ASKED)
    assert (end.status, end.error, end.cause) == ("FAILED", "ResultsDiffer", "Row 18, risk.")
    [mail] = stage.stage.to("Announce Difference")
    assert mail.arguments["Subject"] == "It differs"
    assert mail.arguments["MessageAttributes"] == {
        "audience": {"DataType": "String", "StringValue": "operator"}
    }


def test_what_is_not_stored_any_more_ends_before_a_job_and_mails_nobody(scene: Setting) -> None:
    lost = ServiceError("ReplayImpossible", json.dumps({"errorMessage": "The features are gone."}))
    stage = scene(cast(Plan_Replay=lost))
    end = stage.run("replay", ASKED)
    assert (end.error, end.cause) == ("ReplayImpossible", "The features are gone.")
    assert stage.stage.states == ["Plan Replay", "Explain Failure"]


def test_a_job_that_fails_is_no_difference(scene: Setting) -> None:
    stage = scene(cast(Present_Again=failed_job("9 patients and 8 scores do not pair up.")))
    end = stage.run("replay", ASKED)
    assert (end.error, end.cause) == ("JobFailed", "9 patients and 8 scores do not pair up.")
    assert stage.stage.to("Compare Results") == []


def test_a_failure_that_cannot_be_explained_has_an_end_too(scene: Setting) -> None:
    stage = scene(cast(Compare_Results=ServiceError("Odd"), Explain_Failure=ServiceError("Down")))
    assert stage.run("replay", ASKED).cause == "It ended with Odd."
