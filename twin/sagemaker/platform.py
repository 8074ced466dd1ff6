"""The platform around the jobs: where AWS answers, which interpreter runs them, where events go."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Body = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """What every part of the local SageMaker shares; its keys are the root's, as SageMaker is AWS itself.

    Without an endpoint the addresses are AWS's own, where moto's mock listens in tests.
    `publish(detail_type, detail, resources)` puts an event of source aws.sagemaker on the default bus;
    `quota(kind)` is how many jobs of a kind the account may run at once. How many of them find a machine is
    `job_slots`: the others are in progress and wait, as they do on AWS when machines are scarce.
    """

    endpoint_url: str | None
    state_dir: Path
    jobs_python: Path
    region: str = "us-east-1"
    account: str = "000000000000"
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 - the local engine's root password is this word
    ca_bundle: str | None = None
    publish: Callable[[str, Body, list[str]], None] = lambda *_: None
    job_slots: int = 2
    quota: Callable[[str], int] = lambda _: 1_000_000
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def arn(self, resource: str) -> str:
        """Return the ARN of a SageMaker resource such as `training-job/x`."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{resource}"

    def client(self, service: str) -> Any:
        """Return the twin's own client of `service`; made once, as making one is slow and not thread-safe."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make_client(service)
            return self._clients[service]

    def _make_client(self, service: str) -> Any:
        import boto3  # noqa: PLC0415 - 20 MB that an idle twin does without
        from botocore.config import Config  # noqa: PLC0415 - comes with boto3

        return boto3.session.Session().client(
            service,  # type: ignore[call-overload]  # the stubs want a literal
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            verify=self.ca_bundle,
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 3}, max_pool_connections=20
            ),
        )
