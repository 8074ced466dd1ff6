"""Every events/<function>.<case>.json is run: as it stands, but for what only a running stack can know."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.core.object_keys import training_plan
from clinrisk.core.training.training_plan import TrainingPlan
from tests.integration.approval_request import RequestedApproval
from tests.integration.conftest import ROOT, Stack
from tests.integration.events import COVERED, EVENTS, FUNCTIONS, events_of, read_event
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import Ingest, heart_csv, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.trained_candidate import RUN, TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from collections.abc import Callable

# What a stack makes up as it runs: versions, digests, ids, tokens, addresses.
MADE = {
    "version_id", "upload_id", "sha256", "uri", "package_arn", "approval_id", "code_digest", "task_token",
    "rawQueryString", "rawPath", "path", "body", "ResponseURL", "presented_uri", "model", "manifest",
    "evaluation", "report", "model_card", "model_card_chai", "model_card_hti1", "code", "features",
}  # fmt: skip
FILES: dict[str, tuple[str, bytes]] = {
    "heart_training": ("inbox/heart/training/2026-03-01.csv", heart_csv(150)),
    "stroke_inference": ("inbox/stroke/inference/ward 7+8.csv", stroke_batch(20)),
    "unknown_use_case": ("inbox/hart/training/2026-03-01.csv", heart_csv(5)),
    "wrong_header": ("inbox/stroke/training/2026-03-01.csv", heart_csv(5)),
    "folder_marker": ("inbox/heart/training/", b""),
}
# What each answer holds: a value, or something (`bool`) that the stack makes up.
EXPECTED: dict[str, dict[str, Any]] = {
    "claim_upload.heart_training": {"disposition": "CLAIMED"},
    "claim_upload.stroke_inference": {"disposition": "CLAIMED"},
    "claim_upload.unknown_use_case": {"disposition": "REJECTED"},
    "claim_upload.wrong_header": {"disposition": "REJECTED"},
    "claim_upload.folder_marker": {"disposition": "IGNORED"},
    "plan_chunks.heart_training": {
        "refused": False,
        "large": False,
        "header": list(use_cases.get("heart").header),
    },
    "plan_chunks.stroke_inference": {"large": False, "header": list(use_cases.get("stroke").header[:-1])},
    "build_features.heart_training": {"index": 0},
    "build_features.stroke_inference": {"index": 0},
    "reconcile_chunks.heart_training": {"used": True, "finish": True},
    "write_features.heart_training": {"index": 0},
    "write_features.stroke_inference": {"index": 0},
    "commit_upload.heart_training": {"disposition": "ACCEPTED", "rows_accepted": 150, "train": True},
    "commit_upload.stroke_inference": {"disposition": "ACCEPTED", "rows_accepted": 20, "train": False},
    "park_upload.claimed": {"reason": bool, "subject": bool},
    "park_upload.unclaimed": {"reason": bool, "subject": bool},
    "plan_training.heart": {"expected_rows": 150, "plan": bool, "champion": None},
    "plan_evaluation.heart": {"expected_rows": 303, "champion": None},
    "request_approval.heart": {"approval_id": bool},
    "expire_approval.heart": {"reason": "Nobody decided in time."},
    "judge_candidate.above_the_bar": {"verdict": "APPROVABLE"},
    "judge_candidate.below_the_bar": {"verdict": "BLOCKED"},
    "decide_approval.look": {"statusCode": 200},
    "decide_approval.approve": {"statusCode": 200},
    "decide_approval.reject": {"statusCode": 200},
    "decide_approval.forged": {"statusCode": 403},
    "promote_candidate.heart": {"live_version": 1},
    "publish_results.stroke": {"scored_rows": 20},
    "explain_failure.job": {
        "reason": "50 patients and 49 scores do not pair up one to one.",
        "ending": "JobFailed",
    },
    "explain_failure.too_little_data": {"reason": "12 of 200 rows.", "ending": "NotEnoughData"},
}


def claimed(stack: Stack, case: str) -> tuple[Ingest, dict[str, Any]]:
    """Drop the case's file and claim it."""
    FakeFeatureStore().install()
    ingest = Ingest.of(stack, *FILES.get(case, FILES["heart_training"]))
    return ingest, ingest.claim()["upload"]


def claim_upload(stack: Stack, case: str) -> Any:
    return Ingest.of(stack, *FILES[case]).claim_event


def plan_chunks(stack: Stack, case: str) -> Any:
    return {"upload": claimed(stack, case)[1]}


def build_features(stack: Stack, case: str) -> Any:
    upload = claimed(stack, case)[1]
    plan = stack.call("plan_chunks", {"upload": upload})
    return {"upload": upload, "header": plan["header"], "chunk": plan["chunks"][0]}


def reconcile_chunks(stack: Stack, case: str) -> Any:
    event = build_features(stack, case)
    stack.call("build_features", event)
    return {"upload": event["upload"]}


def write_features(stack: Stack, case: str) -> Any:
    event = build_features(stack, case)
    stack.call("build_features", event)
    stack.call("reconcile_chunks", {"upload": event["upload"]})
    return event | {"used": True}


def commit_upload(stack: Stack, case: str) -> Any:
    ingest, upload = claimed(stack, case)
    return ingest.build(upload)


def park_upload(stack: Stack, case: str) -> Any:
    ingest, upload = claimed(stack, case)
    event = {name: ingest.claim_event[name] for name in ("bucket", "key", "version_id")}
    error = {"Error": "", "Cause": ""}
    return event | {"error": error, "upload": upload if case == "claimed" else None}


def plan_training(stack: Stack, _case: str) -> Any:
    FakeFeatureStore().install()
    Ingest.of(stack, *FILES["heart_training"]).run()
    return {"use_case": "heart", "run_id": "", "reason": ""}


def plan_evaluation(stack: Stack, _case: str) -> Any:
    planned = TrainingPlan("heart", RUN, "2026-01-31T12:00:00.000Z", ("a",), "0" * 64, expected_rows=303)
    stack.put("lake", training_plan("heart", RUN), json.dumps(planned.to_dict()).encode())
    for model in ("xgboost", "logistic"):
        stack.put("lake", f"models/heart/{RUN}/{model}/{RUN}-{model}-0/output/model.tar.gz", b"model")
    return {"use_case": "heart", "run_id": RUN}


def judge_candidate(stack: Stack, case: str) -> Any:
    return TrainedCandidate(stack, auc=0.9 if case == "above_the_bar" else 0.7).judge_event()


def request_approval(stack: Stack, _case: str) -> Any:
    candidate = TrainedCandidate(stack)
    judgement = stack.call("judge_candidate", candidate.judge_event())
    return candidate.approval_event(judgement, candidate.register(judgement), "token")


def expire_approval(stack: Stack, _case: str) -> Any:
    return {"use_case": "heart", "run_id": RequestedApproval(stack).candidate.run_id}


def explain_failure(_stack: Stack, case: str) -> Any:
    return read_event(f"explain_failure.{case}")


def decide_approval(stack: Stack, case: str) -> Any:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    answers = {
        "approve": ("approve", asked.carry()),
        "reject": ("reject", asked.carry()),
        "forged": ("approve", {"shown": "0", "nonce": "0"}),
    }
    form = None
    if case in answers:
        decision, carried = answers[case]
        form = {"decision": decision, "version": "1", "reason": "A reason long enough."} | carried
        form["code"] = asked.phone.code()
    path = f"/approvals/{asked.approval_id}"
    event = asked.event("GET" if form is None else "POST", form=form)
    event["requestContext"]["http"]["path"] = path
    return event | {"rawPath": path}


def promote_candidate(stack: Stack, _case: str) -> Any:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    asked.answer()
    return asked.candidate.promote_event(asked.judgement, asked.package, asked.approval_id)


def publish_results(stack: Stack, _case: str) -> Any:
    upload, _ = Ingest.of(stack, *FILES["stroke_inference"]).run()
    return publish_event(stack, upload)


# Each function above that is named as a Lambda function prepares what that one's events need.
PREPARED: dict[str, Callable[[Stack, str], Any]] = {
    name: prepare for name, prepare in globals().items() if name in FUNCTIONS
}


def overlay(written: Any, made: Any, name: str = "") -> Any:
    """Return the written event with what only the stack can know."""
    if isinstance(written, dict) and isinstance(made, dict):
        return {key: overlay(value, made.get(key, value), key) for key, value in written.items()}
    if isinstance(written, list) and isinstance(made, list):
        return [overlay(one, other, name) for one, other in zip(written, made, strict=True)]
    return made if name in MADE else written


@pytest.mark.parametrize("name", events_of(*PREPARED))
def test_an_event_is_answered_as_its_name_promises(stack: Stack, name: str) -> None:
    function, _, case = name.partition(".")
    given = overlay(read_event(name), PREPARED[function](stack, case))
    answer = stack.call(function, given)
    for key, expected in EXPECTED[name].items():
        assert expected(answer[key]) if callable(expected) else answer[key] == expected, key


@pytest.mark.parametrize("name", events_of("publish_job_code"))
def test_a_deployment_event_is_answered(
    stack: Stack, name: str, cloudformation: tuple[str, list[dict[str, Any]]]
) -> None:
    address, answers = cloudformation
    stack.call("publish_job_code", read_event(name) | {"ResponseURL": address})
    assert answers[0]["Status"] == "SUCCESS"
    assert len(stack.keys("lake")) == (0 if name.endswith(".delete") else 1)


def test_every_function_has_an_event_and_every_event_is_run_by_some_test() -> None:
    for path in sorted((ROOT / "tests/integration").glob("*/test_*.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert {name.partition(".")[0] for name in EVENTS} == FUNCTIONS
    assert COVERED == FUNCTIONS
