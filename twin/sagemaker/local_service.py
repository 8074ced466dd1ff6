"""SageMaker's API as a function: operation and input in, output or a SageMakerError out."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import SageMakerError, invalid
from twin.sagemaker.catalogue import Catalogue
from twin.sagemaker.feature_store.feature_groups import FeatureGroups
from twin.sagemaker.feature_store.record_store import RecordStore
from twin.sagemaker.jobs.machines import Machines
from twin.sagemaker.jobs.processing_jobs import ProcessingJobs
from twin.sagemaker.jobs.training_jobs import TrainingJobs
from twin.sagemaker.jobs.transform_jobs import TransformJobs
from twin.sagemaker.jobs.tuning_jobs import TuningJobs
from twin.sagemaker.protocol import service_model
from twin.sagemaker.protocol.request_validation import problems
from twin.sagemaker.protocol.wire_format import to_wire
from twin.sagemaker.registry.model_packages import ModelPackages
from twin.sagemaker.registry.served_models import ServedModels

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.sagemaker.jobs.job_board import JobBoard
    from twin.sagemaker.platform import Body, Platform


class LocalSageMaker:
    """All of the local SageMaker: jobs, models, registry and Feature Store, over one platform."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.catalogue = Catalogue()
        machines = Machines(platform.job_slots)
        # What a twin that was killed left behind is nobody's any more, and it may hold patients' data.
        shutil.rmtree(platform.state_dir / "jobs", ignore_errors=True)
        self.training = TrainingJobs(platform, self.catalogue, machines)
        self.processing = ProcessingJobs(platform, self.catalogue, machines)
        self.packages = ModelPackages(platform, self.catalogue)
        self.models = ServedModels(platform, self.catalogue, self.packages.package)
        self.transform = TransformJobs(platform, self.catalogue, machines, self.models.data)
        self.tuning = TuningJobs(platform, self.catalogue, self.training)
        # A tuning job starts training jobs, so it is the first to be ended.
        self.boards: tuple[JobBoard, ...] = (self.tuning, self.training, self.processing, self.transform)
        self.groups = FeatureGroups(platform, self.catalogue)
        self.features = RecordStore(platform, self.groups.group)
        self.groups.when_deleted = self.features.forget
        self._data_plane = self.features.operations()
        self._operations: dict[str, Callable[[Body], Body]] = self.catalogue.tag_operations()
        for part in (*self.boards, self.packages, self.models, self.groups):
            self._operations |= part.operations()

    def board(self, noun: str) -> JobBoard:
        """Return the jobs of a kind, such as TrainingJob."""
        return next(board for board in self.boards if board.noun == noun)

    @property
    def implemented(self) -> frozenset[str]:
        """Return the names of the control-plane operations that work here."""
        return frozenset(self._operations)

    def contents(self) -> Body:
        """Return all that is known, to be restored by another twin."""
        return {"catalogue": self.catalogue.contents(), "features": self.features.contents()}

    def restore(self, contents: Body) -> None:
        """Know what another twin knew; its jobs are as they were when it stopped."""
        self.catalogue.restore(contents["catalogue"])
        self.features.restore(contents["features"])

    def end_interrupted(self) -> None:
        """End the jobs that ran when another twin stopped."""
        for board in self.boards:
            board.end_interrupted()

    def handle(self, operation: str, body: Body) -> Body:
        """Do one operation of SageMaker's control plane; the answer is ready to be sent as JSON."""
        return self._do(service_model.CONTROL_PLANE, self._operations, operation, body)

    def handle_features(self, operation: str, body: Body) -> Body:
        """Do one operation of the Feature Store's runtime, refused with that API's own error codes."""
        try:
            return self._do(service_model.FEATURE_STORE, self._data_plane, operation, body)
        except SageMakerError as error:
            if error.code == "ValidationException":
                raise SageMakerError("ValidationError", error.message) from error
            raise

    def shutdown(self) -> None:
        """Kill every job's processes; what only memory holds goes with the twin."""
        for board in self.boards:
            board.kill_all()

    @staticmethod
    def _do(service: str, operations: dict[str, Callable[[Body], Body]], operation: str, body: Body) -> Body:
        known = service_model.operation(service, operation)
        if known is None or operation not in operations:
            why = (
                "AWS has no such operation" if known is None else "the local SageMaker does not implement it"
            )
            raise SageMakerError("UnknownOperationException", f"{operation}: {why}.")
        found = problems(known.input_shape, body)
        if found:
            plural = "error" if len(found) == 1 else "errors"
            message = f"{len(found)} validation {plural} detected: " + "; ".join(found[:10])
            raise invalid(message)
        answer: Any = to_wire(known.output_shape, operations[operation](body))
        return dict(answer)
