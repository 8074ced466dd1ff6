"""What a case is, and the good rows that most cases are made of."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STROKE = use_cases.get("stroke").header
HEART = use_cases.get("heart").header
GOOD_ROWS = 40


@dataclass(frozen=True)
class Case:
    """One upload, and how it must be settled; `reasons` are all of the receipt's, where they are given."""

    name: str
    data: bytes = field(repr=False)
    disposition: str
    accepted: int = 0
    quarantined: int = 0
    reasons: Mapping[str, int] | None = None
    use_case: str = "stroke"
    purpose: str = "training"
    key: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def inbox_key(self) -> str:
        """The key under which the file is dropped."""
        return self.key or f"inbox/{self.use_case}/{self.purpose}/{self.name}.csv"


def _typical(use_case: str) -> dict[str, str]:
    """Make a row of ordinary values, so that a column that is new to a use case has one too."""
    declared = use_cases.get(use_case)
    row = dict.fromkeys(declared.header, "1")
    for column in declared.columns:
        if isinstance(column, Number):
            row[column.name] = f"{(column.low + column.high) / 2:g}"
        else:
            row[column.name] = next(iter(column.values))
    return row


def stroke_rows(seed: str, count: int = GOOD_ROWS) -> list[dict[str, str]]:
    """Make good patients; another seed gives others, so that no two files are the same by accident."""
    draw = random.Random(seed)  # noqa: S311 # made-up patients, not secrets
    typical = _typical("stroke")
    return [
        typical
        | {
            "id": str(draw.randrange(10**8) * 100 + number),
            "gender": draw.choice(["Male", "Female"]),
            "age": str(draw.randint(20, 82)),
            "hypertension": draw.choice("01"),
            "heart_disease": draw.choice("01"),
            "ever_married": draw.choice(["Yes", "No"]),
            "work_type": draw.choice(["Private", "Self-employed", "Govt_job"]),
            "Residence_type": draw.choice(["Urban", "Rural"]),
            "avg_glucose_level": f"{draw.uniform(60, 260):.2f}",
            "bmi": f"{draw.uniform(17, 45):.1f}",
            "smoking_status": draw.choice(["smokes", "never smoked", "formerly smoked", "Unknown"]),
            "stroke": "1" if number % 9 == 0 else "0",
        }
        for number in range(count)
    ]


def heart_rows(seed: str, count: int = GOOD_ROWS) -> list[dict[str, str]]:
    """Make good patients of the other use case."""
    draw = random.Random(seed)  # noqa: S311 # made-up patients, not secrets
    typical = _typical("heart")
    return [
        typical
        | {
            "age": str(draw.randint(35, 75)),
            "sex": draw.choice("01"),
            "cp": draw.choice("1234"),
            "trestbps": str(draw.randint(100, 180)),
            "chol": str(draw.randint(150, 330)),
            "fbs": draw.choice("01"),
            "restecg": draw.choice("012"),
            "thalach": str(draw.randint(100, 190)),
            "exang": draw.choice("01"),
            "oldpeak": f"{draw.uniform(0, 4):.1f}",
            "slope": draw.choice("123"),
            "ca": draw.choice("0123"),
            "thal": draw.choice("367"),
            "num": draw.choice("01234"),
        }
        for _ in range(count)
    ]


def lines(rows: Sequence[Mapping[str, str]], header: Sequence[str] = STROKE) -> list[str]:
    """Make rows as lines, in the order of the header."""
    return [",".join(row[name] for name in header) for row in rows]


def text(body: Sequence[str], header: Sequence[str] | str = STROKE, end: str = "\n") -> bytes:
    """Make a file of a header and lines."""
    first = header if isinstance(header, str) else ",".join(header)
    return (end.join([first, *body]) + end).encode()


def good(seed: str, count: int = GOOD_ROWS) -> bytes:
    """Make a file with nothing wrong in it."""
    return text(lines(stroke_rows(seed, count)))


def changed(
    seed: str, change: Callable[[dict[str, str]], dict[str, str]], rows: Sequence[int] = (3,)
) -> bytes:
    """Make a good file with some of its rows changed."""
    return text(lines([change(row) if n in rows else row for n, row in enumerate(stroke_rows(seed))]))


def cell(seed: str, **cells: str) -> bytes:
    """Make a good file with one row in which some cells are others."""
    return changed(seed, lambda row: row | cells)


def heart_cell(seed: str, **cells: str) -> bytes:
    """Make a good heart file with one row in which some cells are others."""
    rows = heart_rows(seed)
    rows[3] |= cells
    return text(lines(rows, HEART), HEART)
