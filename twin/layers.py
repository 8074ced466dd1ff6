"""Build a Lambda layer for the interpreter that runs the twin, once per content.

On AWS `sam build` does this for python3.12 (`BuildMethod`): the folder's own packages and its requirements
end up under `python/`. A laptop may have only 3.11 or 3.13, so the twin builds for the interpreter that will
run the handlers.
"""

import compileall
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from twin.state import PROJECT

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SKIPPED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


class BuildError(Exception):
    """A layer's requirements could not be installed; the message holds the installer's words."""


def source_files(folder: Path) -> list[Path]:
    """Give the files that belong to a code folder, in a stable order; caches are not among them."""
    files = (path for path in folder.rglob("*") if path.is_file() and not _SKIPPED & set(path.parts))
    return sorted(path for path in files if path.suffix != ".pyc")


def digest_of(folder: Path, files: Iterable[Path], *extra: str) -> str:
    """Give the sha256 of names and contents: equal code gives an equal archive under an equal name."""
    total = hashlib.sha256("\0".join(extra).encode())
    for path in files:
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def archive(folder: Path, files: Iterable[Path], target: Path, prefix: str = "", level: int = 6) -> None:
    """Write a zip whose bytes depend on names and contents only."""
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as packed:
        for path in files:
            entry = zipfile.ZipInfo(prefix + path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    draft.replace(target)


def build_layer(folder: Path, cache: Path) -> Path:
    """Give the layer's zip, built now or found by the digest of its folder and this interpreter."""
    files = source_files(folder)
    interpreter = f"{sys.implementation.cache_tag}-{os.uname().machine}"
    target = cache / f"{folder.name}-{digest_of(folder, files, interpreter)[:32]}.zip"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    dependencies = _install(folder / "requirements.txt", cache, interpreter)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        python = Path(scratch) / "python"
        shutil.copytree(dependencies, python, symlinks=True, copy_function=os.link)
        for path in files:
            if path != folder / "requirements.txt":
                (python / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, python / path.relative_to(folder))
        for name in {path.relative_to(folder).parts[0] for path in files if path.suffix == ".py"}:
            _compile(python / name)
        archive(Path(scratch), sorted(path for path in python.rglob("*") if path.is_file()), target, level=1)
    return target


def _install(requirements: Path, cache: Path, interpreter: str) -> Path:
    """Give a folder with a layer's requirements, installed and compiled once per requirements file."""
    wanted = requirements.read_bytes() if requirements.exists() else b""
    target = cache / f"site-{hashlib.sha256(wanted + interpreter.encode()).hexdigest()[:32]}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        site = Path(scratch) / "site"
        site.mkdir()
        if wanted:
            _run_installer(requirements, site)
            _compile(site)
        # Another deploy may have installed the same in the meantime: then theirs serves as well.
        if not target.exists():
            site.rename(target)
    return target


def _run_installer(requirements: Path, site: Path) -> None:
    """Install with the project's own installer where it exists, else with pip."""
    fast = PROJECT / ".envs/uv/bin/uv"
    into = ["--target", str(site), "--only-binary", ":all:", "-r", str(requirements)]
    command = [str(fast), "pip", "install", "--quiet", "--python", sys.executable]
    if not fast.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--disable-pip-version-check",
        ]
    done = subprocess.run([*command, *into], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"The layer requirements {requirements} cannot be installed:\n{done.stderr.strip()}")


def _compile(path: Path) -> None:
    """Ship bytecode that no clock invalidates: uncompiled packages cost a second per cold start."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compiled = compileall.compile_dir if path.is_dir() else compileall.compile_file
    compiled(str(path), quiet=2, invalidation_mode=mode, stripdir=str(path.parent))
