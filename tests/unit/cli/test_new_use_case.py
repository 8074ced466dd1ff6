"""`clinrisk new-use-case`: what is proposed from a file draws patients that its own contract accepts."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from cli.local_files import synthetic_cohort, use_case_draft
from cli.local_files.new_use_case import rendered
from cli.local_files.use_case_draft import CannotPropose, propose
from clinrisk.use_cases import bar
from clinrisk.use_cases.columns import Code, Number

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clinrisk.use_cases.base import UseCase

HEADER = "id,age,sex,bmi,glucose,activity,pregnancies,site,remarks,diabetes"
PATIENTS = 1500
RARE = "Zürich-77"


def patients() -> str:
    """Return a file of made-up patients: one of a site that nobody else has, one who is older than all."""
    draw = np.random.default_rng(3)
    lines = [HEADER]
    for number in range(PATIENTS):
        age = 117 if number == 0 else int(draw.integers(30, 90))
        bmi = "" if draw.random() < 0.3 else f"{draw.normal(29, 5):.1f}"
        ill = int(draw.random() < 1 / (1 + np.exp(4 - age / 25)))
        cells = [
            *(900_000 + number, age, "FM"[number % 2], bmi, int(draw.normal(105 + 20 * ill, 20))),
            ("low", "moderate", "high")[number % 3],
            int(draw.poisson(1.5)),
            RARE if number == 1 else "here",
            f"seen by {number}",
            ill,
        ]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("from") / "patients.csv"
    found.write_text(patients(), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def texts(file: Path) -> dict[str, str]:
    return rendered(propose(file, "diabetes", None, "id"), "diabetes", "Diabetes risk")


@pytest.fixture
def proposed(texts: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseCase:
    """The proposal as Python reads it, beside its bar."""
    monkeypatch.setattr(bar, "bar_text", lambda _: texts["bar"])
    module = tmp_path / "diabetes.py"
    module.write_text(texts["module"], encoding="utf-8")
    spec: Any = importlib.util.spec_from_file_location("diabetes", module)
    loaded: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    found: UseCase = loaded.USE_CASE
    return found


def test_columns_become_numbers_counted_things_codes_or_are_not_used(proposed: UseCase) -> None:
    kinds = {one.name: type(one) for one in proposed.columns}
    assert kinds == {
        **dict.fromkeys(("age", "bmi", "glucose", "pregnancies"), Number),
        **dict.fromkeys(("sex", "activity"), Code),
    }
    numbers = {one.name: one for one in proposed.columns if isinstance(one, Number)}
    assert [name for name, one in numbers.items() if one.integer] == ["pregnancies"]
    assert (numbers["age"].essential, numbers["age"].high, numbers["age"].unit) == (True, 120, "years")
    assert numbers["bmi"].least_filled == pytest.approx(0.63, abs=0.03)
    assert proposed.unused == ("site", "remarks")
    assert {one.name for one in proposed.protected} == {"sex", "age_band"}
    assert proposed.label.classes == {"0": 0, "1": 1}


def test_a_cohort_is_drawn_that_the_proposed_contract_accepts(
    proposed: UseCase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clinrisk: Callable[..., Any]
) -> None:
    drawn = synthetic_cohort.draw(proposed, rows=600, seed=1).decode().splitlines()
    assert drawn[0] == HEADER
    accepted = {one.name: one for one in proposed.columns}
    cases = 0
    for line in drawn[1:]:
        cells = dict(zip(drawn[0].split(","), line.split(","), strict=True))
        for name, column in accepted.items():
            if isinstance(column, Code):
                assert cells[name] in column.values
            elif cells[name]:
                assert column.low <= float(cells[name]) <= column.high
        cases += cells["diabetes"] == "1"
    assert cases / 600 == pytest.approx(proposed.marginals.prevalence, abs=0.06)


def test_no_patient_can_be_read_off_what_is_written(texts: dict[str, str]) -> None:
    for rare in ("117", RARE, "900000", "seen by"):
        assert rare not in texts["module"] + texts["bar"]


def test_what_only_people_know_is_asked(texts: dict[str, str]) -> None:
    assert texts["module"].count("# ASK") == 5
    assert "ASK a clinician and a statistician" in texts["bar"]


@pytest.mark.parametrize(
    ("label", "positive", "words"),
    [
        ("cancer", None, "no column cancer"),
        ("activity", None, "3 different values"),
        ("sex", None, "--positive"),
        ("diabetes", "7", "--positive"),
    ],
)
def test_a_file_that_is_not_enough_is_refused_in_words(
    file: Path, label: str, positive: str | None, words: str
) -> None:
    with pytest.raises(CannotPropose, match=words):
        propose(file, label, positive, None)


def test_a_file_without_ages_is_refused(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(file.read_text(encoding="utf-8").replace("age", "years", 1), encoding="utf-8")
    with pytest.raises(CannotPropose, match="no column age"):
        propose(other, "diabetes", None, None)


def test_the_command_writes_three_files_and_overwrites_none(
    file: Path, tmp_path: Path, clinrisk: Callable[..., Any]
) -> None:
    bars = tmp_path / "layers/clinrisk/clinrisk/use_cases/bars"
    bars.mkdir(parents=True)
    (tmp_path / "docs/decisions").mkdir(parents=True)
    (tmp_path / "docs/decisions/0041-another.md").write_text("# 0041", encoding="utf-8")
    command = [
        "new-use-case",
        "diabetes",
        "--from",
        str(file),
        "--label",
        "diabetes",
        "--into",
        str(tmp_path),
    ]
    assert clinrisk(*command).code == 0
    page = (tmp_path / "docs/decisions/0042-the-bar-of-diabetes.md").read_text(encoding="utf-8")
    assert use_case_draft.AGE in (bars.parent / "diabetes.py").read_text(encoding="utf-8")
    assert "| `diabetes.toml` | `" in page
    again = clinrisk(*command)
    assert (again.code, "is there already" in again.err) == (1, True)
    elsewhere = clinrisk(*command[:-1], str(bars))
    assert (elsewhere.code, "is not the project's folder" in elsewhere.err) == (1, True)
