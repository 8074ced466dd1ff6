"""A file whose fault is one of dialect becomes one that is accepted, with every measured value as it was."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files import synthetic_cohort
from cli.local_files.mending import mend
from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STROKE = use_cases.get("stroke")
GOOD = synthetic_cohort.draw("stroke", rows=40, seed=5).decode()
LINES = GOOD.splitlines()


def _german(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


DIALECTS: dict[str, bytes] = {
    "semicolons and decimal commas": _german(GOOD).encode(),
    "tabs": GOOD.replace(",", "\t").encode(),
    "bars": GOOD.replace(",", "|").encode(),
    "Windows-1252": ("Pr\u00e4xis\n" + GOOD).encode("cp1252"),
    "UTF-16": GOOD.encode("utf-16"),
    "capitals": (LINES[0].upper() + "\n" + "\n".join(LINES[1:])).encode(),
    "a title above": f"Report\n\n{GOOD}".encode(),
    "row names": "\n".join([LINES[0], *(f'"{n}",{line}' for n, line in enumerate(LINES[1:], 1))]).encode(),
    "an index column": "\n".join(
        [f",{LINES[0]}", *(f"{n},{line}" for n, line in enumerate(LINES[1:]))]
    ).encode(),
    "commas at the end": "\n".join([LINES[0], *(f"{line}," for line in LINES[1:])]).encode(),
    "a trailing column": "\n".join(f"{line}," for line in LINES).encode(),
    "quoted lines": "\n".join(f'"{line}"' for line in LINES).encode(),
    "old Mac line ends": GOOD.replace("\n", "\r").encode(),
    "blanks and misspelt names": GOOD.replace("smoking_status", " Smoking-Status").encode(),
    "all at once": ("Title\n" + _german(LINES[0].title()) + "\n" + _german("\n".join(LINES[1:]))).encode(
        "utf-16"
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_file_in_another_dialect_is_accepted_once_it_is_mended(name: str) -> None:
    mended, changes = mend(DIALECTS[name], STROKE, "training")
    assert list(csv.reader(io.StringIO(mended.decode()))) == list(csv.reader(LINES))
    assert check_file(mended, STROKE, "training").disposition == "ACCEPTED"
    assert bool(changes) == (name != "old Mac line ends")
    assert mend(mended, STROKE, "training") == (mended, [])


def test_markers_are_emptied_and_measured_values_stay() -> None:
    rows = list(csv.DictReader(LINES))
    rows[0] |= {"bmi": "-9", "avg_glucose_level": "999", "gender": "-9", "age": "99"}
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    table.writerows(rows)
    mended, changes = mend(text.getvalue().encode(), STROKE, "training")
    first = next(csv.DictReader(io.StringIO(mended.decode())))
    assert (first["bmi"], first["avg_glucose_level"], first["gender"], first["age"]) == ("", "", "", "99")
    assert len(changes) == 3


def test_what_may_be_thousands_is_left_alone() -> None:
    line = ";".join(["1", "Male", "50", "0", "0", "Yes", "Private", "Rural", "1,234", "25,5", "smokes", "0"])
    mended, _ = mend((";".join(STROKE.header) + "\n" + line).encode(), STROKE, "training")
    assert b'"1,234",25.5' in mended


def test_a_line_break_in_a_cell_stays_and_a_stray_quote_costs_one_row() -> None:
    broken = LINES[1].replace("Urban", '"Ur\nban"').replace("Rural", '"Ru\nral"')
    stray = "," + LINES[2].partition(",")[2] + '"'
    text = "\n".join([LINES[0], broken, "", stray, *LINES[3:]])
    mended, changes = mend(_german(text).encode(), STROKE, "training")
    rows = list(csv.reader(io.StringIO(mended.decode(), newline="")))
    assert rows[1] == next(csv.reader(io.StringIO(broken, newline="")))
    assert rows[3:] == list(csv.reader(LINES[3:]))
    assert changes[-1] != changes[0]
    assert "1 empty rows were left out." in changes


def test_a_file_without_the_agreed_names_is_not_mended(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Dear colleagues\n")
    answer = clinrisk("mend", tmp_path / "a.csv", "--as", "stroke/training", "--out", tmp_path / "b.csv")
    assert answer.code == 1
    assert "use-cases" in answer.err
    assert not (tmp_path / "b.csv").exists()


def test_mend_says_what_it_changed_and_what_to_do_next(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(DIALECTS["a title above"])
    answer = clinrisk("mend", tmp_path / "a.csv", "--as", "stroke/training", "--out", tmp_path / "b.csv")
    assert (answer.code, answer.out.count("above the column names")) == (0, 1)
    assert "clinrisk check" in answer.out
    assert clinrisk("check", tmp_path / "b.csv", "--as", "stroke/training").code == 0


@pytest.mark.parametrize("verb", ["check", "quarantine"])
def test_bad_rows_are_given_back_with_row_rule_and_remedy(
    clinrisk: Callable[..., Any], tmp_path: Path, verb: str
) -> None:
    lines = [*LINES[:3], "=1+1," + LINES[3].partition(",")[2], *LINES[4:]]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    target = tmp_path / "a.marked.csv"
    more = ("--mark",) if verb == "check" else ("--csv", target)
    assert clinrisk(verb, tmp_path / "a.csv", "--as", "stroke/training", *more).code == 0
    [row] = csv.DictReader(io.StringIO(target.read_text()))
    assert (row["row"], row["rule"], row["line"]) == ("4", "formula:id", "'" + lines[3])
    assert "Send its value" in row["what to do"]


def test_several_files_are_checked_at_once(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text("age\n")
    answer = clinrisk("check", tmp_path / "a.csv", tmp_path / "b.csv", "--as", "stroke/training", "--json")
    assert answer.code == 1
    assert [one["disposition"] for one in answer.json()] == ["ACCEPTED", "REJECTED"]
