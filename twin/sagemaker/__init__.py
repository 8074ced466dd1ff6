"""Get a SageMaker and Feature Store on a laptop: jobs as subprocesses, their files in S3.

The core (`service.LocalSageMaker`) is a function from operation and input to output and knows no engine;
`install` connects it to the one that this process runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from twin.sagemaker.local_service import LocalSageMaker

__all__ = ["install"]


def install(endpoint_url: str, state_dir: Path, jobs_python: Path) -> LocalSageMaker:
    """Put a local SageMaker into the engine of this process and get it; call its `shutdown` at the end.

    `jobs_python` is the interpreter with the image's pins; jobs live under `state_dir`/jobs while they run.
    """
    # The engine reads its environment on import, and the core must be usable where there is no engine.
    from twin.sagemaker.engine.installation import put_into_engine  # noqa: PLC0415

    return put_into_engine(endpoint_url, state_dir, jobs_python)
