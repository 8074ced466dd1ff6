"""What is live is held against the signed decision before a batch is scored and before its risks go out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import dynamodb
from clinrisk.core import object_keys
from clinrisk.errors import ChampionChanged, DecisionForged, ReleaseAltered
from tests.integration.events import read_event
from tests.integration.inbox_files import Ingest, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.scored_batches import LAKE, RUN, ScoredBatches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

USES: dict[str, Callable[[Stack], Any]] = {
    "judge its columns": lambda stack: stack.call("judge_batch", read_event("judge_batch.like_training")),
    "judge its risks": lambda stack: stack.call("judge_batch", read_event("judge_batch.risks")),
    "monitor it": lambda stack: stack.call("select_batches", {"use_case": "heart"}),
}


def change_pointer(stack: Stack, use_case: str = "heart", **changes: Any) -> None:
    """Write into the live pointer, as somebody with rights on the table could."""
    key = (f"USE_CASE#{use_case}", "LIVE")
    table = stack.environment["DEPLOYMENTS_TABLE"]
    item = dynamodb.read(table, key)
    assert item is not None
    dynamodb.write(table, item | changes)


@pytest.mark.parametrize("use", USES)
def test_what_was_approved_is_used(stack: Stack, use: str) -> None:
    ScoredBatches(stack)
    USES[use](stack)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("file", ["model.tar.gz", "reference.json", "evaluation.json"])
def test_other_bytes_than_those_that_were_approved_are_not_used(stack: Stack, use: str, file: str) -> None:
    ScoredBatches(stack)
    key = object_keys.candidate("heart", RUN, file)
    approved = stack.read(f"s3://{LAKE}/{key}")
    stack.put("lake", key, bytes([approved[0] ^ 1]) + approved[1:])
    with pytest.raises(ReleaseAltered, match=f"the {file.partition('.')[0]} has other bytes"):
        USES[use](stack)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"threshold": 0.9}, "the threshold is another"),
        ({"model_name": "another"}, "the served model is read from elsewhere"),
        ({"model_name": "another-image"}, "the served model runs another image"),
        ({"feature_digest": "1" * 64}, "the features are others"),
        ({"live_version": 2}, "the version does not follow"),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_a_pointer_that_was_edited_is_not_followed(
    stack: Stack, use: str, changes: dict[str, Any], why: str
) -> None:
    ScoredBatches(stack)
    live = f"s3://{LAKE}/{object_keys.candidate('heart', RUN, 'model.tar.gz')}"
    for name, image, address in (("another", "image", "s3://elsewhere/m"), ("another-image", "other", live)):
        stack.sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::123456789012:role/serve",
            PrimaryContainer={"Image": image, "ModelDataUrl": address},
        )
    change_pointer(stack, **changes)
    with pytest.raises((ReleaseAltered, ChampionChanged), match=f"{why}|went live while"):
        USES[use](stack)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "heart-9999999999"},
        {"package_version": 7},
        {"approval_id": "another"},
        {"decision": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_pointer_whose_decision_does_not_hold_is_not_followed(
    stack: Stack, use: str, changes: dict[str, Any]
) -> None:
    ScoredBatches(stack)
    change_pointer(stack, **changes)
    with pytest.raises(DecisionForged):
        USES[use](stack)


def test_digests_that_were_written_to_fit_other_bytes_are_not_those_that_were_signed(stack: Stack) -> None:
    ScoredBatches(stack)
    stack.put("lake", object_keys.candidate("heart", RUN, "model.tar.gz"), b"another model")
    item = dynamodb.read(stack.environment["DEPLOYMENTS_TABLE"], ("USE_CASE#heart", "LIVE"))
    assert item is not None
    change_pointer(stack, digests={**item["digests"], "model": "9" * 64})
    with pytest.raises(DecisionForged):
        USES["judge its columns"](stack)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model_uri": "s3://elsewhere/model.tar.gz"}, ReleaseAltered),
        ({"model_name": "model-1"}, ReleaseAltered),
        ({"threshold": 0.9}, ReleaseAltered),
        ({"live_version": 2}, ChampionChanged),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_batch_that_was_scored_by_anything_else_is_not_published(
    stack: Stack, changes: dict[str, Any], error: type[Exception]
) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    with pytest.raises(error):
        stack.call("publish_results", event | {"run": event["run"] | changes})
    assert not [key for key in stack.keys("results") if key.startswith("results/")]


def test_nothing_is_published_from_altered_bytes(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    stack.put("lake", object_keys.candidate("stroke", "stroke-0123456789", "model.tar.gz"), b"inverted")
    with pytest.raises(ReleaseAltered, match="the model has other bytes"):
        stack.call("publish_results", event)
    assert not [key for key in stack.keys("results") if key.startswith("results/")]
