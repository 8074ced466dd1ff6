"""SageMaker's container contract as paths: where a job reads, writes, and reports why it failed.

The platform lays everything out under /opt/ml. A machine without containers gives another root in
CLINRISK_ML_ROOT; nothing else differs.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clinrisk.errors import ObjectMissing, SettingMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ROOT = "/opt/ml"


@dataclass(frozen=True)
class Container:
    """One job's view of its files and settings."""

    root: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Container:
        """Return the container that these environment variables describe."""
        return cls(Path(environment.get("CLINRISK_ML_ROOT", DEFAULT_ROOT)), environment)

    def setting(self, name: str) -> str:
        """Return an environment variable of the job; raises SettingMissing."""
        value = self.environment.get(name, "")
        if not value:
            raise SettingMissing(f"The job was started without {name}.")
        return value

    def hyperparameters(self) -> dict[str, str]:
        """Return the training job's hyperparameters, all strings."""
        path = self.root / "input" / "config" / "hyperparameters.json"
        found: dict[str, str] = read_json(path) if path.exists() else {}
        return found

    def channel(self, name: str) -> Path:
        """Return the folder of a training job's input channel; raises ObjectMissing."""
        return _folder(self.root / "input" / "data" / name, name)

    def input(self, name: str) -> Path:
        """Return the folder of a processing job's input; raises ObjectMissing."""
        return _folder(self.root / "processing" / "input" / name, name)

    def has_input(self, name: str) -> bool:
        """Whether a processing job was given that input with something in it."""
        folder = self.root / "processing" / "input" / name
        return folder.is_dir() and any(folder.iterdir())

    def output(self, name: str) -> Path:
        """Return the folder whose files the platform uploads when a processing job ends."""
        return _made(self.root / "processing" / "output" / name)

    @property
    def model(self) -> Path:
        """The folder that becomes model.tar.gz."""
        return _made(self.root / "model")

    @property
    def output_data(self) -> Path:
        """The folder that becomes output.tar.gz."""
        return _made(self.root / "output" / "data")

    def report_failure(self, sentence: str, *, training: bool) -> None:
        """Write the one sentence that the platform shows as FailureReason or, in processing, ExitMessage."""
        name = "failure" if training else "message"
        (_made(self.root / "output") / name).write_text(sentence, encoding="utf-8")


def _folder(path: Path, name: str) -> Path:
    """Return an input folder; raises ObjectMissing when the platform did not bring it."""
    if not path.is_dir():
        raise ObjectMissing(f"The job's input {name} is missing.")
    return path


def _made(path: Path) -> Path:
    """Return a folder, created if need be."""
    path.mkdir(parents=True, exist_ok=True)
    return path


def machine_memory() -> int:
    """Return how many bytes of memory this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def read_json(path: Path) -> Any:
    """Return a JSON file's content; raises ObjectMissing when it is not there."""
    if not path.is_file():
        raise ObjectMissing(f"The file {path.name} is missing from the job's inputs.")
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, document: Any) -> None:
    """Write JSON that is the same bytes for the same content, and that never contains NaN."""
    text = json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1, sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
