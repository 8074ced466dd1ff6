from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cli.local_files.public_originals import Original


def cohort(clinrisk: Callable[..., Any], out: Path, *more: str) -> str:
    assert clinrisk("cohort", "heart", "--rows", "200", "--seed", "7", "--out", out, *more).code == 0
    return out.read_text()


def test_the_same_seed_draws_the_same_patients(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    first = cohort(clinrisk, tmp_path / "a.csv")
    assert cohort(clinrisk, tmp_path / "b.csv") == first
    assert cohort(clinrisk, tmp_path / "c.csv", "--seed", "8") != first
    assert len(first.splitlines()) == 201


def test_inference_patients_come_without_an_outcome(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    header = cohort(clinrisk, tmp_path / "a.csv", "--purpose", "inference").splitlines()[0]
    assert not header.endswith("num")


def test_an_unknown_shift_lists_the_known_ones(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    answer = clinrisk("cohort", "heart", "--out", tmp_path / "a.csv", "--shift", "sideways")
    assert answer.code == 2
    assert "district_hospital" in answer.err


def test_predictions_that_are_not_ours_and_their_outcomes_are_about_the_same_patients(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    files = {}
    for purpose in ("predictions", "outcomes"):
        files[purpose] = tmp_path / f"{purpose}.csv"
        given = ("--purpose", purpose, "--on", "2026-02-01", "--out", files[purpose])
        assert clinrisk("cohort", "readmission", "--rows", "200", *given).code == 0
        checked = clinrisk("check", files[purpose], "--as", f"readmission/{purpose}", "--json").json()
        assert (checked["disposition"], checked["rows_accepted"]) == ("ACCEPTED", 200)
    predicted, known = ([line.split(",") for line in one.read_text().splitlines()] for one in files.values())
    assert [row[0] for row in predicted] == [row[0] for row in known]
    assert known[0] == ["id", "label", "date"]
    assert all("2026-02-01" < date <= "2026-03-03" for _, _, date in known[1:])
    answer = clinrisk("cohort", "readmission", "--out", tmp_path / "a.csv")
    assert (answer.code, "predictions or outcomes" in answer.err) == (2, True)
    answer = clinrisk(
        "cohort", "readmission", "--purpose", "outcomes", "--on", "soon", "--out", tmp_path / "a.csv"
    )
    assert (answer.code, "YYYY-MM-DD" in answer.err) == (2, True)


def test_the_columns_of_predictions_are_listed(clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("use-cases").out
    assert all(word in shown for word in ("predicted_at", "model_version", "risk"))
    assert clinrisk("use-cases", "--json").json()["readmission"]["purposes"][0] == "predictions"


def test_a_good_file_passes_the_check(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    cohort(clinrisk, tmp_path / "a.csv")
    answer = clinrisk("check", tmp_path / "a.csv", "--as", "heart/training", "--json")
    assert answer.code == 0
    assert (answer.json()["disposition"], answer.json()["rows_accepted"]) == ("ACCEPTED", 200)


def test_bad_rows_are_counted_by_rule_and_column_and_never_shown(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    lines = cohort(clinrisk, file).splitlines()
    file.write_text(
        "\n".join([lines[0], lines[1].replace(lines[1].split(",")[0], "777", 1), *lines[2:]]) + "\n"
    )
    answer = clinrisk("check", file, "--as", "heart/training")
    assert answer.code == 0
    assert "PARTIAL" in answer.out
    assert "age" in answer.out
    assert "777" not in answer.out + answer.err


def test_a_wrong_header_would_be_rejected_and_its_columns_are_named(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(cohort(clinrisk, file).replace("thalach", "pulse", 1))
    answer = clinrisk("check", file, "--as", "heart/training")
    assert answer.code == 1
    assert "thalach" in answer.out


def test_an_empty_file_is_rejected_without_a_trace(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    answer = clinrisk("check", tmp_path / "empty.csv", "--as", "stroke/training")
    assert answer.code == 1
    assert "Traceback" not in answer.err


def test_a_copy_that_circulates_is_not_converted(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "heart.csv").write_text(
        "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,target\n52,1,0\n"
    )
    answer = clinrisk("convert", tmp_path / "heart.csv", "--to", tmp_path / "out.csv")
    assert answer.code == 1
    assert "outcome is reversed" in answer.err
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_that_is_not_there_is_an_error_with_its_path(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    answer = clinrisk("cohort", "heart", "--out", tmp_path / "nowhere" / "a.csv")
    assert answer.code == 1
    assert "No such file or directory" in answer.err


def test_use_cases_list_columns_units_and_codes(clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("use-cases").out
    assert "mm Hg" in shown or "mmHg" in shown
    assert "already_managed = examined or treated already" in " ".join(shown.split())
    listed = clinrisk("use-cases", "--json").json()
    assert list(listed["heart"]["feedback"]) == ["response", "reason", "role"]
    assert listed["heart"]["label"]["column"] == "num"
    assert listed["heart"]["header"][:3] == ["age", "sex", "cp"]
    assert listed["stroke"]["id_column"] == "id"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_known_original_gets_its_header_and_keeps_its_rows(
    clinrisk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line_end: str
) -> None:
    rows = "63,1,1\n41,0,2\n"
    known = Original("known.data", sha256(rows.encode()).hexdigest(), "heart", 2, "age,sex,cp", "CC BY 4.0")
    monkeypatch.setattr("cli.local_files.public_originals.ORIGINALS", (known,))
    (tmp_path / "known.data").write_text(rows, newline=line_end)
    answer = clinrisk("convert", tmp_path / "known.data", "--to", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "age,sex,cp\n" + rows
    assert "2 patients" in answer.out
    assert ("line ends" in answer.out) == (line_end != "\n")
    document = clinrisk("convert", tmp_path / "known.data", "--to", tmp_path / "out.csv", "--json").json()
    assert (document["use_case"], document["same_bytes"]) == ("heart", line_end == "\n")


def test_a_cohort_can_be_described_for_programs(clinrisk: Callable[..., Any], tmp_path: Path) -> None:
    drawn = clinrisk("cohort", "heart", "--rows", "5", "--out", tmp_path / "a.csv", "--json").json()
    assert (drawn["rows"], drawn["purpose"], drawn["shift"]) == (5, "training", None)
    assert clinrisk("cohort", "heart", "--out", tmp_path / "a.csv", "--purpose", "outcomes").code == 2
    assert clinrisk("cohort", "kidney", "--out", tmp_path / "a.csv").code == 2


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.csv", "age\n63\n", "columns_missing"),
        ("=a.csv", "age\n63\n", "key_characters"),
        ("~$a.csv", "", "empty"),
    ],
)
def test_a_file_that_would_be_rejected_ends_with_one_and_its_rules(
    clinrisk: Callable[..., Any], tmp_path: Path, name: str, content: str, rule: str
) -> None:
    (tmp_path / name).write_text(content)
    answer = clinrisk("check", tmp_path / name, "--as", "heart/training", "--json")
    assert answer.code == 1
    assert any(one["rule"].startswith(rule) for one in answer.json()["details"])


def test_the_rows_that_a_check_counts_are_the_rows_that_it_marks(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,label,date\n1,1,2099-01-01\n2,0,2024-05-01\n")
    checked = clinrisk("check", file, "--as", "stroke/outcomes", "--mark", "--json").json()
    assert checked["rows_quarantined"] == 1
    (marked,) = tmp_path.glob("*.marked.csv")
    _, *rows = marked.read_text().splitlines()
    assert len(rows) == 1
    assert "date_in_future:date" in rows[0]


def test_a_file_that_is_rejected_by_its_header_has_no_rows_to_give_back(
    clinrisk: Callable[..., Any], tmp_path: Path
) -> None:
    file, out = tmp_path / "a.csv", tmp_path / "bad.csv"
    file.write_text(cohort(clinrisk, file).replace("thalach", "pulse", 1))
    answer = clinrisk("quarantine", file, "--as", "heart/training", "--csv", out)
    assert (answer.code, out.exists()) == (1, False)
    assert "The header lacks thalach" in answer.err
