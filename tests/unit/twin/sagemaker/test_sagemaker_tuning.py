"""A tuning job runs trials of the image's own algorithm and names the best, as AWS does."""

from __future__ import annotations

import io
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.engine import state_machine_tasks
from twin.sagemaker.jobs.random_search import combinations, draws
from twin.sagemaker.protocol import service_model
from twin.sagemaker.protocol.request_validation import problems

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
RANGES = {
    "IntegerParameterRanges": [
        {"Name": "max_depth", "MinValue": "1", "MaxValue": "4", "ScalingType": "Linear"},
        {"Name": "num_round", "MinValue": "2", "MaxValue": "60", "ScalingType": "Logarithmic"},
    ],
    "ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.01", "MaxValue": "0.5"}],
}
JOB = "DescribeHyperParameterTuningJob"


@pytest.fixture(autouse=True)
def patients(lake: Any) -> None:
    """Two channels of patients whose first feature tells most of the outcome; some values are missing."""
    rng = np.random.default_rng(0)
    for channel, rows in (("train", 200), ("validation", 80)):
        features = rng.normal(size=(rows, 3))
        label = (features[:, 0] + rng.normal(size=rows) > 0).astype(float)
        features[::7, 1] = np.nan
        columns = {"label": label} | {f"f{number}": features[:, number] for number in range(3)}
        written = io.BytesIO()
        parquet.write_table(pa.table(columns), written)
        lake.put(f"set/{channel}/{channel}.parquet", written.getvalue())


def channel(name: str) -> Body:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://lake/set/{name}/"}
    return {
        "ChannelName": name,
        "ContentType": "application/x-parquet",
        "DataSource": {"S3DataSource": source},
    }


def request(name: str = "tune", jobs: int = 3, parallel: int = 2, **changes: Any) -> Body:
    """A tuning request; `config` and `definition` among the changes are merged into their parts."""
    config = {
        "Strategy": "Random",
        "RandomSeed": 5,
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:logloss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": parallel},
        "ParameterRanges": RANGES,
    } | changes.pop("config", {})
    definition = {
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "StaticHyperParameters": {"objective": "binary:logistic", "eval_metric": "logloss", "seed": "0"},
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": "s3://lake/trials/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "EnableNetworkIsolation": True,
    } | changes.pop("definition", {})
    named = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobConfig": config}
    return named | {"TrainingJobDefinition": definition} | changes


@pytest.fixture
def tuned(sagemaker: Any) -> Callable[[Body], Body]:
    """Run a tuning job to its end and give its description."""

    def run(body: Body) -> Body:
        name = {"HyperParameterTuningJobName": body["HyperParameterTuningJobName"]}
        sagemaker.handle("CreateHyperParameterTuningJob", body)
        assert sagemaker.tuning.wait(body["HyperParameterTuningJobName"], 60)
        described: Body = sagemaker.handle(JOB, name)
        return described

    return run


def trials(sagemaker: Any, name: str = "tune", **query: Any) -> list[Body]:
    query |= {"HyperParameterTuningJobName": name}
    found: list[Body] = sagemaker.handle("ListTrainingJobsForHyperParameterTuningJob", query)[
        "TrainingJobSummaries"
    ]
    return found


def test_the_best_of_the_trials_by_the_objective_is_named(
    sagemaker: Any, tuned: Any, lake: Any, log_lines: Any
) -> None:
    done = tuned(request(Tags=[{"Key": "run_id", "Value": "r"}]))
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    assert done["TrainingJobStatusCounters"]["Completed"] == 3
    assert done["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    rows = trials(sagemaker)
    assert [row["TrainingJobName"].rsplit("-", 1)[0] for row in rows] == [f"tune-00{n}" for n in range(1, 4)]
    values = [row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for row in rows]
    best = done["BestTrainingJob"]
    assert best == rows[int(np.argmin(values))]
    assert len({*values}) == 3

    # What is told is what the trial was given, and what its log says last.
    one = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": best["TrainingJobName"]})
    assert one["HyperParameters"].items() >= best["TunedHyperParameters"].items()
    assert one["HyperParameters"]["_tuning_objective_metric"] == "validation:logloss"
    assert one["TuningJobArn"] == done["HyperParameterTuningJobArn"]
    streams = log_lines("/aws/sagemaker/TrainingJobs")
    [lines] = [lines for stream, lines in streams.items() if stream.startswith(best["TrainingJobName"])]
    rounds = [line for line in lines if "validation-logloss" in line]
    assert len(rounds) == int(one["HyperParameters"]["num_round"])
    assert float(rounds[-1].rpartition(":")[2]) == min(values)
    assert f"trials/{best['TrainingJobName']}/output/model.tar.gz" in lake.keys("trials/")
    tags = sagemaker.handle("ListTags", {"ResourceArn": best["TrainingJobArn"]})["Tags"]
    assert tags == [{"Key": "run_id", "Value": "r"}]

    falling = trials(sagemaker, SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=2)
    assert [row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for row in falling] == sorted(
        values, reverse=True
    )[:2]
    [summary] = sagemaker.handle("ListHyperParameterTuningJobs", {})["HyperParameterTuningJobSummaries"]
    assert (summary["Strategy"], summary["HyperParameterTuningJobStatus"]) == ("Random", "Completed")
    for operation, answer in (
        (JOB, done),
        ("ListTrainingJobsForHyperParameterTuningJob", {"TrainingJobSummaries": rows}),
        ("ListHyperParameterTuningJobs", {"HyperParameterTuningJobSummaries": [summary]}),
    ):
        known = service_model.operation(service_model.CONTROL_PLANE, operation)
        assert known is not None
        assert problems(known.output_shape, answer) == []


def test_the_same_seed_tries_the_same_and_finds_the_same(sagemaker: Any, tuned: Any) -> None:
    first, second = tuned(request("first", jobs=2)), tuned(request("second", jobs=2, parallel=1))
    tried = [[row["TunedHyperParameters"] for row in trials(sagemaker, name)] for name in ("first", "second")]
    assert tried[0] == tried[1]
    for member in ("TunedHyperParameters", "FinalHyperParameterTuningJobObjectiveMetric"):
        assert first["BestTrainingJob"][member] == second["BestTrainingJob"][member]


def test_every_draw_lies_in_its_range_and_another_seed_draws_others() -> None:
    ranges = RANGES | {"CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart"]}]}
    drawn = list(islice(draws(ranges, 5), 300))
    assert {int(trial["max_depth"]) for trial in drawn} == {1, 2, 3, 4}
    rounds = sorted(int(trial["num_round"]) for trial in drawn)
    assert (rounds[0], rounds[-1]) == (2, 60)
    assert 8 < rounds[150] < 14  # as many below the geometric mean of the ends as above
    etas = sorted(float(trial["eta"]) for trial in drawn)
    assert 0.01 <= etas[0] < 0.03
    assert 0.48 < etas[-1] <= 0.5
    assert {trial["booster"] for trial in drawn} == {"gbtree", "dart"}
    assert drawn == list(islice(draws(ranges, 5), 300))
    assert drawn != list(islice(draws(ranges, 6), 300))
    assert combinations(ranges) == float("inf")
    near = {"Name": "momentum", "MinValue": "0", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"}
    close = [
        float(trial["momentum"]) for trial in islice(draws({"ContinuousParameterRanges": [near]}, 1), 300)
    ]
    assert sum(value > 0.9 for value in close) > 150


def test_a_metric_of_ones_own_program_is_read_from_its_lines(
    sagemaker: Any, lake: Any, training_request: Any
) -> None:
    lake.put("code/main.py", "print('loss=0.5;')\nprint('loss=0.25;')\nprint('loss=none;')\n")
    body = training_request("own")
    body["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=(.*?);"}]
    sagemaker.handle("CreateTrainingJob", body)
    assert sagemaker.training.wait("own", 120)
    done = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "own"})
    assert [(one["MetricName"], one["Value"]) for one in done["FinalMetricDataList"]] == [("loss", 0.25)]


def test_without_a_single_good_trial_the_tuning_job_fails(sagemaker: Any, tuned: Any) -> None:
    unknown = {"objective": "binary:logistic", "use_case": "heart"}
    done = tuned(request(jobs=2, definition={"StaticHyperParameters": unknown}))
    assert done["HyperParameterTuningJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("ClientError: No training job succeeded")
    assert done["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert "BestTrainingJob" not in done
    reason = trials(sagemaker)[0]["FailureReason"]
    assert reason == "AlgorithmError: Extraneous hyperparameter found: use_case, exit code: 1"


def test_more_trials_at_once_than_the_quota_for_training_are_refused(
    sagemaker: Any, quotas: dict[str, int]
) -> None:
    quotas["training"] = 1
    with pytest.raises(SageMakerError, match=r"training job usage' is 1 Instances.* request delta of 2"):
        sagemaker.handle("CreateHyperParameterTuningJob", request(parallel=2))


def test_a_trial_waits_while_other_jobs_use_the_quota_up(
    sagemaker: Any, lake: Any, training_request: Any, quotas: dict[str, int]
) -> None:
    lake.put("code/main.py", "import time\ntime.sleep(600)\n")
    sagemaker.handle("CreateTrainingJob", training_request("other"))
    sagemaker.tuning.require_quota = lambda _: None  # the quota was still free when the search began
    quotas["training"] = 1
    sagemaker.handle("CreateHyperParameterTuningJob", request(jobs=2, parallel=1))
    assert trials(sagemaker) == []
    sagemaker.handle("StopTrainingJob", {"TrainingJobName": "other"})
    assert sagemaker.tuning.wait("tune", 120)
    done = sagemaker.handle(JOB, {"HyperParameterTuningJobName": "tune"})
    assert done["TrainingJobStatusCounters"]["Completed"] == 2


@pytest.fixture
def forever() -> Body:
    """Trials that take longer than any test waits."""
    rounds = {"Name": "num_round", "MinValue": "9000000", "MaxValue": "9000009"}
    return {"ParameterRanges": {"IntegerParameterRanges": [rounds]}}


def running(sagemaker: Any) -> bool:
    return any(row["TrainingJobStatus"] == "InProgress" for row in trials(sagemaker))


def test_stopping_it_stops_its_trials(sagemaker: Any, forever: Body) -> None:
    sagemaker.handle("CreateHyperParameterTuningJob", request(config=forever))
    deadline = time.monotonic() + 120
    while not running(sagemaker):
        assert time.monotonic() < deadline
    sagemaker.handle("StopHyperParameterTuningJob", {"HyperParameterTuningJobName": "tune"})
    assert sagemaker.tuning.wait("tune", 120)
    done = sagemaker.handle(JOB, {"HyperParameterTuningJobName": "tune"})
    assert done["HyperParameterTuningJobStatus"] == "Stopped"
    assert done["TrainingJobStatusCounters"]["InProgress"] == 0
    assert len(trials(sagemaker)) <= 2


def test_a_search_over_its_time_is_stopped_with_the_trial_that_runs(sagemaker: Any, forever: Body) -> None:
    limits = {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 1, "MaxRuntimeInSeconds": 1}
    # Past the service's own check: AWS takes no less than 120 seconds.
    sagemaker.tuning.create(request(config=forever | {"ResourceLimits": limits}))
    assert sagemaker.tuning.wait("tune", 120)
    done = sagemaker.handle(JOB, {"HyperParameterTuningJobName": "tune"})
    assert done["HyperParameterTuningJobStatus"] == "Stopped"
    assert done["TrainingJobStatusCounters"]["Stopped"] == len(trials(sagemaker)) == 1
    assert "BestTrainingJob" not in done


def test_a_shutdown_leaves_no_trial_behind(sagemaker: Any, forever: Body) -> None:
    sagemaker.handle("CreateHyperParameterTuningJob", request(config=forever))
    deadline = time.monotonic() + 120
    while not running(sagemaker):
        assert time.monotonic() < deadline
    sagemaker.shutdown()
    assert sagemaker.tuning.wait("tune", 120)
    assert not running(sagemaker)


def test_a_state_machine_waits_for_it(sagemaker: Any) -> None:
    task = state_machine_tasks.tasks(sagemaker)["arn:aws:states:::sagemaker:createHyperParameterTuningJob"]
    answer = task("arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync", request(jobs=1))
    assert answer["HyperParameterTuningJobStatus"] == "Completed"
    assert answer["BestTrainingJob"]["ObjectiveStatus"] == "Succeeded"
    assert isinstance(answer["HyperParameterTuningEndTime"], int)


def test_its_end_is_an_event_under_awss_name(tuned: Any, events: Any) -> None:
    tuned(request(jobs=1))
    assert ("SageMaker HyperParameter Tuning Job State Change", "Completed") in {
        (kind, detail.get("HyperParameterTuningJobStatus")) for kind, detail in events
    }


OTHER = {"TrainingImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/own:1", "TrainingInputMode": "File"}
METRIC = [{"Name": "loss", "Regex": "loss=(.*?);"}]
FEW = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "2"}]}
FOREIGN = {"CategoricalParameterRanges": [{"Name": "use_case", "Values": list("abcd")}]}
LOSS = {"Type": "Minimize", "MetricName": "loss"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"config": {"Strategy": "Bayesian"}}, "does not implement HyperParameterTuningJobConfig.Strategy"),
        ({"config": {"TrainingJobEarlyStoppingType": "Auto"}}, "TrainingJobEarlyStoppingType"),
        ({"definition": {"EnableManagedSpotTraining": True}}, "EnableManagedSpotTraining"),
        ({"config": {"ParameterRanges": FEW}}, "enough combinations"),
        ({"config": {"ParameterRanges": FOREIGN}}, "use_case isn't tunable"),
        ({"config": {"HyperParameterTuningJobObjective": LOSS}}, "loss isn't one of the algorithm's metrics"),
        ({"definition": {"StaticHyperParameters": {"eta": "0.1"}}}, "either searched once or static"),
        ({"definition": {"AlgorithmSpecification": OTHER}}, "ContainerEntrypoint"),
        (
            {
                "definition": {
                    "AlgorithmSpecification": OTHER | {"TrainingImage": IMAGE, "MetricDefinitions": METRIC}
                }
            },
            "can't override the metric definitions",
        ),
        (
            {"definition": {"AlgorithmSpecification": OTHER | {"ContainerEntrypoint": ["python3"]}}},
            "ContainerEntrypoint is not a member of HyperParameterAlgorithmSpecification",
        ),
        ({"HyperParameterTuningJobName": "x" * 33}, "at most 32 characters"),
    ],
)
def test_what_aws_or_the_twin_cannot_run_is_refused(sagemaker: Any, changes: Body, sentence: str) -> None:
    with pytest.raises(SageMakerError, match=sentence):
        sagemaker.handle("CreateHyperParameterTuningJob", request(**changes))
