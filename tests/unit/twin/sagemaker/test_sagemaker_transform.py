"""Batch transform follows the serving rules of the image's own server."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from twin.sagemaker.api_errors import JobFailure, SageMakerError
from twin.sagemaker.jobs.column_filters import compile_filter

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
MATRIX = np.random.default_rng(0).normal(size=(200, 3))


def booster(seed: int = 0) -> xgboost.Booster:
    """A model that knows its features' names, as ours do; a request never names them."""
    labels = (MATRIX[:, seed] > 0).astype(int)
    data = xgboost.DMatrix(MATRIX, labels, feature_names=["age", "sex", "bmi"])
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, 5)


def predicted(matrix: Any, model: xgboost.Booster | None = None) -> Any:
    return (model or booster()).predict(xgboost.DMatrix(np.asarray(matrix)), validate_features=False)


def saved(model: xgboost.Booster) -> bytes:
    return bytes(model.save_raw("ubj"))


def model_archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


@pytest.fixture
def transform(sagemaker: Any, lake: Any) -> Any:
    """Score `rows` with the files of a model archive; gives the Describe output."""

    def run(name: str, files: dict[str, bytes], rows: str, **changes: Any) -> dict[str, Any]:
        data = lake.put(f"models/{name}/model.tar.gz", model_archive(files))
        uri = lake.put("in/batch.csv", rows)
        container = {"Image": "sagemaker-xgboost", "ModelDataUrl": data}
        model = {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
        sagemaker.handle("CreateModel", model)
        request = {
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {
                "ContentType": "text/csv",
                "SplitType": "Line",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
            },
            "TransformOutput": {"S3OutputPath": f"s3://lake/out/{name}", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
        }
        sagemaker.handle("CreateTransformJob", request | changes)
        assert sagemaker.transform.wait(name, 60)
        found: dict[str, Any] = sagemaker.handle("DescribeTransformJob", {"TransformJobName": name})
        return found

    return run


def rows_of(matrix: Any) -> str:
    return "".join(f"id-{n},{','.join(map(str, row))}\n" for n, row in enumerate(matrix.tolist()))


def scores(lake: Any, name: str) -> dict[str, float]:
    lines = lake.get(f"out/{name}/batch.csv.out").decode().splitlines()
    return {line.split(",")[0]: float(line.split(",")[1]) for line in lines}


def test_every_record_is_scored_in_order_and_joined_to_its_own_id(transform: Any, lake: Any) -> None:
    files = {"xgboost-model": saved(booster()), "clinrisk/model.json": b"{}", ".hidden": b"x"}
    done = transform("m1", files, rows_of(MATRIX))
    assert done["TransformJobStatus"] == "Completed", done
    found = scores(lake, "m1")
    assert list(found) == [f"id-{n}" for n in range(200)]
    expected = predicted(MATRIX)
    assert np.allclose(list(found.values()), expected, atol=1e-7)


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_empty_fields_are_missing_and_batching_changes_nothing(
    transform: Any, lake: Any, strategy: str
) -> None:
    rows = "a,,1.0,2.0\r\nb,0.5,,\n"
    transform("m1", {"xgboost-model": saved(booster())}, rows, BatchStrategy=strategy)
    expected = predicted([[np.nan, 1, 2], [0.5, np.nan, np.nan]])
    assert np.allclose(list(scores(lake, "m1").values()), expected, atol=1e-7)


def test_payloads_are_split_at_the_limit_and_put_together_again(
    transform: Any, lake: Any, platform: Any, sagemaker: Any
) -> None:
    matrix = np.random.default_rng(1).normal(size=(30_000, 3))
    seen: list[int] = []
    requests = sagemaker.transform._requests

    def counting(*arguments: Any) -> Any:
        names = requests(*arguments)
        seen.append(len(names))
        return names

    sagemaker.transform._requests = counting
    transform("m1", {"xgboost-model": saved(booster())}, rows_of(matrix), MaxPayloadInMB=1)
    assert seen == [2]
    assert np.allclose(list(scores(lake, "m1").values()), predicted(matrix), atol=1e-7)


def test_too_few_columns_are_scored_silently_and_too_many_are_refused(transform: Any, lake: Any) -> None:
    assert transform("few", {"m": saved(booster())}, "a,1.0,2.0\n")["TransformJobStatus"] == "Completed"
    expected = predicted([[1.0, 2.0]])
    assert scores(lake, "few") == pytest.approx({"a": expected[0]})
    many = transform("many", {"m": saved(booster())}, "a,1,2,3,4\n")
    assert many["TransformJobStatus"] == "Failed"
    assert "does not take 4 columns" in many["FailureReason"]
    assert lake.keys("out/many") == []


def test_a_second_booster_changes_the_scores_as_the_server_averages(transform: Any, lake: Any) -> None:
    transform("m1", {"a": saved(booster(0)), "b": saved(booster(1))}, rows_of(MATRIX))
    expected = (predicted(MATRIX, booster(0)) + predicted(MATRIX, booster(1))) / 2
    assert np.allclose(list(scores(lake, "m1").values()), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"xgboost-model": b"not a booster"}, "xgboost-model is not a booster"),
        ({"deep/xgboost-model": b"x"}, "no file at the top level"),
    ],
)
def test_a_model_that_does_not_load_fails_the_job(
    transform: Any, files: dict[str, bytes], reason: str
) -> None:
    done = transform("m1", files, "a,1,2,3\n")
    assert done["TransformJobStatus"] == "Failed"
    assert reason in done["FailureReason"]


def test_a_second_file_next_to_the_model_breaks_it(transform: Any) -> None:
    done = transform("m1", {"xgboost-model": saved(booster()), "metadata.json": b"{}"}, "a,1,2,3\n")
    assert "metadata.json is not a booster" in done["FailureReason"]


def test_a_field_that_is_no_number_fails_without_being_shown(transform: Any, log_lines: Any) -> None:
    done = transform("m1", {"m": saved(booster())}, "a,1,2,Smith\n")
    assert "a field is not a number" in done["FailureReason"]
    assert "Smith" not in str(done) + str(log_lines("/aws/sagemaker/TransformJobs"))


def test_without_filters_and_joins_only_the_predictions_come_out(transform: Any, lake: Any) -> None:
    transform("m1", {"m": saved(booster())}, "1,2,3\n4,5,6\n", DataProcessing={})
    lines = lake.get("out/m1/batch.csv.out").decode().splitlines()
    expected = predicted([[1, 2, 3], [4, 5, 6]])
    assert np.allclose([float(line) for line in lines], expected, atol=1e-7)


def test_jobs_for_unknown_models_and_impossible_joins_are_refused(transform: Any, sagemaker: Any) -> None:
    with pytest.raises(SageMakerError, match="JoinSource"):
        transform("m1", {"m": saved(booster())}, "1\n", TransformOutput={"S3OutputPath": "s3://lake/out"})
    request = {"ModelName": "nope", "TransformJobName": "x"}
    request |= {"TransformOutput": {"S3OutputPath": "s3://lake/o"}}  # type: ignore[dict-item]
    with pytest.raises(SageMakerError, match="TransformInput is required"):
        sagemaker.handle("CreateTransformJob", request)


@pytest.mark.parametrize("path", ["$.a", "$[a]", "$[]", "0", "$[0][1]"])
def test_filters_that_are_not_for_csv_are_refused(path: str) -> None:
    with pytest.raises(SageMakerError, match="filter"):
        compile_filter(path)


def test_a_filter_that_names_a_missing_column_fails_the_job() -> None:
    with pytest.raises(JobFailure, match="record of 2"):
        compile_filter("$[5]")(["a", "b"])


def test_a_model_needs_its_data_a_role_and_a_free_name(sagemaker: Any, lake: Any) -> None:
    container = {"Image": "x", "ModelDataUrl": "s3://lake/nowhere/model.tar.gz"}
    request = {"ModelName": "m1", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    with pytest.raises(SageMakerError, match="Could not find model data"):
        sagemaker.handle("CreateModel", request)
    lake.put("nowhere/model.tar.gz", b"x")
    with pytest.raises(SageMakerError, match="ExecutionRoleArn"):
        sagemaker.handle("CreateModel", {k: v for k, v in request.items() if k != "ExecutionRoleArn"})
    arn = sagemaker.handle("CreateModel", request)["ModelArn"]
    assert arn.endswith(":model/m1")
    with pytest.raises(SageMakerError, match="already existing"):
        sagemaker.handle("CreateModel", request)
    assert sagemaker.handle("DescribeModel", {"ModelName": "m1"})["PrimaryContainer"] == container
    assert [m["ModelName"] for m in sagemaker.handle("ListModels", {})["Models"]] == ["m1"]
    sagemaker.handle("DeleteModel", {"ModelName": "m1"})
    with pytest.raises(SageMakerError, match="Could not find model"):
        sagemaker.handle("DescribeModel", {"ModelName": "m1"})


@pytest.mark.parametrize("program", ["transform_server", "xgboost_training"])
def test_a_program_of_the_images_needs_nothing_of_the_project(program: str) -> None:
    text = (Path(__file__).parents[4] / f"twin/sagemaker/jobs/programs/{program}.py").read_text()
    imports = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imports <= {"json", "sys", "pathlib", "typing", "numpy", "pyarrow", "xgboost"}


def test_its_start_and_its_end_are_announced_in_the_words_of_its_description(
    transform: Any, events: list[tuple[str, dict[str, Any]]]
) -> None:
    tags = [{"Key": "use_case", "Value": "heart"}]
    described = transform("m1", {"xgboost-model": saved(booster())}, "a,1,2,3\n", Tags=tags)
    assert {kind for kind, _ in events} == {"SageMaker Transform Job State Change"}
    begun, ended = (detail for _, detail in events)
    assert [begun["TransformJobStatus"], ended["TransformJobStatus"]] == ["InProgress", "Completed"]
    assert "TransformEndTime" not in begun
    assert ended["TransformInput"] == described["TransformInput"]
    assert ended["TransformEndTime"] == int(described["TransformEndTime"] * 1000)
    assert ended["Tags"] == {"use_case": "heart"}
