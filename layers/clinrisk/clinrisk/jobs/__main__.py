"""`python3 clinrisk.pyz <job>` runs one job of `JOBS` and exits with code 0 or 1.

Only the job's own module is imported: starting a job costs its imports and little else.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

from clinrisk.errors import ClinriskError
from clinrisk.jobs.container import Container

JOBS = {
    "assemble": "training.assemble",
    "train": "training.train",
    "evaluate": "evaluation.evaluate",
    "present": "scoring.present",
    "compare": "release.compare",
}
"""The name of each job, as the state machines give it, and the module that has its `run`."""


def main(arguments: list[str] | None = None) -> int:
    """Run the named job in this process's container; the failure sentence never carries a patient's value."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0] not in JOBS:
        sys.stderr.write(f"usage: clinrisk.pyz {' | '.join(JOBS)}\n")
        return 2
    name = given[0]
    # One thread for linear algebra: the tables are small, and sums in a fixed order give the same bytes.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    container = Container.of(os.environ)
    try:
        import_module(f"clinrisk.jobs.{JOBS[name]}").run(container)
    except ClinriskError as error:
        return _failed(container, name, str(error))
    except Exception as error:  # noqa: BLE001 - the last line of defence: an exception's text may quote a row
        return _failed(container, name, f"The {name} job stopped on an unexpected {_where(error)}.")
    return 0


def _failed(container: Container, name: str, sentence: str) -> int:
    """Write why into the file that the platform shows and into the job's log; return the exit code."""
    container.report_failure(sentence, training=name == "train")
    sys.stderr.write(sentence + "\n")
    return 1


def _where(error: Exception) -> str:
    """Name an exception's class and the line of ours that it came from, never its text.

    >>> _where(ValueError("could not convert 'a value'"))
    'ValueError'
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "clinrisk" in frame.filename]
    line = f" at {frames[-1].filename.rpartition('clinrisk/')[2]}:{frames[-1].lineno}" if frames else ""
    return type(error).__name__ + line


if __name__ == "__main__":
    sys.exit(main())
