"""A stroke file of any length: synthetic patients, repeated with ids of their own, in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.local_files import synthetic_cohort

if TYPE_CHECKING:
    from pathlib import Path

_DRAWN = 200_000


def write(path: Path, rows: int) -> int:
    """Write a training file of so many rows; gives its size in bytes."""
    drawn = synthetic_cohort.draw("stroke", rows=min(rows, _DRAWN), seed=3)
    header, _, body = drawn.partition(b"\n")
    tails = [line.partition(",")[2] for line in body.decode().splitlines()]
    with path.open("w", encoding="ascii") as file:
        file.write(header.decode() + "\n")
        for start in range(0, rows, len(tails)):
            numbered = enumerate(tails[: rows - start], start + 1)
            file.writelines(f"{number},{tail}\n" for number, tail in numbered)
    return path.stat().st_size
