"""The demo's files: one cohort cut into what trains, what arrives later, and the outcomes that come last."""

import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TRAINING_SHARE = 0.8
Row = Sequence[str]


@dataclass(frozen=True)
class DemoUseCase:
    """What the demo has to know of a use case; `clinrisk use-cases --json` says it."""

    name: str
    title: str
    header: tuple[str, ...]
    id_column: str | None
    label_column: str
    classes: Mapping[str, int]
    shift: str | None
    """The named change of population for the shifted batch."""
    trained: bool = True
    """Whether the model is trained here; else its predictions are sent to us."""
    approvers_needed: int = 1

    def label_of(self, written: str) -> int:
        """Return the outcome (0 or 1) of a label as a file writes it: 1, 1.0 and " 1" are the same code."""
        text = written.strip()
        return self.classes[text] if text in self.classes else self.classes[str(int(float(text)))]


@dataclass(frozen=True)
class CohortParts:
    """A cohort, cut: the files to drop, and the outcomes of the later patients in their file's order."""

    training: Path
    later: Path
    rows: int
    training_rows: int
    later_rows: int
    later_ids: tuple[str, ...]
    """The hospital's own ids; empty where the use case has none."""
    later_labels: tuple[int, ...]


def split(cohort: Path, contract: DemoUseCase, folder: Path, seed: int) -> CohortParts:
    """Cut a cohort: of each class 80% train, the rest comes later, without outcomes; each row once."""
    header, rows = _read(cohort)
    label_at = header.index(contract.label_column)
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 # which patients come later is no secret
    training: list[Row] = []
    later: list[Row] = []
    for outcome in (0, 1):
        members = [row for row in shuffled if contract.label_of(row[label_at]) == outcome]
        cut = round(len(members) * TRAINING_SHARE)
        training += members[:cut]
        later += members[cut:]
    random.Random(seed + 1).shuffle(training)  # noqa: S311
    random.Random(seed + 2).shuffle(later)  # noqa: S311
    id_at = header.index(contract.id_column) if contract.id_column else None
    return CohortParts(
        training=_write(folder / "training.csv", header, training),
        later=_write(
            folder / "later.csv", _without(header, label_at), [_without(row, label_at) for row in later]
        ),
        rows=len(rows),
        training_rows=len(training),
        later_rows=len(later),
        later_ids=tuple(row[id_at] for row in later) if id_at is not None else (),
        later_labels=tuple(contract.label_of(row[label_at]) for row in later),
    )


def outcomes(parts: CohortParts, results: Path, folder: Path, date: str) -> Path:
    """Write the later patients' outcomes, under the hospital's ids or else the results' ids."""
    if parts.later_ids:
        named = list(zip(parts.later_ids, parts.later_labels, strict=True))
    else:
        header, rows = _read(results)
        row_at, id_at = header.index("row"), header.index("id")
        # Rows are numbered as a spreadsheet shows them: the header is row 1.
        named = [(row[id_at], parts.later_labels[int(row[row_at]) - 2]) for row in rows]
    return _write(
        folder / "outcomes.csv", ("id", "label", "date"), [(name, str(label), date) for name, label in named]
    )


def with_wrong_header(training: Path, folder: Path, renamed: str) -> Path:
    """Write the same patients under a header in which one column has another name."""
    header, rows = _read(training)
    mistaken = tuple(f"{name}_" if name == renamed else name for name in header)
    return _write(folder / "wrong-header.csv", mistaken, rows)


def rows_in(results: Path) -> int:
    """Count the data rows of a file."""
    return len(_read(results)[1])


def _read(file: Path) -> tuple[tuple[str, ...], list[Row]]:
    with file.open(newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text)
    return tuple(header), [row for row in rows if row]


def _write(file: Path, header: Row, rows: Sequence[Row]) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue(), encoding="utf-8", newline="\n")
    return file


def _without(row: Row, index: int) -> Row:
    return [*row[:index], *row[index + 1 :]]
