import os
from pathlib import Path

import pytest

from cli.command_errors import CliError
from cli.local_files.public_originals import HEART_HEADER, ORIGINALS, convert

REAL = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
KAGGLE_HEART = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,target\n"
KAGGLE_STROKE = (
    "id,gender,age,hypertension,heart_disease,ever_married,work_type,Residence_type,avg_glucose_level,"
    "bmi,smoking_status,stroke\n"
)


def refusal(content: bytes) -> CliError:
    with pytest.raises(CliError) as refused:
        convert(content)
    return refused.value


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CLINRISK_REAL_DATA)")
@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original.file_name)
def test_every_patient_of_a_known_original_is_kept(original: object) -> None:
    assert isinstance(original, type(ORIGINALS[0]))
    content = (REAL / original.file_name).read_bytes()
    for variant in (
        content,
        content.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + content,
        content.rstrip() + b"\n",
    ):
        converted = convert(variant)
        lines = converted.text.splitlines()
        assert converted.original == original
        assert len(lines) == original.rows + 1
        assert "\n".join(lines[-original.rows :]).encode() in content.replace(b"\r\n", b"\n")
        assert converted.same_bytes == (variant == content)


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CLINRISK_REAL_DATA)")
def test_one_changed_digit_is_not_the_original_any_more() -> None:
    content = (REAL / "processed.cleveland.data").read_bytes()
    assert "none of the public originals" in str(refusal(content.replace(b"63.0", b"64.0", 1)))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (KAGGLE_HEART + "52,1,0,125,212,0,1,168,0,1,2,2,3,0\n" * 1025, "1,025 rows are repeats"),
        (KAGGLE_HEART + "63,1,3,145,233,1,0,150,0,2.3,0,0,1,1\n" * 303, "outcome is reversed"),
        (KAGGLE_HEART.replace("target", "condition"), "patients with missing values were left out"),
        ("Age,Sex,ChestPainType,RestingBP,Cholesterol,HeartDisease\n", "five hospitals"),
        ("id,age,sex,dataset,cp,trestbps,chol,thalch,num\n", "all four UCI hospitals"),
        (KAGGLE_STROKE.removeprefix("id,"), "altered copy of the stroke data"),
        (KAGGLE_STROKE + "1,Male,67\n", "not its 5,110 patients"),
        ("63.0,1.0,0.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0\n", "no cp 0"),
        (HEART_HEADER + "\n63,1,1,145,233,1,2,150,0,2.3,3,0,6,0\n", "nothing to convert"),
        ("one,two\n1,2\n", "none of the public originals"),
        ("", "none of the public originals"),
    ],
)
def test_a_copy_that_circulates_is_refused_by_name(content: str, part: str) -> None:
    refused = refusal(content.encode())
    assert part in str(refused) + refused.remedy
    assert refused.remedy


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04zip", b"\x1f\x8bgzip", "age\n63\n".encode("utf-16"), b"\xff\x00"]
)
def test_what_is_not_text_is_refused(content: bytes) -> None:
    assert refusal(content).exit_code == 1
