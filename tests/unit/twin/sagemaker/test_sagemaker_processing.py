"""Processing jobs keep AWS's container contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from twin.sagemaker.api_errors import SageMakerError

CODE = """
import json, os, pathlib, sys, time
root = pathlib.Path(os.environ["CLINRISK_ML_ROOT"])
what = sys.argv[1]
if what == "process":
    out = root / "processing/output/set"
    (out / "deep").mkdir()
    config = json.loads((root / "config/processingjobconfig.json").read_text())
    (out / "deep/seen.json").write_text(json.dumps([config["ProcessingJobName"], os.environ["USE_CASE"]]))
    (out / "copy.csv").write_text((root / "processing/input/data/a.csv").read_text())
if what == "fail":
    (root / "processing/output/set/half.csv").write_text("1")
    if len(sys.argv) > 2:
        (root / "output").mkdir(exist_ok=True)
        (root / "output/message").write_text(sys.argv[2])
    sys.exit(1)
if what == "wait":
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def code(lake: Any) -> None:
    lake.put("code/main.py", CODE)


def finished(sagemaker: Any, request: dict[str, Any]) -> dict[str, Any]:
    name = request["ProcessingJobName"]
    sagemaker.handle("CreateProcessingJob", request)
    assert sagemaker.processing.wait(name, 120)
    found: dict[str, Any] = sagemaker.handle("DescribeProcessingJob", {"ProcessingJobName": name})
    return found


def test_inputs_come_down_and_outputs_go_up_at_the_end(
    sagemaker: Any, lake: Any, processing_request: Any
) -> None:
    uri = lake.put("in/a.csv", "1,2\n")
    request = processing_request("p1", Environment={"USE_CASE": "heart"})
    data = {
        "S3Uri": uri,
        "LocalPath": "/opt/ml/processing/input/data",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    request["ProcessingInputs"].append({"InputName": "data", "S3Input": data})
    done = finished(sagemaker, request)
    assert done["ProcessingJobStatus"] == "Completed", done
    assert lake.keys("set/") == ["set/copy.csv", "set/deep/seen.json"]
    assert json.loads(lake.get("set/deep/seen.json")) == ["p1", "heart"]


def test_a_failing_job_uploads_nothing_and_has_a_reason(
    sagemaker: Any, lake: Any, processing_request: Any
) -> None:
    done = finished(sagemaker, processing_request("p1", "fail", "the plan names no uploads"))
    assert done["ProcessingJobStatus"] == "Failed"
    assert done["ExitMessage"] == "the plan names no uploads"
    assert done["FailureReason"] == "AlgorithmError: the plan names no uploads, exit code: 1"
    silent = finished(sagemaker, processing_request("p2", "fail"))
    assert silent["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 1"
    assert lake.keys("set/") == []


def test_a_job_over_its_time_is_stopped(sagemaker: Any, lake: Any, processing_request: Any) -> None:
    assert (
        finished(sagemaker, processing_request("p1", "wait", seconds=1))["ProcessingJobStatus"] == "Stopped"
    )
    assert lake.keys("set/") == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda r: r["ProcessingOutputConfig"]["Outputs"][0]["S3Output"].update(S3UploadMode="Continuous"),
            "set",
        ),
        (lambda r: r["ProcessingInputs"][0]["S3Input"].update(S3DataType="ManifestFile"), "code"),
        (lambda r: r["AppSpecification"].pop("ContainerEntrypoint"), "ContainerEntrypoint"),
    ],
)
def test_what_the_twin_cannot_move_is_refused_by_name(
    sagemaker: Any, processing_request: Any, change: Any, named: str
) -> None:
    request = processing_request("p1")
    change(request)
    with pytest.raises(SageMakerError, match=f"does not implement.*{named}"):
        sagemaker.handle("CreateProcessingJob", request)
