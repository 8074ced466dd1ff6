"""Archives (model.tar.gz, output.tar.gz) that have the same bytes for the same files, wherever packed."""

from __future__ import annotations

import gzip
import tarfile
from typing import TYPE_CHECKING

from twin.sagemaker.api_errors import JobFailure

if TYPE_CHECKING:
    from pathlib import Path


def pack(directory: Path, target: Path) -> None:
    """Write a directory's tree to a tar.gz: sorted, no clock, no owner, so its digest says what is in it."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in sorted(directory.rglob("*")):
            archive.add(path, path.relative_to(directory).as_posix(), recursive=False, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def unpack(source: Path, directory: Path) -> None:
    """Extract an archive into `directory`, refusing members that would leave it."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            archive.extractall(directory, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise JobFailure(f"ClientError: {source.name} is not a readable tar.gz archive") from error
