"""Parquet and Arrow files: the same verdict as the same CSV, other types named, hostile files refused."""

from __future__ import annotations

import io
import resource
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from cli.local_files.upload_preview import preview
from clinrisk import use_cases
from clinrisk.core.erasure import patient_rows
from clinrisk.core.erasure.locations import LOCATIONS
from clinrisk.core.erasure.named_patients import NamedPatients
from clinrisk.core.erasure.patient_rows import Found
from clinrisk.core.ingest.check_file import check_file, check_rows
from clinrisk.core.ingest.csv_file.head import check_file_head
from clinrisk.core.ingest.rules import LARGEST_TABLE, FileRule
from clinrisk.core.ingest.table_file import text_program
from clinrisk.core.ingest.table_file.column_types import as_text, type_problems
from clinrisk.core.ingest.table_file.text_blocks import TableRefused, text_blocks
from clinrisk.core.ingest.table_file.text_program import write_text
from tests.corpus.cases import good

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STROKE, READMISSION = use_cases.get("stroke"), use_cases.get("readmission")


def table(seed: str, **columns: Any) -> pl.DataFrame:
    return pl.read_csv(good(seed), infer_schema_length=None).with_columns(**columns)


def parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    made = io.BytesIO()
    frame.write_parquet(made, **options)
    return made.getvalue()


def arrow(frame: pl.DataFrame) -> bytes:
    made = io.BytesIO()
    frame.write_ipc(made, compression="zstd")
    return made.getvalue()


def text(file: Path, frame: pl.DataFrame) -> bytes:
    """Make the CSV of a table, without the process around it."""
    frame.write_parquet(file)
    out = io.BytesIO()
    write_text(file, STROKE, "training", out)
    return out.getvalue().split(b"\n", 1)[1]


def test_a_parquet_and_an_arrow_file_have_the_verdict_of_the_same_csv_row_by_row() -> None:
    frame = table(
        "same", age=pl.Series([200.0, None, *[50.0] * 38]), gender=pl.col("gender").cast(pl.Categorical)
    )
    expected, rows = check_rows(frame.write_csv().encode(), STROKE, "training")
    assert dict(expected.reasons) == {"out_of_range:age": 1, "essential_missing:age": 1}
    for data in (parquet(frame), arrow(frame)):
        verdict, found = check_rows(data, STROKE, "training")
        assert verdict == expected
        assert found.equals(rows)


@pytest.mark.parametrize(
    ("use_case", "purpose", "schema", "found"),
    [
        (STROKE, "training", {"age": pl.String()}, {"age": "text, where numbers are agreed"}),
        (
            STROKE,
            "training",
            {"age": pl.List(pl.Float64())},
            {"age": "nested values, where numbers are agreed"},
        ),
        (STROKE, "training", {"bmi": pl.Datetime()}, {"bmi": "timestamps, where numbers are agreed"}),
        (
            STROKE,
            "inference",
            {"id": pl.Float64()},
            {"id": "numbers, where text or whole numbers are agreed"},
        ),
        (
            STROKE,
            "training",
            {"hypertension": pl.Boolean()},
            {"hypertension": "true and false, where numbers or text are agreed"},
        ),
        (STROKE, "training", {"gender": pl.Int8()}, {"gender": "whole numbers, where text are agreed"}),
        (STROKE, "outcomes", {"date": pl.Datetime()}, {"date": "timestamps, where dates or text are agreed"}),
        (STROKE, "feedback", {"response": pl.Struct({})}, {"response": "nested values"}),
        (READMISSION, "predictions", {"risk": pl.String(), "predicted_at": pl.Date()}, {"risk": "text"}),
        (
            STROKE,
            "training",
            {
                "id": pl.Int64(),
                "age": pl.Decimal(10, 2),
                "bmi": pl.Float32(),
                "gender": pl.Categorical(),
                "smoking_status": pl.Null(),
                "hypertension": pl.Float64(),
                "stroke": pl.UInt8(),
                "surname": pl.Binary(),
            },
            {},
        ),
    ],
)
def test_a_type_other_than_the_contracts_is_named_and_every_fitting_one_passes(
    use_case: use_cases.base.UseCase,
    purpose: str,
    schema: Mapping[str, pl.DataType],
    found: Mapping[str, str],
) -> None:
    problems = type_problems(schema, use_case, purpose)
    assert [(one.rule, one.columns) for one in problems] == [
        (FileRule.TYPE_DIFFERS, (name,)) for name in found
    ]
    assert all(one.detail.startswith(detail) for one, detail in zip(problems, found.values(), strict=True))


def test_other_types_and_unknown_columns_reject_the_file_with_all_of_them() -> None:
    frame = table("types", age=pl.col("age").cast(pl.String), surname=pl.lit("Canary"))
    verdict = check_file(parquet(frame), STROKE, "training")
    assert dict(verdict.reasons) == {"columns_unknown": 1, "column_type_differs:age": 1}
    assert "Canary" not in repr(verdict)


def test_an_absent_value_and_an_empty_text_are_both_an_empty_cell(tmp_path: Path) -> None:
    frame = table("empty", smoking_status=pl.Series(["", None, *["smokes"] * 38]))
    lines = text(tmp_path / "t", frame).decode().splitlines()
    assert all(",," in line and '""' not in line for line in lines[1:3])


def test_line_ends_in_a_cell_make_no_second_row_and_a_huge_cell_is_cut(tmp_path: Path) -> None:
    cells = pl.Series(["a\nb,\r", "x" * 1_000_000, *["Male"] * 38])
    lines = text(tmp_path / "t", table("ends", gender=cells)).split(b"\n")
    assert len(lines) == 42
    assert max(map(len, lines)) < 5000
    verdict = check_file(b"\n".join(lines), STROKE, "training")
    assert verdict.rows_quarantined == 2
    assert {reason: rows for reason, rows in verdict.first_rows.items() if 3 in rows} == {
        "cell_too_long": (3,)
    }


def test_rows_are_written_in_order_over_many_slices(tmp_path: Path) -> None:
    rows = 120_001
    frame = (
        table("order").select(pl.all().sample(rows, with_replacement=True)).with_columns(id=pl.arange(rows))
    )
    lines = text(tmp_path / "t", frame).splitlines()
    assert [int(line.split(b",")[0]) for line in lines[1:]] == list(range(rows))


@pytest.mark.parametrize("make", [parquet, arrow])
def test_a_table_that_is_cut_off_is_refused_whatever_its_name_says(make: Any) -> None:
    data = make(table("cut"))
    assert check_file_head(data[:500], 500, STROKE, "training") == []
    verdict = check_file(data[:-300], STROKE, "training")
    assert [one.rule for one in verdict.problems] == [FileRule.TABLE_DAMAGED]


def test_a_table_beyond_the_limit_is_refused_before_it_is_read() -> None:
    [problem] = check_file_head(b"PAR1" + bytes(10), LARGEST_TABLE + 1, STROKE, "training")
    assert (problem.rule, problem.detail) == (FileRule.TOO_LARGE, "4 GB")


def test_a_table_that_unpacks_to_more_than_the_limit_of_text_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "t"
    rows = table("bomb").head(1).select(pl.all().repeat_by(3_000_000).explode())
    rows.write_parquet(file)
    assert file.stat().st_size < 100_000
    with pytest.raises(TableRefused) as refused:
        list(text_blocks(file, "stroke", "training", largest=5_000_000))
    assert [one.rule for one in refused.value.problems] == [FileRule.TABLE_TOO_LARGE]


def test_a_table_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    file = tmp_path / "t"
    table("slow").write_parquet(file)
    with pytest.raises(TableRefused) as refused:
        list(text_blocks(file, "stroke", "training", seconds=0.01))
    assert [one.rule for one in refused.value.problems] == [FileRule.TABLE_TOO_LARGE]


def test_every_type_that_is_written_reads_as_the_same_value() -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", ""], "c": pl.Series([0.1, 1e-7], dtype=pl.Float32)})
    assert frame.select(as_text(frame.schema)).write_csv() == "a,b,c\n1.5,x,0.1\n,,1e-7\n"


def test_the_content_decides_and_not_the_name() -> None:
    assert preview(good("named"), "stroke", "training", "a.parquet").verdict.disposition == "ACCEPTED"
    assert preview(parquet(table("named")), "stroke", "training", "a.csv").verdict.disposition == "ACCEPTED"


@pytest.mark.parametrize("make", [parquet, arrow])
def test_an_erasure_finds_the_patients_of_a_table_that_was_dropped(make: Any) -> None:
    frame = table("erased")
    patients = NamedPatients.of_file(str(frame["id"][7]), b"key")
    inbox = next(one for one in LOCATIONS if one.bucket == "inbox")
    data = make(frame)
    assert patient_rows.count(inbox, [data[:100], data[100:]], patients) == Found(40, 1)
    assert patient_rows.count(inbox, [data[:-200]], patients) == Found(0, 0)


class Printed:
    """Standard output, which nobody may read any more."""

    def __init__(self, *, closed: bool = False) -> None:
        self.buffer, self.closed = io.BytesIO(), closed

    def flush(self) -> None:
        if self.closed:
            raise BrokenPipeError


def ended(monkeypatch: pytest.MonkeyPatch, file: Path, printed: Printed) -> int:
    """Run the program of the process in this one, without its limit of memory."""
    monkeypatch.setattr(text_program, "_bound_memory", lambda: None)
    monkeypatch.setattr("sys.argv", ["text_program", str(file), "stroke", "training"])
    monkeypatch.setattr("sys.stdout", printed)
    return text_program.main()


def test_the_program_writes_problems_or_the_text_and_says_what_is_damaged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, printed = tmp_path / "table", Printed()
    file.write_bytes(arrow(table("program")))
    assert ended(monkeypatch, file, printed) == 0
    first, header, *rows = printed.buffer.getvalue().splitlines()
    assert (first, header.split(b",")[0], len(rows)) == (b"[]", b"id", 40)
    assert ended(monkeypatch, file, Printed(closed=True)) == 0
    file.write_bytes(parquet(table("program", age=pl.lit("old"))))
    refused = Printed()
    assert ended(monkeypatch, file, refused) == 0
    assert b"column_type_differs" in refused.buffer.getvalue()
    assert refused.buffer.getvalue().count(b"\n") == 1
    file.write_bytes(file.read_bytes()[:-100])
    assert ended(monkeypatch, file, Printed()) == text_program.DAMAGED


def test_the_program_bounds_its_memory_and_leaves_no_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    set_limits: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr("resource.setrlimit", set_limits.__setitem__)
    monkeypatch.setattr("sys.platform", "win32")
    text_program._bound_memory()
    assert set_limits == {}
    monkeypatch.setattr("sys.platform", "linux")
    text_program._bound_memory()
    assert set_limits == {
        resource.RLIMIT_DATA: (text_program.MEMORY,) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
