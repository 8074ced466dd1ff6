"""Training jobs keep AWS's container contract."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from typing import Any

import pytest

from twin.sagemaker.api_errors import SageMakerError

CODE = """
import json, os, pathlib, sys, time
root = pathlib.Path(os.environ["CLINRISK_ML_ROOT"])
what = sys.argv[1]
if what == "train":
    config = {path.stem: json.loads(path.read_text()) for path in (root / "input/config").iterdir()}
    seen = {"environment": dict(os.environ), "arguments": sys.argv[1:], "cwd": os.getcwd(), "config": config}
    data = root / "input/data"
    seen["channels"] = sorted(str(path.relative_to(data)) for path in data.rglob("*.csv"))
    (root / "model/xgboost-model").write_text("booster")
    (root / "model/clinrisk").mkdir()
    (root / "model/clinrisk/model.json").write_text("{}")
    (root / "output/data/seen.json").write_text(json.dumps(seen))
    print("one line"); print("another", file=sys.stderr)
if what == "fail":
    (root / "output/failure").write_text(sys.argv[2] * int(sys.argv[3]))
    sys.exit(3)
if what == "wait":
    if len(sys.argv) > 2:
        (root / "model/xgboost-model").write_text("so far")
    print("waiting", flush=True)
    time.sleep(600)
if what == "killed":
    import signal
    os.kill(os.getpid() if sys.argv[2] == "job" else os.getppid(), signal.SIGKILL)
    time.sleep(600)
if what == "fork":
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(child.pid, flush=True)
"""


@pytest.fixture(autouse=True)
def code(lake: Any) -> None:
    lake.put("code/main.py", CODE)


def finished(sagemaker: Any, request: dict[str, Any]) -> dict[str, Any]:
    sagemaker.handle("CreateTrainingJob", request)
    assert sagemaker.training.wait(request["TrainingJobName"], 120)
    found: dict[str, Any] = sagemaker.handle(
        "DescribeTrainingJob", {"TrainingJobName": request["TrainingJobName"]}
    )
    return found


def seen(lake: Any, name: str) -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(lake.get(f"models/{name}/output/output.tar.gz"))) as archive:
        member = archive.extractfile("seen.json")
        assert member is not None
        found: dict[str, Any] = json.load(member)
        return found


def test_a_job_runs_under_the_container_contract(
    sagemaker: Any, lake: Any, training_request: Any, channel: Any, platform: Any
) -> None:
    lake.put("set/run-1/training.csv", "1,2\n")
    lake.put("set/run-1/deep/more.csv", "3,4\n")
    lake.put("set/run-10/other.csv", "no")
    request = training_request("t1", "train", "--quick")
    request["InputDataConfig"].append(channel("training", "s3://lake/set/run-1/"))
    done = finished(sagemaker, request)
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Completed", "Completed")
    assert done["ModelArtifacts"] == {"S3ModelArtifacts": "s3://lake/models/t1/output/model.tar.gz"}
    assert done["RoleArn"] == request["RoleArn"]
    assert isinstance(done["CreationTime"], float)
    assert done["CreationTime"] <= done["TrainingStartTime"] <= done["TrainingEndTime"]
    contract = seen(lake, "t1")
    assert contract["arguments"] == ["train", "--quick"]
    assert contract["channels"] == ["training/deep/more.csv", "training/training.csv"]
    assert contract["cwd"] == contract["environment"]["CLINRISK_ML_ROOT"]
    assert contract["config"]["hyperparameters"] == {"use_case": "heart"}
    assert contract["config"]["inputdataconfig"]["training"]["TrainingInputMode"] == "File"
    assert contract["config"]["resourceconfig"]["current_host"] == "algo-1"
    assert contract["environment"]["TRAINING_JOB_NAME"] == "t1"
    # The data of patients is gone when the job is.
    assert list((platform.state_dir / "jobs/training-job").iterdir()) == []


def test_nothing_of_the_twins_environment_reaches_an_isolated_job(
    sagemaker: Any, lake: Any, training_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the user")
    monkeypatch.setenv("TOKEN_OF_THE_USER", "x")
    finished(sagemaker, training_request("t1"))
    names = set(seen(lake, "t1")["environment"])
    assert not {name for name in names if "KEY" in name or "TOKEN" in name or name.startswith("AWS_E")}


def test_without_isolation_a_job_has_its_roles_credentials_not_the_twins(
    sagemaker: Any, lake: Any, training_request: Any
) -> None:
    finished(sagemaker, training_request("t1", EnableNetworkIsolation=False))
    environment = seen(lake, "t1")["environment"]
    assert environment["AWS_SESSION_TOKEN"]
    assert environment["AWS_SECRET_ACCESS_KEY"] != "test"  # noqa: S105 - the root's password


def test_the_same_job_twice_gives_the_same_bytes(sagemaker: Any, lake: Any, training_request: Any) -> None:
    finished(sagemaker, training_request("t1"))
    time.sleep(1.1)  # mtimes have seconds
    finished(sagemaker, training_request("t2"))
    first, second = (lake.get(f"models/{name}/output/model.tar.gz") for name in ("t1", "t2"))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        assert archive.getnames() == ["clinrisk", "clinrisk/model.json", "xgboost-model"]
        assert {member.mtime for member in archive.getmembers()} == {0}


def test_archives_are_encrypted_with_the_key_that_the_job_names(
    sagemaker: Any, lake: Any, training_request: Any
) -> None:
    where = {"S3OutputPath": "s3://lake/models/", "KmsKeyId": "alias/data"}
    finished(sagemaker, training_request("t1", OutputDataConfig=where))
    for name in ("model", "output"):
        head = lake.s3.head_object(Bucket="lake", Key=f"models/t1/output/{name}.tar.gz")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/data")


def test_output_goes_to_the_log_stream_of_the_job(
    sagemaker: Any, training_request: Any, log_lines: Any
) -> None:
    finished(sagemaker, training_request("t1"))
    [(stream, lines)] = log_lines("/aws/sagemaker/TrainingJobs").items()
    assert stream.startswith("t1/algo-1-")
    assert sorted(lines) == ["another", "one line"]


def test_a_failing_jobs_own_words_become_the_failure_reason(
    sagemaker: Any, lake: Any, training_request: Any
) -> None:
    done = finished(sagemaker, training_request("t1", "fail", "one class only", "1"))
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Failed", "Failed")
    assert done["FailureReason"] == "AlgorithmError: one class only, exit code: 3"
    assert "models/t1/output/model.tar.gz" not in lake.keys("models/")
    long = finished(sagemaker, training_request("t2", "fail", "word", "2000"))["FailureReason"]
    assert len(long) <= 1024
    assert long.endswith(", exit code: 3")


def test_missing_data_fails_the_job_and_names_the_prefix(
    sagemaker: Any, training_request: Any, channel: Any
) -> None:
    request = training_request("t1")
    request["InputDataConfig"].append(channel("training", "s3://lake/nowhere/"))
    reason = finished(sagemaker, request)["FailureReason"]
    assert reason.startswith("ClientError: Data download failed: No S3 objects found")
    assert "s3://lake/nowhere/" in reason


def test_a_job_over_its_time_is_stopped_and_keeps_what_it_saved(
    sagemaker: Any, lake: Any, training_request: Any
) -> None:
    done = finished(sagemaker, training_request("t1", "wait", "save", seconds=1))
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "FailureReason" not in done
    assert "models/t1/output/model.tar.gz" in lake.keys("models/")


def test_stopping_a_job_ends_its_process(sagemaker: Any, training_request: Any) -> None:
    sagemaker.handle("CreateTrainingJob", training_request("t1", "wait"))
    time.sleep(0.5)
    sagemaker.handle("StopTrainingJob", {"TrainingJobName": "t1"})
    assert sagemaker.training.wait("t1", 120)
    done = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t1"})
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Stopped", "Stopped")
    with pytest.raises(SageMakerError, match="in status Stopped"):
        sagemaker.handle("StopTrainingJob", {"TrainingJobName": "t1"})


@pytest.mark.parametrize("process", ["job", "guard"])
def test_a_job_whose_process_is_killed_has_failed(
    sagemaker: Any, training_request: Any, process: str
) -> None:
    done = finished(sagemaker, training_request("t1", "killed", process))
    assert (done["TrainingJobStatus"], done["SecondaryStatus"]) == ("Failed", "Failed")
    assert done["FailureReason"] == "AlgorithmError: , exit code: 137"


def test_a_job_that_waits_for_a_machine_can_be_stopped(sagemaker: Any, training_request: Any) -> None:
    for name in ("t1", "t2", "t3"):
        sagemaker.handle("CreateTrainingJob", training_request(name, "wait"))
    sagemaker.handle("StopTrainingJob", {"TrainingJobName": "t3"})
    assert sagemaker.training.wait("t3", 120)
    done = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t3"})
    assert done["TrainingJobStatus"] == "Stopped"
    assert "TrainingStartTime" not in done
    # It has left the line: the next machine is for the one after it.
    sagemaker.handle("CreateTrainingJob", training_request("t4"))
    sagemaker.handle("StopTrainingJob", {"TrainingJobName": "t1"})
    assert sagemaker.training.wait("t4", 120)


def gone(pid: int) -> bool:
    """Return whether a process has ended; a zombie has."""
    command = ["/bin/ps", "-o", "stat=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] in {"", "Z"}


def test_children_that_a_job_leaves_behind_are_killed(
    sagemaker: Any, training_request: Any, log_lines: Any
) -> None:
    assert finished(sagemaker, training_request("t1", "fork"))["TrainingJobStatus"] == "Completed"
    [[pid]] = log_lines("/aws/sagemaker/TrainingJobs").values()
    assert gone(int(pid))


def test_shutdown_kills_running_jobs_and_starts_none_that_wait(sagemaker: Any, training_request: Any) -> None:
    for number in range(3):
        sagemaker.handle("CreateTrainingJob", training_request(f"t{number}", "wait"))
    time.sleep(0.5)
    sagemaker.shutdown()
    for number in range(3):
        assert sagemaker.training.wait(f"t{number}", 120)


def test_only_two_jobs_run_at_once(sagemaker: Any, training_request: Any) -> None:
    for number in range(3):
        sagemaker.handle("CreateTrainingJob", training_request(f"t{number}", "wait"))

    def phases() -> list[str]:
        summaries = sagemaker.handle("ListTrainingJobs", {"StatusEquals": "InProgress"})
        return sorted(job["SecondaryStatus"] for job in summaries["TrainingJobSummaries"])

    deadline = time.monotonic() + 120
    while phases() != ["Starting", "Training", "Training"]:
        assert time.monotonic() < deadline, phases()
        time.sleep(0.05)
    time.sleep(0.5)
    assert phases() == ["Starting", "Training", "Training"]


def test_a_name_is_used_up_by_its_first_job_even_when_it_failed(
    sagemaker: Any, training_request: Any
) -> None:
    finished(sagemaker, training_request("t1", "fail", "x", "1"))
    with pytest.raises(SageMakerError) as caught:
        sagemaker.handle("CreateTrainingJob", training_request("t1"))
    assert caught.value.code == "ResourceInUse"


def test_jobs_are_listed_with_filters_order_and_pages(sagemaker: Any, training_request: Any) -> None:
    for name in ("a-1", "b-1", "b-2"):
        finished(sagemaker, training_request(name))

    def names(**query: Any) -> list[str]:
        summaries = sagemaker.handle("ListTrainingJobs", query)["TrainingJobSummaries"]
        return [summary["TrainingJobName"] for summary in summaries]

    assert names() == ["a-1", "b-1", "b-2"]
    assert names(SortOrder="Descending", NameContains="b") == ["b-2", "b-1"]
    assert names(StatusEquals="Failed") == []
    first = sagemaker.handle("ListTrainingJobs", {"MaxResults": 2})
    assert names(MaxResults=2, NextToken=first["NextToken"]) == ["b-2"]


def test_tags_and_the_state_change_event_come_with_a_job(
    sagemaker: Any, training_request: Any, events: Any
) -> None:
    finished(sagemaker, training_request("t1", Tags=[{"Key": "use_case", "Value": "heart"}]))
    arn = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t1"})["TrainingJobArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:123456789012:training-job/t1"
    sagemaker.handle("AddTags", {"ResourceArn": arn, "Tags": [{"Key": "run", "Value": "1"}]})
    sagemaker.handle("DeleteTags", {"ResourceArn": arn, "TagKeys": ["use_case"]})
    assert sagemaker.handle("ListTags", {"ResourceArn": arn})["Tags"] == [{"Key": "run", "Value": "1"}]
    kinds = [(kind, detail["TrainingJobStatus"], detail["SecondaryStatus"]) for kind, detail in events]
    announced = "SageMaker Training Job State Change"
    assert kinds == [(announced, "InProgress", "Starting"), (announced, "Completed", "Completed")]
