"""Lambda layers built for the interpreter that runs the twin, once per content.

On AWS `sam build` does this for python3.12 (`BuildMethod`): the folder's own packages and its requirements
end up under `python/`. A laptop may have only 3.11 or 3.13, so the twin builds for the interpreter that will
run the handlers.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

from twin.deployment.unpacked_layers import UNPACKED, compile_all, keep_unpacked
from twin.state import BUILD, PROJECT

LAYERS = BUILD / "layers"
INTERPRETER = f"{sys.implementation.cache_tag}-{os.uname().machine}"
_INSTALLER = PROJECT / ".envs/uv/bin/uv"
_UNUSED_SECONDS = 14 * 24 * 3600.0
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


class BuildError(Exception):
    """A layer's requirements could not be installed; the message holds the installer's words."""


def source_files(folder: Path) -> list[Path]:
    """Return the files that belong to a code folder, in a stable order; caches are not among them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not _SKIPPED & set(path.parts))
    return sorted(path for path in files if path.suffix != ".pyc")


def digest_of(folder: Path, files: Iterable[Path], *extra: str) -> str:
    """Return the sha256 of names and contents: equal code gives an equal archive under an equal name."""
    total = hashlib.sha256("\0".join(extra).encode())
    for path in files:
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def archive(folder: Path, files: Iterable[Path], target: Path, level: int = 6) -> None:
    """Write a zip whose bytes depend on names and contents only."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    draft.replace(target)


def build_layer(folder: Path) -> Path:
    """Return the layer's zip, built now or found by the digest of its folder and this interpreter."""
    LAYERS.mkdir(parents=True, exist_ok=True)
    files = source_files(folder)
    target = LAYERS / f"{folder.name}-{digest_of(folder, files, INTERPRETER)[:32]}.zip"
    if not target.exists():
        site = _install(folder / "requirements.txt")
        with tempfile.TemporaryDirectory(dir=LAYERS) as scratch:
            content = Path(scratch) / "content"
            shutil.copytree(site, content / "python", symlinks=True, copy_function=os.link)
            for path in files:
                if path != folder / "requirements.txt":
                    placed = content / "python" / path.relative_to(folder)
                    placed.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, placed)
            archive(content, source_files(content), target, level=1)
            # What the workers will import from, made here: the engine need not unpack and compile it again.
            keep_unpacked(content, target)
    _forget_unused()
    return target


def _install(requirements: Path) -> Path:
    """Return a folder with a layer's requirements, installed and compiled once per requirements file."""
    wanted = requirements.read_bytes() if requirements.exists() else b""
    target = LAYERS / f"site-{hashlib.sha256(wanted + INTERPRETER.encode()).hexdigest()[:32]}"
    if target.exists():
        os.utime(target)
        return target
    with tempfile.TemporaryDirectory(dir=LAYERS) as scratch:
        site = Path(scratch) / "site"
        site.mkdir()
        if wanted:
            _run_installer(requirements, site)
            (site / ".lock").unlink(missing_ok=True)
            compile_all(site)
        # Another deploy may have installed the same in the meantime: then theirs serves as well.
        if not target.exists():
            site.rename(target)
    return target


def _run_installer(requirements: Path, site: Path) -> None:
    """Install with the project's own installer where it exists, else with pip."""
    into = ["--target", str(site), "--only-binary", ":all:", "-r", str(requirements)]
    command = [str(_INSTALLER), "pip", "install", "--quiet", "--python", sys.executable]
    if not _INSTALLER.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    done = subprocess.run([*command, *into], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"The requirements {requirements} cannot be installed:\n{done.stderr.strip()}")


def _forget_unused() -> None:
    """Remove what nobody has used for two weeks: every change of the code leaves a copy here."""
    for entry in [*LAYERS.glob("*.zip"), *LAYERS.glob("site-*"), *UNPACKED.glob("*")]:
        if entry.stat().st_mtime < time.time() - _UNUSED_SECONDS:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
