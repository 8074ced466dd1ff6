"""The CSV that a Parquet or Arrow file becomes, block by block, read by a process of bounded memory and time.

The process has a clean environment: no credential, no setting, and none of our output but the CSV.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file.content import table_format
from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.core.ingest.table_file.text_program import DAMAGED

if TYPE_CHECKING:
    from collections.abc import Generator

_BLOCK = 1 << 20
_SECONDS = 840
"""Of the 900 that the function has."""
LARGEST_TEXT = 16 * 1024**3
"""In bytes; a file of some kilobytes may state billions of equal rows."""


class TableRefused(Exception):  # noqa: N818  # a verdict, not a fault of ours
    """A table that is rejected as a whole, with the problems."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep why."""
        super().__init__("The table is refused.")
        self.problems = problems


def text_blocks(
    file: Path, use_case: str, purpose: str, *, seconds: float = _SECONDS, largest: int = LARGEST_TEXT
) -> Generator[bytes]:
    """Yield the CSV of a Parquet or Arrow file, header first; raises TableRefused, after blocks as well."""
    with file.open("rb") as opened:
        title = table_format(opened.read(8))
    program = "clinrisk.core.ingest.table_file.text_program"
    with subprocess.Popen(
        [sys.executable, "-m", program, str(file), use_case, purpose],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what a library says of a file may repeat a cell
        env={
            "PYTHONPATH": ":".join(sys.path),
            "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR") or "",
            "POLARS_MAX_THREADS": "2",
        },
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        clock = threading.Timer(seconds, process.kill)
        clock.start()
        size = 0
        try:
            first = process.stdout.readline()
            problems = [Problem(FileRule(rule), tuple(names), detail) for rule, names, detail in _list(first)]
            while not problems and size <= largest and (block := process.stdout.read(_BLOCK)):
                size += len(block)
                yield block
        finally:
            clock.cancel()
            process.kill() if size > largest else None
            process.stdout.close()
            ended = process.wait()
    if problems:
        raise TableRefused(problems)
    if ended == DAMAGED:
        raise TableRefused([Problem(FileRule.TABLE_DAMAGED, detail=title)])
    if ended < 0:
        # Ended by a signal: memory, time or size.
        raise TableRefused([Problem(FileRule.TABLE_TOO_LARGE, detail=title)])
    if ended or not first:
        message = "The program that reads tables failed."
        raise RuntimeError(message)


def text_of(data: bytes, use_case: str, purpose: str) -> bytes:
    """Return the CSV of a Parquet or Arrow file in memory; raises TableRefused."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table"
        file.write_bytes(data)
        return b"".join(text_blocks(file, use_case, purpose))


def _list(line: bytes) -> list[tuple[str, list[str], str]]:
    found: list[tuple[str, list[str], str]] = json.loads(line or b"[]")
    return found
