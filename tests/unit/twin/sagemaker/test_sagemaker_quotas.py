"""The account runs no more jobs at once than its quotas say, and refuses the next one in AWS's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from twin.quotas import DEFAULTS, QuotaError, Quotas, parse
from twin.sagemaker.api_errors import SageMakerError

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import os, pathlib, sys, time
if sys.argv[1] == "wait": time.sleep(600)
if sys.argv[1] == "train":
    (pathlib.Path(os.environ["CLINRISK_ML_ROOT"]) / "model/m").write_text("m")
"""


@pytest.fixture(autouse=True)
def _code(lake: Any) -> None:
    lake.put("code/main.py", CODE)


def refusal(sagemaker: Any, operation: str, body: dict[str, Any]) -> SageMakerError:
    with pytest.raises(SageMakerError) as caught:
        sagemaker.handle(operation, body)
    return caught.value


def test_the_next_job_is_refused_until_one_has_ended(
    sagemaker: Any, training_request: Any, quotas: dict[str, int]
) -> None:
    quotas["training"] = 1
    sagemaker.handle("CreateTrainingJob", training_request("first", "wait"))
    refused = refusal(sagemaker, "CreateTrainingJob", training_request("second"))
    assert (refused.code, refused.status) == ("ResourceLimitExceeded", 400)
    assert refused.message.startswith(
        "The account-level service limit 'ml.m5.large for training job usage' is 1 Instances,"
        " with current utilization of 1 Instances and a request delta of 1 Instances."
    )
    known = sagemaker.handle("ListTrainingJobs", {})["TrainingJobSummaries"]
    assert [each["TrainingJobName"] for each in known] == ["first"]

    sagemaker.handle("StopTrainingJob", {"TrainingJobName": "first"})
    assert sagemaker.training.wait("first", 60)
    # The name of a refused job is not used up.
    sagemaker.handle("CreateTrainingJob", training_request("second"))
    assert sagemaker.training.wait("second", 60)


def test_each_kind_has_its_own_quota_which_may_change_at_any_time(
    sagemaker: Any, training_request: Any, processing_request: Any, quotas: dict[str, int]
) -> None:
    quotas["processing"] = 0
    sagemaker.handle("CreateTrainingJob", training_request("t", "wait"))
    refused = refusal(sagemaker, "CreateProcessingJob", processing_request("p"))
    assert "'ml.m5.large for processing job usage' is 0 Instances" in refused.message
    quotas["processing"] = 1
    sagemaker.handle("CreateProcessingJob", processing_request("p"))
    assert sagemaker.processing.wait("p", 60)


def test_quotas_are_kept_in_a_file_and_given_by_name(tmp_path: Path) -> None:
    quotas = Quotas(tmp_path / "quotas.json")
    assert quotas.all() == DEFAULTS
    quotas.change(parse(["transform=0", "lambda=10"]))
    quotas.change(parse(["transform=1"]))
    assert Quotas(tmp_path / "quotas.json").all() == DEFAULTS | {"transform": 1, "lambda": 10}


@pytest.mark.parametrize("entry", ["transform", "transform=", "transform=-1", "tuning=1", "lambda=1.5", ""])
def test_what_is_no_quota_is_refused_with_those_that_there_are(entry: str) -> None:
    with pytest.raises(QuotaError, match="twin quota training=4 processing=2 transform=2 lambda=1000"):
        parse([entry])
