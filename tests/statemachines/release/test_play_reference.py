"""The release workflow, played for the reference of a model that is not ours: asked, accepted, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.messages.release import EvaluateReferenceRequest, PromoteRequest
from tests.statemachines.calls import ServiceError
from tests.statemachines.release.test_play_release import DIGESTS, cast, message

if TYPE_CHECKING:
    from tests.statemachines.interpreter import Ending, Scene
    from tests.statemachines.release.test_play_release import Setting

RUN = "readmission-0123456789"
ASKED = {
    "change": "ACCEPT_REFERENCE",
    "use_case": "readmission",
    "run_id": RUN,
    "cohort": "Discharges of January",
    "uploads": [],
    "person": "arn:aws:iam::123456789012:user/operator",
}
FOLDER = f"s3://lake/candidates/readmission/{RUN}"
REFERENCE = {
    "use_case": "readmission",
    "run_id": RUN,
    "package_arn": "",
    "package_version": 1,
    "model_name": "",
    "digests": DIGESTS | {"model_card": "", "model_card_chai": "", "model_card_hti1": ""},
    "threshold": 0.2,
    "summary": "AUC .70",
    "unmet": [],
    "model_uri": f"{FOLDER}/model.json",
    "reference_uri": f"{FOLDER}/reference.json",
    "evaluation_uri": f"{FOLDER}/evaluation.json",
    "report_uri": f"s3://results/reports/readmission/{RUN}/report.html",
    "asked_by": ASKED["person"],
}
OF_OUR_MODELS = {
    "Create Shadow Model",
    "Name Shadow",
    "Mark Approved",
    "Withdraw Candidate",
}


def played(scene: Setting, **changes: Any) -> tuple[Scene, Ending]:
    """Play the workflow; it never touches what only models of ours have."""
    stage = scene(cast(**{"Evaluate_Reference": REFERENCE} | changes))
    ending = stage.run("release", ASKED, RUN)
    assert not OF_OUR_MODELS & set(stage.stage.states)
    return stage, ending


def test_an_accepted_reference_is_released_without_shadow_and_registry(scene: Setting) -> None:
    played_scene, ending = played(scene)
    stage = played_scene.stage
    assert ending.status == "SUCCEEDED"
    assert stage.states == [
        *("Evaluate Reference", "Await Approval", "Verify Answer", "Retire Shadow"),
        *("Promote Candidate", "Announce Promotion", "Write Card"),
    ]
    [evaluated], [promoted] = stage.to("Evaluate Reference"), stage.to("Promote Candidate")
    asked = EvaluateReferenceRequest.model_validate(evaluated.payload)
    assert (asked.cohort, asked.asked_by) == (ASKED["cohort"], ASKED["person"])
    assert PromoteRequest.model_validate(promoted.payload).model_uri == REFERENCE["model_uri"]


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        (
            {"Await_Approval": ServiceError("ApprovalRejected", "Version 1 was rejected.")},
            "CandidateRejected",
        ),
        ({"Promote_Candidate": ServiceError("EvidenceChanged", "The report changed.")}, "EvidenceChanged"),
        ({"Evaluate_Reference": ServiceError("NotEnoughData", "No outcome counts yet.")}, "NotEnoughData"),
    ],
)
def test_whatever_keeps_a_reference_from_being_accepted_is_mailed(
    scene: Setting, changes: dict[str, Any], ending: str
) -> None:
    stage, ended = played(scene, **changes)
    assert (ended.status, ended.error) == ("FAILED", ending)
    assert "clinrisk live readmission" in message(stage)
