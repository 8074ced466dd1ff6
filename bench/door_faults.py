"""Measure which faults of a complete column stop a file before anything is scored, and which healthy files.

Usage: CLINRISK_REAL_DATA=FOLDER .envs/dev/bin/python bench/door_faults.py [FILES]

Per kind of fault, share and size, FILES files (60) are drawn from each public file, the columns that the kind
can spoil in turn; seeded, so that the table is the same every time. A file takes the same way as an upload:
the ingest, then the door, held against the profile of a random 80% of the public patients. The fault is in
all rows, in the first or the last half, or in half of them anywhere. Files that pass are listed by column:
"little" where the fault changed fewer than a tenth of the column's cells.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.cutting import FIRST_ROW
from clinrisk.core.ingest.verdict import decide
from clinrisk.core.scoring.batch_judgement import judge_profile
from clinrisk.use_cases.columns import Code, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

    Fault = Callable[[list[str], Column, random.Random], list[str]]
    Rows = Sequence[Sequence[str]]

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
FILES = {"heart": "processed.cleveland.data", "stroke": "healthcare-dataset-stroke-data.csv"}
SIZES, HEALTHY_SIZES = (50, 300, 1000), (20, 50, 500, 5000)
SHARES = ("all rows", "half, in one piece", "half, anywhere")
LITTLE = 0.1
WITH_DECIMALS = {"oldpeak", "avg_glucose_level", "bmi"}


def _written(value: str) -> Fault:
    return lambda cells, _, __: [value] * len(cells)


def _numbers(change: Callable[[float], float]) -> Fault:
    return lambda cells, _, __: [f"{change(float(c)):.10g}" if c[:1].isdigit() else c for c in cells]


def _one_value(cells: list[str], column: Column, draw: random.Random) -> list[str]:
    return [draw.choice(_values(cells, column))] * len(cells)


def _exchanged(cells: list[str], column: Column, draw: random.Random) -> list[str]:
    one, other = draw.sample(sorted(set(_values(cells, column))), 2)
    return [{one: other, other: one}.get(cell, cell) for cell in cells]


def _sorted(cells: list[str], _: Column, __: random.Random) -> list[str]:
    return sorted(cells, key=_order)


def _order(cell: str) -> tuple[float, str]:
    """Return by what cells are sorted: numbers first, by their size."""
    return (float(cell), cell) if cell[:1].isdigit() else (1e9, cell)


def _values(cells: list[str], column: Column) -> list[str]:
    """Return the cells that hold a value."""
    known = [cell for cell in cells if cell not in {"?", "N/A", ""}]
    return known if isinstance(column, Number) else [cell for cell in known if _is_code(cell, column)]


def _is_code(cell: str, column: Code) -> bool:
    return cell in column.values or (column.numeric and f"{float(cell):g}" in column.values)


def _is_measured(column: Column) -> bool:
    return isinstance(column, Number) and not column.integer


def _is_counted(column: Column) -> bool:
    return column.integer if isinstance(column, Number) else column.numeric


KINDS: dict[str, tuple[Callable[[Column], bool], Fault]] = {
    "empty": (lambda _: True, _written("")),
    "999": (lambda _: True, _written("999")),
    "one value": (lambda _: True, _one_value),
    "zeros": (lambda column: isinstance(column, Number) or column.numeric, _written("0")),
    "times 10": (_is_measured, _numbers(lambda value: value * 10)),
    "a tenth": (_is_measured, _numbers(lambda value: value / 10)),
    "no decimal point": (
        lambda column: column.name in WITH_DECIMALS,
        lambda cells, _, __: [cell.replace(".", "") for cell in cells],
    ),
    "decimals rounded away": (lambda column: column.name in WITH_DECIMALS, _numbers(round)),
    "codes one higher": (_is_counted, _numbers(lambda value: value + 1)),
    "codes one lower": (_is_counted, _numbers(lambda value: value - 1)),
    "two codes exchanged": (lambda column: isinstance(column, Code), _exchanged),
    "sorted apart": (lambda _: True, _sorted),
    "between patients": (lambda _: True, lambda cells, _, draw: draw.sample(cells, len(cells))),
}


class Judged(NamedTuple):
    """What became of a file with a fault."""

    size: int
    share: str
    column: str
    little: bool
    stopped: bool


@dataclass(frozen=True)
class PublicFile:
    """A public file as rows of cells, and the profile of the patients that stand for the training set."""

    use_case: UseCase
    header: tuple[str, ...]
    rows: list[list[str]]
    reference: Profile | None

    @classmethod
    def read(cls, name: str) -> PublicFile:
        """Return the public file of a use case."""
        use_case = use_cases.get(name)
        rows = [line.split(",") for line in (FOLDER / FILES[name]).read_text(encoding="ascii").splitlines()]
        header = tuple(rows.pop(0)) if use_case.id_column else use_case.header
        trained = random.Random(1).sample(rows, len(rows))[: len(rows) * 4 // 5]  # noqa: S311 # a sample
        return cls(use_case, header, rows, _ingested(use_case, header, trained)[1])

    def verdict(self, rows: Rows) -> str:
        """Return the verdict on a file: that of the ingest where it is stopped there, or else the door's."""
        disposition, profile = _ingested(self.use_case, self.header, rows)
        if disposition in {"HELD", "REJECTED"} or profile is None:
            return "HELD"
        return str(judge_profile(self.use_case, self.reference, profile).verdict)


def _ingested(use_case: UseCase, header: tuple[str, ...], rows: Rows) -> tuple[str, Profile | None]:
    """Ingest rows as an inference file; those with an id are numbered anew."""
    lines = [[str(number), *row[1:]] if use_case.id_column else row for number, row in enumerate(rows, 1)]
    data = "".join(",".join(line) + "\n" for line in lines).encode()
    chunk = read_chunk(data, use_case, "inference", header, FIRST_ROW, b"k" * 32)
    return decide(chunk.counts, use_case).disposition, chunk.profile


def _touched(rows: int, share: str, draw: random.Random) -> list[int]:
    """Return which rows of a file a fault is in."""
    if share == "all rows":
        return list(range(rows))
    if share == "half, anywhere":
        return sorted(draw.sample(range(rows), rows // 2))
    return list(range(rows // 2) if draw.random() < 0.5 else range(rows // 2, rows))


def judged_faults(name: str, kind: str, files: int) -> list[Judged]:
    """Return what became of the files with one kind of fault."""
    public, (applies, fault) = PublicFile.read(name), KINDS[kind]
    columns = [column for column in public.use_case.columns if applies(column)]
    found = []
    for size in SIZES if columns else ():
        for share in SHARES:
            draw = random.Random(f"{name} {kind} {size} {share}")  # noqa: S311 # a sample
            for number in range(files):
                column = columns[number % len(columns)]
                at = public.header.index(column.name)
                rows = [list(row) for row in draw.choices(public.rows, k=size)]
                touched = _touched(size, share, draw)
                before = [rows[row][at] for row in touched]
                try:
                    after = fault(before, column, draw)
                except ValueError:
                    continue  # a sample with one code, of which two cannot be exchanged
                for row, cell in zip(touched, after, strict=True):
                    rows[row][at] = cell
                changed = sum(a != b for a, b in zip(before, after, strict=True))
                stopped = public.verdict(rows) == "HELD"
                found.append(Judged(size, share, column.name, changed < LITTLE * size, stopped))
    return found


def healthy(name: str, files: int) -> dict[int, Counter[str]]:
    """Return the verdicts on samples of a public file, per size."""
    public, found = PublicFile.read(name), {}
    for size in HEALTHY_SIZES:
        draw = random.Random(f"{name} {size}")  # noqa: S311 # a sample
        found[size] = Counter(public.verdict(draw.choices(public.rows, k=size)) for _ in range(files))
    return found


def _by(at: int, rows: Rows) -> Rows:
    """Return rows sorted by one of their cells."""
    return sorted(rows, key=lambda row: _order(row[at]))


def sorted_files(name: str) -> dict[str, str]:
    """Return the verdicts on samples that are sorted by one of their columns."""
    public, found = PublicFile.read(name), {}
    for at, column in enumerate(public.header):
        for size in (300, 1000, 5000):
            draw = random.Random(f"{name} sorted {size} {column}")  # noqa: S311 # a sample
            rows = _by(at, draw.choices(public.rows, k=size))
            found[f"{column} {size}"] = public.verdict(rows)
    return found


def _print_kind(kind: str, found: list[Judged]) -> None:
    """Print one line of the table, and the files of the largest size that pass."""
    print(f"{kind:<24}", end="")
    for share in SHARES:
        for size in SIZES:
            those = [one for one in found if (one.size, one.share) == (size, share)]
            print(f"{f'{sum(one.stopped for one in those)}/{len(those)}':>8}", end="")
    print()
    for share in SHARES:
        passed = [one for one in found if not one.stopped and (one.size, one.share) == (SIZES[-1], share)]
        columns = Counter(f"{one.column}{' (little)' if one.little else ''}" for one in passed)
        if columns:
            listed = ", ".join(f"{column} {count}" for column, count in columns.most_common())
            print(f"    pass, {share}, {SIZES[-1]} rows: {listed}")


def main(files: int) -> None:
    """Print how many files are HELD or REJECTED, and the verdicts on healthy ones."""
    with ProcessPoolExecutor(2) as workers:
        jobs = {
            name: {kind: workers.submit(judged_faults, name, kind, files) for kind in KINDS} for name in FILES
        }
        untouched = {name: workers.submit(healthy, name, 200) for name in FILES}
        in_order = {name: workers.submit(sorted_files, name) for name in FILES}
        for name, kinds in jobs.items():
            print(f"{name:<24}" + "".join(f"{share:>24}" for share in SHARES))
            print(f"{'HELD or REJECTED, rows':<24}" + "".join(f"{n:>8}" for _ in SHARES for n in SIZES))
            for kind, job in kinds.items():
                _print_kind(kind, job.result())
            sys.stdout.flush()
        for name, verdicts in untouched.items():
            for size, found in verdicts.result().items():
                print(f"healthy, {name}, {size} rows: {dict(found)}")
        for name, by_column in in_order.items():
            sizes = by_column.result()
            held = [column for column, verdict in sizes.items() if verdict == "HELD"]
            print(f"healthy, {name}, sorted by a column: {len(held)} of {len(sizes)} HELD {held}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
