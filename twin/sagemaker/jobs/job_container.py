"""A container's life on a laptop: own process group, own /opt/ml, scrubbed environment, a deadline.

The image is not pulled. `python3` is the interpreter that has the image's pins, and a leading /opt/ml in the
command is the job's root; the code learns that root from CLINRISK_ML_ROOT.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import MAX_FAILURE_REASON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ML_ROOT = "/opt/ml"
_GUARD = Path(__file__).with_name("programs") / "process_guard.py"
ROOT_VARIABLE = "CLINRISK_ML_ROOT"
_PYTHON_NAMES = frozenset({"python", "python3", "/usr/bin/python3", "/miniconda3/bin/python3"})
# AWS waits 120 s between the polite and the rude signal; on a laptop somebody is looking.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class ContainerExit:
    """How a container ended; `code` is 128 + n after signal n, as container runtimes report it."""

    code: int
    timed_out: bool
    stopped: bool


class JobContainer:
    """One process group under `root`, run to its end by `run`, ended early by `stop` from another thread."""

    def __init__(self, root: Path, python: Path, log: Callable[[str], None]) -> None:
        self.root = root
        self._python = python
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def path(self, ml_path: str) -> Path:
        """Return where a path of the container is on this machine.

        >>> JobContainer(Path("/tmp/job"), Path("python3"), print).path("/opt/ml/model").as_posix()
        '/tmp/job/model'
        """
        inside = Path(ml_path)
        return (
            self.root / inside.relative_to(ML_ROOT) if inside.is_relative_to(ML_ROOT) else self.root / ml_path
        )

    def local(self, word: str) -> str:
        """Return a word of the command with a leading /opt/ml mapped to the root."""
        if word == ML_ROOT or word.startswith(ML_ROOT + "/"):
            return str(self.root) + word[len(ML_ROOT) :]
        return word

    def run(
        self, command: Sequence[str], environment: Mapping[str, str], seconds: float | None
    ) -> ContainerExit:
        """Run a command until it ends, its time is over or `stop` is called; log every line it writes."""
        words = [self.local(word) for word in command]
        if words[0] in _PYTHON_NAMES:
            words[0] = str(self._python)
        with self._lock:
            if self._stopped:
                return ContainerExit(128 + signal.SIGTERM, timed_out=False, stopped=True)
            self._process = subprocess.Popen(
                [str(self._python), "-I", "-S", str(_GUARD), *words],
                cwd=self.root,
                env=self._environment(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        expired = threading.Event()
        timer = threading.Timer(seconds, self._expire, [expired]) if seconds else None
        if timer:
            timer.daemon = True
            timer.start()
        pump = threading.Thread(target=self._pump, args=[self._process], daemon=True)
        pump.start()
        try:
            code = self._process.wait()
        finally:
            if timer:
                timer.cancel()
            self.kill()
            assert self._process.stdin is not None  # noqa: S101 - asked for by PIPE above
            self._process.stdin.close()
            pump.join(GRACE_SECONDS)
        code = code if code >= 0 else 128 - code  # the guard itself was killed
        return ContainerExit(code, timed_out=expired.is_set() and not self._stopped, stopped=self._stopped)

    def _pump(self, process: subprocess.Popen[bytes]) -> None:
        """Log each line; an own thread, because a child left behind by the job would keep the pipe open."""
        assert process.stdout is not None  # noqa: S101 - asked for by PIPE above
        with process.stdout as output:
            for line in output:
                self._log(line.decode(errors="replace").rstrip("\n"))

    @property
    def stopped(self) -> bool:
        """Return whether somebody has asked for the end."""
        return self._stopped

    def stop(self) -> None:
        """End the job as StopTrainingJob does: SIGTERM, a moment to save, then SIGKILL."""
        with self._lock:
            self._stopped = True
        self._end()

    def abandon(self) -> None:
        """End the job at once and let nothing new start in it: the twin itself is going down."""
        with self._lock:
            self._stopped = True
        self.kill()

    def kill(self) -> None:
        """Kill whatever is left of the process group, also children that outlived the job's main process."""
        self._signal(signal.SIGKILL)

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        self._end()

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._signal(signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a container: none of the twin's own, so no credential leaks in."""
        scratch = self.root / "tmp"
        scratch.mkdir(exist_ok=True)
        return {
            "PATH": f"{self._python.parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONNOUSERSITE": "1",
            # Two jobs share a laptop: without a bound each would start a thread per core in every library.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            ROOT_VARIABLE: str(self.root),
            **extra,
        }


def read_message(path: Path) -> str:
    """Return what a job wrote about its own end, at most 1,024 characters, or an empty string."""
    if not path.is_file():
        return ""
    return path.read_text(errors="replace")[: 4 * MAX_FAILURE_REASON].strip()[:MAX_FAILURE_REASON]
