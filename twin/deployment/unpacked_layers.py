"""Layers as the workers import them: unpacked and compiled once per content, for all workers of all twins."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

from twin.state import BUILD

UNPACKED = BUILD / "layers/unpacked"


def unpacked(content: bytes) -> Path:
    """Return the folder with a layer's content."""
    target = UNPACKED / hashlib.sha256(content).hexdigest()
    if target.exists():
        os.utime(target)
        return target
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=UNPACKED) as scratch:
        draft = Path(scratch) / "content"
        with zipfile.ZipFile(BytesIO(content)) as packed:
            packed.extractall(draft)
        _keep(draft, target)
    return target


def keep_unpacked(folder: Path, archive: Path) -> None:
    """Take over a folder as the unpacked content of an archive that was made of it."""
    UNPACKED.mkdir(parents=True, exist_ok=True)
    _keep(folder, UNPACKED / hashlib.sha256(archive.read_bytes()).hexdigest())


def compile_all(folder: Path) -> None:
    """Put bytecode next to every module that no clock invalidates.

    Uncompiled packages cost a second per cold start; inside the archive, bytecode would count against the
    250 MB that a function and its layers may have. Files that came with their bytecode are left as they are.
    """
    wanted = [path for path in folder.rglob("*.py") if not _bytecode(path).exists()]
    command = [sys.executable, "-I", "-m", "compileall", "-q", "-q", "-j", "2", "-i", "-"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    subprocess.run(command, input="\n".join(map(str, wanted)), text=True, check=False, capture_output=True)


def _bytecode(path: Path) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"


def _keep(draft: Path, target: Path) -> None:
    compile_all(draft)
    if not target.exists():
        draft.rename(target)
