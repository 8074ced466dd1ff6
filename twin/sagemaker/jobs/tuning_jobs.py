"""Tuning jobs: training jobs with hyperparameters drawn at random, and the best of them by one metric.

The trials are ordinary training jobs under names that begin with the tuning job's. They take the machines;
the tuning job only waits for them.
"""

from __future__ import annotations

import hashlib
import sys
import time
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import JobFailure, SageMakerError, invalid, unsupported
from twin.sagemaker.catalogue import page
from twin.sagemaker.jobs import builtin_algorithm as builtin
from twin.sagemaker.jobs.job_board import JobBoard, JobStopped, RunningJob
from twin.sagemaker.jobs.machines import Machines
from twin.sagemaker.jobs.random_search import KINDS, combinations, draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.jobs.training_jobs import TrainingJobs
    from twin.sagemaker.platform import Body, Platform

_OBJECTIVE = "_tuning_objective_metric"
_POLL_SECONDS = 0.1
# What a trial takes over from the definition as it stands.
_INHERITED = (
    "AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "Environment",
)  # fmt: skip
_DEFINITION = {*_INHERITED, "DefinitionName", "StaticHyperParameters"}
_REQUEST = {"HyperParameterTuningJobName", "HyperParameterTuningJobConfig", "TrainingJobDefinition", "Tags"}
_CONFIG = {"Strategy", "RandomSeed", "HyperParameterTuningJobObjective", "ResourceLimits", "ParameterRanges"}


class TuningJobs(JobBoard):
    """Tuning jobs of one training job definition, searched at random."""

    noun = "HyperParameterTuningJob"
    kind = "hyper-parameter-tuning-job"
    log_group = "/aws/sagemaker/HyperParameterTuningJobs"
    start_member = "HyperParameterTuningStartTime"
    end_member = "HyperParameterTuningEndTime"
    summary_members = ("Strategy", "ResourceLimits", "TrainingJobStatusCounters", "ObjectiveStatusCounters")
    event_words = "HyperParameter Tuning"

    def __init__(self, platform: Platform, catalogue: Catalogue, training: TrainingJobs) -> None:
        super().__init__(platform, catalogue, Machines(sys.maxsize))
        self.training = training

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the operations of a job, and the list of a tuning job's trials."""
        return super().operations() | {"ListTrainingJobsForHyperParameterTuningJob": self.list_trials}

    def check(self, body: Body) -> None:
        """Refuse what AWS refuses and the forms of tuning that are not here."""
        config = body["HyperParameterTuningJobConfig"]
        if config["Strategy"] != "Random":
            raise unsupported(f"HyperParameterTuningJobConfig.Strategy {config['Strategy']}")
        definition = body.get("TrainingJobDefinition", {})
        for given, known in ((body, _REQUEST), (config, _CONFIG), (definition, _DEFINITION)):
            if foreign := sorted(given.keys() - known):
                raise unsupported(foreign[0])
        objective = config.get("HyperParameterTuningJobObjective")
        ranges, maximum = (
            config.get("ParameterRanges", {}),
            config["ResourceLimits"].get("MaxNumberOfTrainingJobs"),
        )
        if not definition or not objective or not maximum or not any(ranges.get(kind) for kind in KINDS):
            raise invalid(
                "A training job definition, an objective, ranges and MaxNumberOfTrainingJobs are required."
            )
        if combinations(ranges) < maximum:
            raise invalid(
                "You don't have enough combinations of hyperparameter ranges for that many training jobs."
            )
        names = [given["Name"] for kind in KINDS for given in ranges.get(kind, [])]
        if len({*names}) < len(names) or {*names} & definition.get("StaticHyperParameters", {}).keys():
            raise invalid("A hyperparameter is either searched once or static.")
        algorithm = definition["AlgorithmSpecification"]
        self.training.check({key: definition[key] for key in _INHERITED if key in definition})
        metrics = algorithm.get("MetricDefinitions", [])
        if builtin.is_builtin(algorithm):
            metrics = builtin.DEFINITIONS
            if foreign := sorted({*names} - builtin.TUNABLE):
                message = f"The hyperparameter {foreign[0]} isn't tunable in the algorithm of this image."
                raise invalid(message)
        if objective["MetricName"] not in {each["Name"] for each in metrics}:
            message = f"The objective metric {objective['MetricName']} isn't one of the algorithm's metrics."
            raise invalid(message)

    def require_quota(self, body: Body, wanted: int = 1) -> None:
        """Refuse more trials at once than the quota for training jobs allows."""
        limits = body["HyperParameterTuningJobConfig"]["ResourceLimits"]
        self.training.require_quota(body["TrainingJobDefinition"], wanted * limits["MaxParallelTrainingJobs"])

    def initial(self, body: Body) -> Body:
        """Return the members that a tuning job shows before its first trial, and what its summary repeats."""
        config = body["HyperParameterTuningJobConfig"]
        limits = {"Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
        return limits | {"Trials": [], "TrialTags": body.get("Tags", [])} | _progress([], config)

    def work(self, job: RunningJob) -> None:
        """Start trials, as many at once as the limits say, until all have ended or the time is over."""
        config = job.record["HyperParameterTuningJobConfig"]
        limits = config["ResourceLimits"]
        left = limits["MaxNumberOfTrainingJobs"]
        hyperparameters = draws(config["ParameterRanges"], config.get("RandomSeed", 0))
        over = time.monotonic() + limits.get("MaxRuntimeInSeconds", float("inf"))
        stopped = False
        drawn: dict[str, str] = {}
        while True:
            trials = self._trials(job.record)
            running = [trial["TrainingJobName"] for trial in trials if _runs(trial)]
            if (running or left) and (job.container.stopped or time.monotonic() > over):
                self._stop(trials)
                stopped, left = True, 0
            while left and len(running) < limits["MaxParallelTrainingJobs"]:
                drawn = drawn or next(hyperparameters)
                if (trial := self._start(job, drawn)) is None:
                    break
                running.append(trial)
                left, drawn = left - 1, {}
            self._mark(job, **_progress(self._trials(job.record), config))
            if not running and not left:
                break
            if running:
                self.training.wait(running[0], _POLL_SECONDS)
            else:
                time.sleep(_POLL_SECONDS)
        if stopped:
            raise JobStopped
        if "BestTrainingJob" not in job.record:
            raise JobFailure("ClientError: No training job succeeded with a value for the objective metric")

    def list_trials(self, body: Body) -> Body:
        """Return a page of a tuning job's trials; by the objective's value, those without one come last."""
        with self.catalogue.lock:
            record = self._record(body[f"{self.noun}Name"])
            config = record["HyperParameterTuningJobConfig"]
            rows = [_summary(trial, config) for trial in self._trials(record)]
        if body.get("SortBy") == "FinalObjectiveMetricValue":
            rising = body.get("SortOrder", "Ascending") == "Ascending"
            worst = float("inf") if rising else float("-inf")
            rows.sort(key=lambda row: _value(row, worst), reverse=not rising)
            return {"TrainingJobSummaries": rows[: body.get("MaxResults", 100)]}
        return page(
            body, rows, name="TrainingJobName", output="TrainingJobSummaries", status="TrainingJobStatus"
        )

    def _start(self, job: RunningJob, drawn: dict[str, str]) -> str | None:
        """Start the next trial and get its name; None while other training jobs use the quota up."""
        definition = job.record["TrainingJobDefinition"]
        objective = job.record["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
        number = len(job.record["Trials"]) + 1
        mark = hashlib.sha256(f"{job.name} {number}".encode()).hexdigest()[:8]
        name = f"{job.name}-{number:03d}-{mark}"
        given = {key: definition[key] for key in _INHERITED if key in definition}
        given["HyperParameters"] = (
            definition.get("StaticHyperParameters", {}) | drawn | {_OBJECTIVE: objective["MetricName"]}
        )
        given |= {"TrainingJobName": name, "TuningJobArn": job.record[f"{self.noun}Arn"], "Tuned": drawn}
        try:
            self.training.create(given | {"Tags": job.record["TrialTags"]})
        except SageMakerError as error:
            if error.code != "ResourceLimitExceeded":
                raise
            return None
        with self.catalogue.lock:
            job.record["Trials"].append(name)
        return name

    def _trials(self, record: Body) -> list[Body]:
        """Return the records of a tuning job's trials, in the order of their start."""
        with self.catalogue.lock:
            table = self.catalogue.kind(self.training.kind)
            return [dict(table[name]) for name in record["Trials"]]

    def _stop(self, trials: list[Body]) -> None:
        for trial in trials:
            if trial["TrainingJobStatus"] != "InProgress":
                continue
            try:
                self.training.stop({"TrainingJobName": trial["TrainingJobName"]})
            except SageMakerError:  # it ended by itself between two looks
                continue


def _runs(trial: Body) -> bool:
    return trial["TrainingJobStatus"] in {"InProgress", "Stopping"}


def _progress(trials: list[Body], config: Body) -> Body:
    """Return the counters over the trials and, once one of them has a value, the best of them."""
    statuses = [trial["TrainingJobStatus"] for trial in trials]
    rows = [_summary(trial, config) for trial in trials]
    objectives = [row["ObjectiveStatus"] for row in rows]
    progress: Body = {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": statuses.count("InProgress") + statuses.count("Stopping"),
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {
            status: objectives.count(status) for status in ("Succeeded", "Pending", "Failed")
        },
    }
    succeeded = [row for row in rows if row["ObjectiveStatus"] == "Succeeded"]
    if succeeded:
        sign = -1 if config["HyperParameterTuningJobObjective"]["Type"] == "Maximize" else 1
        progress["BestTrainingJob"] = min(succeeded, key=lambda row: sign * _value(row, 0.0))
    return progress


def _summary(trial: Body, config: Body) -> Body:
    """Return a trial in the shape of HyperParameterTrainingJobSummary."""
    objective = config["HyperParameterTuningJobObjective"]
    members = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime")
    row = {name: trial[name] for name in (*members, "TrainingJobStatus", "FailureReason") if name in trial}
    row["TunedHyperParameters"] = trial["Tuned"]
    values = {each["MetricName"]: each["Value"] for each in trial.get("FinalMetricDataList", [])}
    value: Any = values.get(objective["MetricName"])
    if trial["TrainingJobStatus"] == "Completed" and value is not None:
        row["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": objective["Type"],
            "MetricName": objective["MetricName"],
            "Value": value,
        }
        row["ObjectiveStatus"] = "Succeeded"
    else:
        row["ObjectiveStatus"] = "Pending" if _runs(trial) else "Failed"
    return row


def _value(row: Body, missing: float) -> float:
    return float(row.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value", missing))
