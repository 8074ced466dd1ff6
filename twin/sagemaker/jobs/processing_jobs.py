"""Processing jobs: inputs in under /opt/ml/processing, a command, outputs up at its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import JobFailure, unsupported
from twin.sagemaker.jobs.job_board import JobBoard, JobStopped, RunningJob
from twin.sagemaker.jobs.job_container import read_message

if TYPE_CHECKING:
    from twin.sagemaker.platform import Body

_AWS_SPECIFIC = "AlgorithmError: See job logs for more information"


class ProcessingJobs(JobBoard):
    """Processing jobs on one machine, with S3 inputs as files and outputs uploaded at the end of the job."""

    noun = "ProcessingJob"
    kind = "processing-job"
    log_group = "/aws/sagemaker/ProcessingJobs"
    start_member = "ProcessingStartTime"
    end_member = "ProcessingEndTime"
    resources = ("ProcessingResources", "ClusterConfig")
    summary_members = ("ExitMessage",)

    def check(self, body: Body) -> None:
        """Refuse inputs and outputs of kinds that the twin cannot move."""
        if "ContainerEntrypoint" not in body["AppSpecification"]:
            raise unsupported("processing jobs without AppSpecification.ContainerEntrypoint")
        for item in body.get("ProcessingInputs", []):
            _check_input(item)
        for item in _outputs(body):
            if "S3Output" not in item:
                raise unsupported(f"processing output {item['OutputName']}: outputs other than S3Output")
            if item["S3Output"]["S3UploadMode"] != "EndOfJob" or "LocalPath" not in item["S3Output"]:
                what = f"processing output {item['OutputName']}: other than EndOfJob from a LocalPath"
                raise unsupported(what)

    def work(self, job: RunningJob) -> None:
        """Run one processing job under the container contract."""
        record = job.record
        for part in ("config", "output", "processing"):
            (job.root / part).mkdir(parents=True)
        for item in record.get("ProcessingInputs", []):
            source = item["S3Input"]
            self.storage.download(source["S3Uri"], job.container.path(source["LocalPath"]))
        for item in _outputs(record):
            job.container.path(item["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        self._write_config(job)
        app = record["AppSpecification"]
        isolated = record.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        environment = {
            "PROCESSING_JOB_NAME": job.name,
            "AWS_REGION": self.platform.region,
            **self.credentials(record, isolated=isolated),
            **record.get("Environment", {}),
        }
        command = [*app["ContainerEntrypoint"], *app.get("ContainerArguments", [])]
        end = job.container.run(command, environment, self.seconds_left(record))
        message = read_message(job.root / "output/message")
        with self.catalogue.lock:
            if message:
                record["ExitMessage"] = message
        if end.stopped or end.timed_out:
            raise JobStopped
        if end.code:
            raise JobFailure(_reason(job, message, end.code))
        key = record.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        for item in _outputs(record):
            local = job.container.path(item["S3Output"]["LocalPath"])
            self.storage.upload_tree(local, item["S3Output"]["S3Uri"], key)

    def _write_config(self, job: RunningJob) -> None:
        """Write the two files under /opt/ml/config that AWS's processing contract promises."""
        record = job.record
        config = {
            member: record.get(member)
            for member in (
                "ProcessingJobArn",
                "ProcessingJobName",
                "AppSpecification",
                "Environment",
                "ProcessingInputs",
                "ProcessingOutputConfig",
                "ProcessingResources",
                "RoleArn",
                "StoppingCondition",
                "NetworkConfig",
            )
        }
        resources = {"current_host": "algo-1", "hosts": ["algo-1"]}
        directory = job.root / "config"
        (directory / "processingjobconfig.json").write_text(json.dumps(config, sort_keys=True, default=str))
        (directory / "resourceconfig.json").write_text(json.dumps(resources))


def _reason(job: RunningJob, message: str, code: int) -> str:
    """Return the failure reason: AWS's constant sentence, unless the job left a sentence of its own."""
    own = message or read_message(job.root / "output/failure")
    return f"AlgorithmError: {own[:960]}, exit code: {code}" if own else f"{_AWS_SPECIFIC}, exit code: {code}"


def _outputs(body: Body) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = body.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return outputs


def _check_input(item: dict[str, Any]) -> None:
    source = item.get("S3Input")
    name = item["InputName"]
    if source is None or source["S3DataType"] != "S3Prefix" or "LocalPath" not in source:
        raise unsupported(f"processing input {name}: inputs other than an S3Prefix with a LocalPath")
    if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
        what = f"processing input {name}: S3InputMode and S3CompressionType other than File and None"
        raise unsupported(what)
