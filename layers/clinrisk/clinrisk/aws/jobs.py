"""Jobs of SageMaker, as far as one has to know whether they still run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from clinrisk.aws import clients

if TYPE_CHECKING:
    from collections.abc import Callable

_RUNNING = {"InProgress", "Stopping", "Pending", "Starting", "Deleting"}
_NO_SUCH_JOB = {"ResourceNotFound", "ValidationException"}


def is_running(pool: str, name: str) -> bool | None:
    """Return whether a job of a pool (transform, processing, training) runs; None while there is none."""
    for status in _STATUSES[pool]:
        try:
            return status(name) in _RUNNING
        except ClientError as error:
            # SageMaker says of a job that it does not know: ValidationException, or ResourceNotFound.
            if error.response["Error"]["Code"] not in _NO_SUCH_JOB:
                raise
    return None


def _transform(name: str) -> str:
    return clients.sagemaker().describe_transform_job(TransformJobName=name)["TransformJobStatus"]


def _processing(name: str) -> str:
    return clients.sagemaker().describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]


def _training(name: str) -> str:
    return clients.sagemaker().describe_training_job(TrainingJobName=name)["TrainingJobStatus"]


def _tuning(name: str) -> str:
    found: Any = clients.sagemaker().describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    return str(found["HyperParameterTuningJobStatus"])


_STATUSES: dict[str, tuple[Callable[[str], str], ...]] = {
    "transform": (_transform,),
    "processing": (_processing,),
    # A search is made of training jobs, and takes their place.
    "training": (_training, _tuning),
}
