"""The scoring workflow, played: with a model, without one, and when a job fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.messages.scoring import JudgeBatchRequest, PublishRequest
from tests.statemachines.calls import ServiceError
from tests.statemachines.explaining import explain, failed_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

UPLOAD = {
    "bucket": "inbox",
    "key": "inbox/stroke/inference/ward 7.csv",
    "version_id": "v1",
    "size": 900,
    "use_case": "stroke",
    "purpose": "inference",
    "upload_id": "0123456789abcdef0123",
    "sha256": "a" * 64,
}
BATCH = {"upload": UPLOAD, "rows_accepted": 9}
JUDGES = ("Judge Batch", "Judge Risks")
KEY = "stroke/0123456789abcdef0123"
DIGESTS = {
    name: {"S": "b" * 64} for name in ("model", "manifest", "evaluation", "report", "code", "features")
}
LIVE: dict[str, dict[str, dict[str, Any]]] = {
    "Item": {
        "pk": {"S": "USE_CASE#stroke"},
        "sk": {"S": "LIVE"},
        "use_case": {"S": "stroke"},
        "run_id": {"S": "stroke-0123456789"},
        "live_version": {"N": "3"},
        "previous_version": {"N": "2"},
        "model_name": {"S": "stroke-0123456789-model-0"},
        "package_arn": {"S": "arn:aws:sagemaker:eu-central-1:1:model-package/clinrisk-stroke/4"},
        "package_version": {"N": "4"},
        "threshold": {"N": "0.052"},
        "model_uri": {"S": "s3://lake/models/stroke/stroke-0123456789/xgboost/j/output/model.tar.gz"},
        "reference_uri": {"S": "s3://lake/training/stroke/stroke-0123456789/set/reference.json"},
        "evaluation_uri": {"S": "s3://lake/evaluation/stroke/stroke-0123456789/evaluation.json"},
        "feature_digest": {"S": "c" * 64},
        "digests": {"M": DIGESTS | {"image": {"S": "xgboost:3.2-0"}, "threshold": {"S": "0.052"}}},
        "approval_id": {"S": "ap-1"},
        "promoted_at": {"S": "2026-11-22T08:00:00.000Z"},
    }
}


FIT = {"verdict": "FIT", "cautions": [], "subject": "", "message": ""}
HELD = {"verdict": "HELD", "cautions": ["ca is empty."], "subject": "Held", "message": "ca is empty."}


def cast(**changes: Any) -> dict[str, Any]:
    answers = {
        "Resolve Live Model": LIVE,
        "Judge Batch": FIT,
        "Judge Risks": FIT,
        "Announce Held Batch": {"MessageId": "m"},
        "Find Shadow": {},
        "Score By Shadow": {"TransformJobStatus": "Completed"},
        "Compare With Champion": {"ProcessingJobStatus": "Completed"},
        "Record Shadow": {"announce": False, "subject": "Shadow", "message": "It failed."},
        "Announce Failed Shadow": {"MessageId": "m"},
        "Score By Champion": {"TransformJobStatus": "Completed"},
        "Present Results": {"ProcessingJobStatus": "Completed"},
        "Publish Results": {"scored_rows": 9, "subject": "Scored", "message": "9 patients."},
        "Announce Results": {"MessageId": "m"},
        "Explain Failure": explain,
        "Announce Failed Scoring": {"MessageId": "m"},
    }
    return answers | {name.replace("_", " "): answer for name, answer in changes.items()}


def test_a_batch_is_scored_by_the_live_model_and_published(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("scoring", BATCH).status == "SUCCEEDED"
    [score] = stage.stage.to("Score By Champion")
    assert score.arguments["ModelName"] == "stroke-0123456789-model-0"
    source = score.arguments["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == f"s3://lake/transform/{KEY}/"
    assert score.arguments["TransformOutput"]["S3OutputPath"] == f"s3://lake/scores/{KEY}/v3/"
    assert score.arguments["DataProcessing"] == {
        "InputFilter": "$[1:]",
        "JoinSource": "Input",
        "OutputFilter": "$[0,-1]",
    }


def test_the_live_pointer_alone_says_which_model(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("scoring", BATCH)
    [look] = stage.stage.to("Resolve Live Model")
    assert look.arguments["Key"] == {"pk": {"S": "USE_CASE#stroke"}, "sk": {"S": "LIVE"}}
    assert look.arguments["ConsistentRead"] is True


def test_results_are_presented_with_threshold_and_versions(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("scoring", BATCH)
    [present] = stage.stage.to("Present Results")
    assert present.arguments["Environment"] == {
        "USE_CASE": "stroke",
        "UPLOAD_ID": UPLOAD["upload_id"],
        "THRESHOLD": "0.052",
        "MODEL_VERSION": "3",
        "DATA_VERSION": UPLOAD["upload_id"],
        "ROWS_ACCEPTED": "9",
    }
    outputs = present.arguments["ProcessingOutputConfig"]["Outputs"]
    assert {output["OutputName"]: output["S3Output"]["S3Uri"] for output in outputs} == {
        "presented": f"s3://lake/presented/{KEY}/",
        "predictions": "s3://lake/predictions/stroke/",
        "score_profile": "s3://lake/score-profiles/stroke/",
    }


def test_publish_results_gets_what_it_asks_for(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("scoring", BATCH)
    [publish] = stage.stage.to("Publish Results")
    request = PublishRequest.model_validate(publish.payload)
    assert (request.run.live_version, request.run.threshold) == (3, 0.052)
    assert request.run.model_uri == score_uri()
    assert request.presented_uri == f"s3://lake/presented/{KEY}/"
    assert request.rows_accepted == 9


def score_uri() -> str:
    item: dict[str, dict[str, Any]] = LIVE["Item"]
    return str(item["model_uri"]["S"])


@pytest.mark.parametrize(
    ("batch", "model", "advice"),
    [
        (2, None, "When a model of the new contract is released, run: clinrisk score"),
        (2, 1, "When a model"),
        (None, 2, "Drop its file again"),
    ],
)
def test_a_batch_of_another_contract_than_the_models_is_refused_before_it_is_scored(
    scene: Setting, batch: int | None, model: int | None, advice: str
) -> None:
    kept = {} if model is None else {"schema_version": {"N": str(model)}}
    stage = scene(cast(Resolve_Live_Model={"Item": LIVE["Item"] | kept}))
    given = {} if batch is None else {"schema_version": batch}
    end = stage.run("scoring", BATCH | {"upload": UPLOAD | given})
    assert (end.status, end.error) == ("FAILED", "ContractChanged")
    assert stage.stage.states == ["Resolve Live Model", "Announce Failed Scoring"]
    message = stage.stage.calls[-1].arguments["Message"]
    assert f"read under version {batch or 1} of the contract of stroke" in message
    assert f"trained under version {model or 1}. {advice}" in message


def test_a_batch_of_the_models_own_later_contract_is_scored(scene: Setting) -> None:
    later = {"Item": LIVE["Item"] | {"schema_version": {"N": "2"}}}
    stage = scene(cast(Resolve_Live_Model=later))
    end = stage.run("scoring", BATCH | {"upload": UPLOAD | {"schema_version": 2}})
    assert end.status == "SUCCEEDED"


def test_a_batch_before_the_first_release_says_what_to_do(scene: Setting) -> None:
    stage = scene(cast(Resolve_Live_Model={}))
    end = stage.run("scoring", BATCH)
    assert (end.status, end.error) == ("FAILED", "NoLiveModel")
    assert stage.stage.states == ["Resolve Live Model", "Announce Failed Scoring"]
    assert "clinrisk score 0123456789abcdef0123" in stage.stage.calls[-1].arguments["Message"]


def test_a_failing_job_of_ours_publishes_nothing_and_says_why(scene: Setting) -> None:
    stage = scene(cast(Present_Results=failed_job("9 patients and 8 scores do not pair up.")))
    end = stage.run("scoring", BATCH)
    assert (end.error, end.cause) == ("JobFailed", "9 patients and 8 scores do not pair up.")
    assert "Publish Results" not in stage.stage.states


def test_a_failing_transform_publishes_nothing_and_quotes_no_row(scene: Setting) -> None:
    quoted = {"TransformJobStatus": "Failed", "FailureReason": "ClientError: cannot parse 63,typical angina"}
    stage = scene(cast(Score_By_Champion=ServiceError("States.TaskFailed", json.dumps(quoted))))
    end = stage.run("scoring", BATCH)
    assert (end.error, end.cause) == ("JobFailed", "The job ended with ClientError; its log says more.")
    assert "angina" not in str(stage.stage.to("Announce Failed Scoring"))
    assert "Publish Results" not in stage.stage.states


def test_a_transform_that_is_refused_is_tried_again_under_another_name(scene: Setting) -> None:
    throttled = ServiceError("SageMaker.AmazonSageMakerException", "Rate exceeded")
    stage = scene(cast(Score_By_Champion=[throttled, {}]))
    assert stage.run("scoring", BATCH).status == "SUCCEEDED"
    names = [call.arguments["TransformJobName"] for call in stage.stage.to("Score By Champion")]
    assert names == [f"stroke-{UPLOAD['upload_id']}-v3-{n}" for n in range(2)]
    assert all(len(name) <= 63 for name in names)


def test_a_table_that_is_throttled_is_asked_again(scene: Setting) -> None:
    throttled = ServiceError("DynamoDB.ThrottlingException")
    stage = scene(cast(Resolve_Live_Model=[throttled, LIVE]))
    assert stage.run("scoring", BATCH).status == "SUCCEEDED"


def test_a_table_that_is_gone_is_announced(scene: Setting) -> None:
    stage = scene(cast(Resolve_Live_Model=ServiceError("DynamoDB.ResourceNotFoundException")))
    assert stage.run("scoring", BATCH).error == "DynamoDB.ResourceNotFoundException"
    assert stage.stage.states[-1] == "Announce Failed Scoring"


def test_a_value_in_an_unexpected_error_is_not_mailed(scene: Setting) -> None:
    leaky = ServiceError("ComputeError", json.dumps({"errorMessage": "cannot parse '4711'"}))
    stage = scene(cast(Publish_Results=leaky))
    assert stage.run("scoring", BATCH).cause == "It ended with ComputeError."
    assert "4711" not in str(stage.stage.to("Announce Failed Scoring"))


def test_results_that_cannot_be_announced_are_not_silently_fine(scene: Setting) -> None:
    stage = scene(cast(Announce_Results=ServiceError("SNS.Down")))
    assert stage.run("scoring", BATCH).error == "ResultsUnannounced"


@pytest.mark.parametrize(
    ("where", "unseen"), [("Judge Batch", "Score By Champion"), ("Judge Risks", "Publish Results")]
)
def test_a_batch_that_is_held_is_not_published_and_both_hear_of_it(
    scene: Setting, where: str, unseen: str
) -> None:
    stage = scene(cast(**{where.replace(" ", "_"): HELD}))
    end = stage.run("scoring", BATCH)
    assert (end.status, end.error, end.cause) == ("FAILED", "BatchHeld", "Held")
    assert not {unseen, "Publish Results"} & set(stage.stage.states)
    [mail] = stage.stage.to("Announce Held Batch")
    assert mail.arguments["Message"] == "ca is empty."
    assert mail.arguments["MessageAttributes"]["audience"]["StringValue"] == '["operator", "data_manager"]'


def test_both_verdicts_travel_with_the_results(scene: Setting) -> None:
    caution = {**FIT, "verdict": "CAUTION", "cautions": ["Few rows."]}
    stage = scene(cast(Judge_Batch=caution))
    assert stage.run("scoring", BATCH).status == "SUCCEEDED"
    [publish] = stage.stage.to("Publish Results")
    columns, risks = PublishRequest.model_validate(publish.payload).judgements
    assert (columns.verdict, columns.cautions, risks.verdict) == ("CAUTION", ("Few rows.",), "FIT")
    asked = [JudgeBatchRequest.model_validate(stage.stage.to(name)[0].payload) for name in JUDGES]
    assert [one.about for one in asked] == ["columns", "risks"]
    assert {one.run.reference_uri for one in asked} == {LIVE["Item"]["reference_uri"]["S"]}


def test_another_attempt_has_jobs_of_other_names(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("scoring", BATCH | {"attempt": "let1f3b"}).status == "SUCCEEDED"
    [score] = stage.stage.to("Score By Champion")
    assert score.arguments["TransformJobName"].endswith("-v3-let1f3b-0")


def test_a_batch_whose_model_was_replaced_meanwhile_is_judged_and_scored_anew(scene: Setting) -> None:
    later = {"Item": LIVE["Item"] | {"live_version": {"N": "4"}}}
    published = {"scored_rows": 9, "subject": "Scored", "message": "9 patients."}
    stage = scene(
        cast(Resolve_Live_Model=[LIVE, later], Publish_Results=[ServiceError("ChampionChanged"), published])
    )
    assert stage.run("scoring", BATCH | {"attempt": "let1f3b"}).status == "SUCCEEDED"
    names = [call.arguments["TransformJobName"] for call in stage.stage.to("Score By Champion")]
    assert [name.partition("-v")[2] for name in names] == ["3-let1f3b-0", "4-let1f3b-0"]
    asked = [JudgeBatchRequest.model_validate(call.payload) for call in stage.stage.to("Judge Batch")]
    assert [one.run.live_version for one in asked] == [3, 4]
    assert [
        PublishRequest.model_validate(call.payload).run.live_version
        for call in stage.stage.to("Publish Results")
    ] == [3, 4]


def test_names_of_jobs_of_two_long_runs_differ(scene: Setting) -> None:
    found = set()
    for last in "12":
        stage = scene(cast(Find_Shadow={"Item": waiting("a" * 39 + last)}))
        assert stage.run("scoring", BATCH).status == "SUCCEEDED"
        [score], [compare] = (stage.stage.to(name) for name in ("Score By Shadow", "Compare With Champion"))
        found |= {score.arguments["TransformJobName"], compare.arguments["ProcessingJobName"]}
    assert len(found) == 4


def waiting(run_id: str) -> dict[str, dict[str, str]]:
    """Return the item of a candidate that waits for a decision."""
    strings = {"run_id": run_id, "model_name": "m", "model_uri": "s3://lake/m", "feature_digest": "c" * 64}
    numbers = {"threshold": "0.5", "expires_at": "9999999999"}
    return {name: {"S": one} for name, one in strings.items()} | {
        name: {"N": one} for name, one in numbers.items()
    }
