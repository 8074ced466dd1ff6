"""Training jobs: channels in, the container's contract, model.tar.gz, output.tar.gz and metrics out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import JobFailure, invalid, unsupported
from twin.sagemaker.catalogue import now
from twin.sagemaker.jobs import builtin_algorithm as builtin
from twin.sagemaker.jobs.job_board import JobBoard, JobStopped, RunningJob
from twin.sagemaker.jobs.job_container import read_message
from twin.sagemaker.jobs.model_archive import pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.jobs.log_stream import LogStream
    from twin.sagemaker.jobs.machines import Machines
    from twin.sagemaker.platform import Body, Platform

DEFAULT_SECONDS = 86_400


class TrainingJobs(JobBoard):
    """Training jobs that bring their code as a channel, or else run the image's built-in algorithm."""

    noun = "TrainingJob"
    kind = "training-job"
    log_group = "/aws/sagemaker/TrainingJobs"
    start_member = "TrainingStartTime"
    end_member = "TrainingEndTime"
    summary_members = ("SecondaryStatus",)

    def __init__(self, platform: Platform, catalogue: Catalogue, machines: Machines) -> None:
        super().__init__(platform, catalogue, machines)
        self._metrics: dict[str, builtin.JobMetrics] = {}

    def check(self, body: Body) -> None:
        """Refuse the forms of training that need another program or another way of reading data."""
        algorithm = body.get("AlgorithmSpecification", {})
        builtin.check(algorithm)
        if algorithm.get("TrainingInputMode", "File") != "File":
            raise unsupported(f"TrainingInputMode {algorithm['TrainingInputMode']}")
        if "StoppingCondition" not in body or "ResourceConfig" not in body:
            raise invalid("ResourceConfig and StoppingCondition are required for a training job.")
        if body["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP":
            raise unsupported("OutputDataConfig.CompressionType NONE")
        for channel in body.get("InputDataConfig", []):
            check_channel(channel)

    def initial(self, body: Body) -> Body:
        """Return the status members that a training job has beyond others."""
        base = body["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        artifacts = f"{base}/{body['TrainingJobName']}/output/model.tar.gz"
        return {
            "SecondaryStatus": "Starting",
            "SecondaryStatusTransitions": [
                {"Status": "Starting", "StartTime": now(), "StatusMessage": "Starting the training job"}
            ],
            "ModelArtifacts": {"S3ModelArtifacts": artifacts},
            "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_SECONDS} | body["StoppingCondition"],
            "EnableNetworkIsolation": body.get("EnableNetworkIsolation", False),
        }

    def work(self, job: RunningJob) -> None:
        """Run one training job under the container contract."""
        record, root = job.record, job.root
        for part in ("input/config", "input/data", "model", "output/data"):
            (root / part).mkdir(parents=True)
        self.step(job, "Downloading")
        for channel in record.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]["S3Uri"]
            self.storage.download(source, root / "input/data" / channel["ChannelName"])
        write_config(root / "input/config", record)
        self.step(job, "Training")
        algorithm = record["AlgorithmSpecification"]
        environment = {
            "TRAINING_JOB_NAME": job.name,
            "TRAINING_JOB_ARN": record["TrainingJobArn"],
            "AWS_REGION": self.platform.region,
            **self.credentials(record, isolated=record["EnableNetworkIsolation"]),
            **record.get("Environment", {}),
        }
        end = job.container.run(builtin.command(algorithm), environment, self.seconds_left(record))
        self._upload(job, keep_model=end.code == 0 or end.timed_out or end.stopped)
        if end.stopped:
            raise JobStopped
        if end.timed_out:
            raise JobStopped("MaxRuntimeExceeded")
        if end.code:
            reason = read_message(root / "output/failure")
            tail = f", exit code: {end.code}"
            raise JobFailure("AlgorithmError: " + reason[: 1000 - len(tail)] + tail)

    def _upload(self, job: RunningJob, *, keep_model: bool) -> None:
        """Put the archives where the request names: the model only of a job that did not fail."""
        record = job.record
        key = record["OutputDataConfig"].get("KmsKeyId")
        target = record["ModelArtifacts"]["S3ModelArtifacts"].removesuffix("model.tar.gz")
        self.step(job, "Uploading")
        output = job.root / "output/data"
        if keep_model:
            pack(job.root / "model", job.root / "model.tar.gz")
            self.storage.upload(job.root / "model.tar.gz", target + "model.tar.gz", key)
        if any(output.iterdir()):
            pack(output, job.root / "output.tar.gz")
            self.storage.upload(job.root / "output.tar.gz", target + "output.tar.gz", key)

    def line_sink(self, name: str, record: Body, log: LogStream) -> Callable[[str], None]:
        """Log each line, and look for the job's metrics in it."""
        metrics = self._metrics[name] = builtin.JobMetrics(record["AlgorithmSpecification"])

        def read_and_log(line: str) -> None:
            metrics.read(line)
            log.write(line)

        return read_and_log

    def step(self, job: RunningJob, status: str) -> None:
        """Move a training job to its next secondary status."""
        with self.catalogue.lock:
            _transition(job.record, status)

    def ended(self, record: Body, detail: str) -> None:
        """Note the metrics, the last secondary status and the time that would be paid for."""
        metrics = self._metrics.pop(record["TrainingJobName"], None)  # None: it ran in another twin
        record["FinalMetricDataList"] = metrics.final() if metrics else []
        _transition(record, detail)
        record["SecondaryStatusTransitions"][-1]["EndTime"] = now()
        started = record.get("TrainingStartTime", record["TrainingEndTime"])
        seconds = max(1, round((record["TrainingEndTime"] - started).total_seconds()))
        record["TrainingTimeInSeconds"] = record["BillableTimeInSeconds"] = seconds


def check_channel(channel: dict[str, Any]) -> None:
    """Refuse a training channel that is not a plain S3 prefix read as files."""
    source = channel["DataSource"].get("S3DataSource")
    if source is None or source["S3DataType"] != "S3Prefix":
        raise unsupported(f"channel {channel['ChannelName']}: data sources other than S3Prefix")
    if channel.get("InputMode", "File") != "File" or channel.get("CompressionType", "None") != "None":
        what = f"channel {channel['ChannelName']}: InputMode and CompressionType other than File and None"
        raise unsupported(what)


def write_config(directory: Path, record: Body) -> None:
    """Write the three files under input/config in the words of AWS's container contract."""
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": "File",
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})
        for channel in record.get("InputDataConfig", [])
    }
    resources = {
        "current_host": "algo-1",
        "current_instance_type": record["ResourceConfig"].get("InstanceType", ""),
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "network_interface_name": "eth0",
    }
    for name, content in (
        ("hyperparameters", record.get("HyperParameters", {})),
        ("inputdataconfig", channels),
        ("resourceconfig", resources),
    ):
        (directory / f"{name}.json").write_text(json.dumps(content, sort_keys=True))


def _transition(record: Body, status: str) -> None:
    moment = now()
    record["SecondaryStatusTransitions"][-1]["EndTime"] = moment
    record["SecondaryStatus"] = status
    record["SecondaryStatusTransitions"].append(
        {"Status": status, "StartTime": moment, "StatusMessage": f"{status} the training job"}
    )
    record["LastModifiedTime"] = moment
