"""Messages are exact, immutable, and never repeat what they were given."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from clinrisk.core import object_keys
from clinrisk.messages import ingest, message, monitoring, release, scoring, training
from clinrisk.messages.ingest import RowCounts, Upload
from clinrisk.messages.message import Failure, Message, Reference
from clinrisk.messages.release import ApprovalRequest, LiveModel

UPLOAD = {
    "bucket": "inbox",
    "key": "inbox/heart/training/march.csv",
    "version_id": "v1",
    "size": 10,
    "use_case": "heart",
    "purpose": "training",
    "upload_id": "0" * 20,
    "sha256": "0" * 64,
}
MODULES = (message, ingest, training, release, scoring, monitoring)
EVERY = sorted(
    {
        value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Message)
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message.__name__)
def test_every_message_is_frozen_exact_and_silent(message: type[Message]) -> None:
    assert message.model_config["frozen"]
    assert message.model_config["extra"] == "forbid"
    assert message.model_config["hide_input_in_errors"]


def test_a_wrong_field_is_named_and_its_value_is_not() -> None:
    with pytest.raises(ValidationError) as error:
        Upload.model_validate(UPLOAD | {"sha256": "patient-4711", "note": "patient-4712"})
    assert "sha256" in str(error.value)
    assert "note" in str(error.value)
    assert "patient-471" not in str(error.value)


def test_a_message_survives_json() -> None:
    upload = Upload.model_validate(UPLOAD)
    assert Upload.model_validate_json(upload.model_dump_json()) == upload


@pytest.mark.parametrize("uri", ["https://lake/a", "s3://", "s3://lake/", "lake/a"])
def test_a_reference_names_an_object(uri: str) -> None:
    with pytest.raises(ValidationError):
        Reference(uri=uri, sha256="0" * 64)


def test_the_task_token_and_the_cause_of_an_error_are_not_shown() -> None:
    hashed = ("model", "manifest", "evaluation", "report", *object_keys.MODEL_CARD, "code", "features")
    digests = dict.fromkeys(hashed, "0" * 64) | {"champion_version": "0"}
    request = ApprovalRequest.model_validate(
        {
            "use_case": "heart",
            "run_id": "heart-1",
            "task_token": "a-secret",
            "package_arn": "arn",
            "package_version": 1,
            "digests": digests | {"image": "image", "threshold": "0.5"},
            "summary": "",
            "evaluation_uri": "s3://lake/evaluation.json",
            "report_uri": "s3://results/report.html",
        }
    )
    failure = Failure.model_validate({"Error": "KeyError", "Cause": "the cell 4711"})
    assert "a-secret" not in repr(request)
    assert "4711" not in repr(failure)


@pytest.mark.parametrize("threshold", [0, 1, -0.1, 1.5])
def test_a_live_models_threshold_is_a_probability(threshold: float) -> None:
    facts: dict[str, Any] = dict.fromkeys(LiveModel.model_fields, "x") | {"threshold": threshold}
    with pytest.raises(ValidationError) as error:
        LiveModel.model_validate(facts)
    assert "threshold" in str(error.value)


def test_counts_are_never_negative() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RowCounts).validate_python({"rows": 1, "accepted": 2, "quarantined": -1})
