"""Jobs that run: a bounded number at once, each in its own thread and container."""

from __future__ import annotations

import logging
import shutil
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import JobFailure, SageMakerError, invalid, over_quota
from twin.sagemaker.catalogue import now, page
from twin.sagemaker.jobs.job_container import JobContainer
from twin.sagemaker.jobs.job_storage import JobStorage
from twin.sagemaker.jobs.log_stream import LogStream
from twin.sagemaker.protocol import service_model
from twin.sagemaker.protocol.wire_format import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twin.sagemaker.catalogue import Catalogue
    from twin.sagemaker.jobs.machines import Machines
    from twin.sagemaker.platform import Body, Platform

_log = logging.getLogger("twin.sagemaker")
MANAGED_BY = "MANAGED_BY_AWS"
_INTERRUPTED = "InternalServerError: the twin was stopped while the job ran"
_ALIVE = frozenset({"InProgress", "Stopping"})


class JobStopped(Exception):  # noqa: N818 - not an error: somebody stopped the job, or its time was over
    """A job that ends as Stopped; `detail` is the secondary status of a training job."""

    def __init__(self, detail: str = "Stopped") -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass
class RunningJob:
    """A running job: its record (the Describe output), its container and its log.

    `turn` is set when it has a machine, or when it need not wait for one any more.
    """

    name: str
    record: Body
    container: JobContainer
    log: LogStream
    turn: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def root(self) -> Path:
        """Return the directory that is /opt/ml to the job."""
        return self.container.root


class JobBoard(ABC):
    """All jobs of one kind; a subclass is the work, this class is what all jobs have in common."""

    noun: str  # as in CreateTrainingJob
    kind: str  # as in the ARN
    log_group: str
    log_stream: str = "{name}/algo-1-{epoch}"
    start_member: str
    end_member: str
    resources: tuple[str, ...] = ("ResourceConfig",)  # the way to the InstanceType
    summary_members: tuple[str, ...] = ()
    event_words: str = ""  # where the event is not called by the noun

    def __init__(self, platform: Platform, catalogue: Catalogue, machines: Machines) -> None:
        self.platform = platform
        self.catalogue = catalogue
        self.storage = JobStorage(platform)
        self._machines = machines
        self._jobs: dict[str, RunningJob] = {}

    def operations(self) -> dict[str, Callable[[Body], Body]]:
        """Return the four operations of this kind of job, by AWS's names."""
        return {
            f"Create{self.noun}": self.create,
            f"Describe{self.noun}": self.describe,
            f"Stop{self.noun}": self.stop,
            f"List{self.noun}s": self.list,
        }

    def create(self, body: Body) -> Body:
        """Start a job and get its ARN at once; the work goes on in a thread."""
        name = body[f"{self.noun}Name"]
        arn = self.platform.arn(f"{self.kind}/{name}")
        self.check(body)
        with self.catalogue.lock:
            table = self.catalogue.kind(self.kind)
            if name in table:
                raise SageMakerError(
                    "ResourceInUse",
                    "Job name must be unique within an AWS account and region, and a job with this name"
                    f" already exists ({arn})",
                )
            self.require_quota(body)
            moment = now()
            record = {key: value for key, value in body.items() if key != "Tags"}
            record |= {f"{self.noun}Arn": arn, f"{self.noun}Status": "InProgress"}
            record |= {"CreationTime": moment, "LastModifiedTime": moment} | self.initial(body)
            table[name] = record
            self.catalogue.tag(arn, body.get("Tags", []))
            announce = self._announcement(record)
        job = self._job(name, record)
        work = threading.Thread(
            target=self._live, args=[job, announce], name=f"{self.kind}-{name}", daemon=True
        )
        work.start()
        return {f"{self.noun}Arn": arn}

    def describe(self, body: Body) -> Body:
        """Return a copy of a job's record, consistent even while the job changes it."""
        with self.catalogue.lock:
            return dict(self._record(body[f"{self.noun}Name"]))

    def stop(self, body: Body) -> Body:
        """Ask a job to end; it is Stopping until its process is gone."""
        name = body[f"{self.noun}Name"]
        with self.catalogue.lock:
            record = self._record(name)
            status = record[f"{self.noun}Status"]
            if status not in _ALIVE:
                raise invalid(f"The request was rejected because the job is in status {status}.")
            announce = self._change(record, "Stopping")
        announce()
        job = self._jobs.get(name)
        if job:
            threading.Thread(target=_end, args=[job], daemon=True).start()
        return {}

    def list(self, body: Body) -> Body:
        """Return a page of summaries."""
        common = (f"{self.noun}Name", f"{self.noun}Arn", f"{self.noun}Status", "CreationTime")
        keep = {*common, self.end_member, "LastModifiedTime", "FailureReason", *self.summary_members}
        with self.catalogue.lock:
            table = self.catalogue.kind(self.kind).values()
            rows = [{key: record[key] for key in keep if key in record} for record in table]
        status = f"{self.noun}Status"
        return page(
            body, rows, name=f"{self.noun}Name", output=f"{self.noun}Summaries", status=status, limit=10
        )

    def wait(self, name: str, seconds: float | None = None) -> bool:
        """Block until a job has ended; False when the time ran out first."""
        job = self._jobs.get(name)
        return job is None or job.done.wait(seconds)

    def kill_all(self) -> None:
        """Kill every running job, for the twin's own end."""
        for job in list(self._jobs.values()):
            job.container.abandon()
            job.turn.set()

    def end_interrupted(self) -> None:
        """End as Failed what ran when another twin stopped: its processes are gone."""
        for record in list(self.catalogue.kind(self.kind).values()):
            if record[f"{self.noun}Status"] in _ALIVE:
                self._finish(record, "Failed", _INTERRUPTED, "Failed")

    @abstractmethod
    def check(self, body: Body) -> None:
        """Refuse what AWS refuses at creation and what the twin cannot run."""

    def require_quota(self, body: Body, wanted: int = 1) -> None:
        """Refuse more jobs at once than the quota of this kind allows; call it with the catalogue's lock."""
        kind = self.kind.removesuffix("-job")
        records = self.catalogue.kind(self.kind).values()
        used = sum(record[f"{self.noun}Status"] in _ALIVE for record in records)
        if used + wanted > (quota := self.platform.quota(kind)):
            resources = body
            for member in self.resources:
                resources = resources[member]
            raise over_quota(f"{resources['InstanceType']} for {kind} job usage", quota, used, wanted)

    def initial(self, body: Body) -> Body:
        """Return the further members of a new job's record."""
        del body
        return {}

    @abstractmethod
    def work(self, job: RunningJob) -> None:
        """Do the job; raise JobFailure or JobStopped unless it completed."""

    def seconds_left(self, record: Body) -> float | None:
        """Return the job's StoppingCondition in seconds."""
        limit = record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds")
        return float(limit) if limit else None

    def line_sink(self, name: str, record: Body, log: LogStream) -> Callable[[str], None]:
        """Return what takes each line that a job writes."""
        del name, record
        return log.write

    def ended(self, record: Body, detail: str) -> None:
        """Note the end in members that only one kind has."""
        del record, detail

    def credentials(self, record: Body, *, isolated: bool) -> dict[str, str]:
        """Return the variables through which a job reaches AWS as its role: none under network isolation."""
        if isolated:
            return {}
        try:
            given = self.platform.client("sts").assume_role(
                RoleArn=record["RoleArn"], RoleSessionName="SageMaker"
            )["Credentials"]
        except Exception as error:
            msg = f"ClientError: SageMaker could not assume the role {record['RoleArn']}"
            raise JobFailure(msg) from error
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
            **({"AWS_ENDPOINT_URL": self.platform.endpoint_url} if self.platform.endpoint_url else {}),
        }

    def _job(self, name: str, record: Body) -> RunningJob:
        root = self.platform.state_dir / "jobs" / self.kind / name
        shutil.rmtree(root, ignore_errors=True)
        stream = self.log_stream.format(name=name, epoch=int(record["CreationTime"].timestamp() * 1000))
        log = LogStream(self.platform, self.log_group, stream)
        line_sink = self.line_sink(name, record, log)
        job = RunningJob(
            name, record, JobContainer(root.resolve(), self.platform.jobs_python, line_sink), log
        )
        self._jobs[name] = job
        return job

    def _live(self, job: RunningJob, announce: Callable[[], None]) -> None:
        """Run a job from its machine to its last status; a fault of the twin's own is an InternalServerError.

        The announcement of its start is made here and first, so that it comes before that of its end.
        """
        announce()
        self._machines.ask(job.turn)
        try:
            job.turn.wait()
            if job.container.stopped:
                raise JobStopped  # noqa: TRY301 - stopped while it waited: the one early way out
            job.root.mkdir(parents=True, exist_ok=True)
            self._mark(job, **{self.start_member: now()})
            self.work(job)
            outcome, reason = "Completed", ""
            detail = "Completed"
        except JobStopped as stopped:
            outcome, reason, detail = "Stopped", "", stopped.detail
        except JobFailure as failure:
            outcome, reason, detail = "Failed", failure.reason, "Failed"
        except Exception as error:  # noqa: BLE001 - whatever it was, the job must end and say so
            _log.exception("The local SageMaker failed while it ran %s %s.", self.kind, job.name)
            outcome, detail = "Failed", "Failed"
            reason = (
                f"InternalServerError: the local SageMaker raised {type(error).__name__}; see the twin's log"
            )
        finally:
            self._machines.leave(job.turn)
        job.log.flush()
        shutil.rmtree(job.root, ignore_errors=True)  # patients' data does not outlive the job that needed it
        self._finish(job.record, outcome, reason, detail)
        self._jobs.pop(job.name, None)
        job.done.set()

    def _finish(self, record: Body, outcome: str, reason: str, detail: str) -> None:
        with self.catalogue.lock:
            record[self.end_member] = now()
            if reason:
                record["FailureReason"] = reason
            self.ended(record, detail)
            announce = self._change(record, outcome)
        announce()

    def _mark(self, job: RunningJob, **members: Any) -> None:
        with self.catalogue.lock:
            job.record.update(members)

    def _change(self, record: Body, status: str) -> Callable[[], None]:
        """Set a status and get what announces it."""
        record[f"{self.noun}Status"] = status
        record["LastModifiedTime"] = now()
        return self._announcement(record)

    def _announcement(self, record: Body) -> Callable[[], None]:
        """Return what announces a job as it is now, to be called without the lock: a target may call back.

        The detail is the Describe output with times in epoch milliseconds, and the tags as a map.
        """
        kind = f"SageMaker {self.event_words or self.noun.removesuffix('Job')} Job State Change"
        arn = record[f"{self.noun}Arn"]
        known = service_model.operation(service_model.CONTROL_PLANE, f"Describe{self.noun}")
        members = known.output_shape.members if known and known.output_shape else {}
        detail = jsonable({member: record[member] for member in members if member in record})
        detail["Tags"] = {tag["Key"]: tag["Value"] for tag in self.catalogue.tags(arn)}
        return lambda: self.platform.publish(kind, detail, [arn])

    def _record(self, name: str) -> Body:
        record = self.catalogue.kind(self.kind).get(name)
        if record is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return record


def _end(job: RunningJob) -> None:
    """Stop a job that runs, and one that still waits for a machine."""
    job.container.stop()
    job.turn.set()
