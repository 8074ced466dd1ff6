"""Public data files, recognised by their bytes and converted into the form that the inbox takes.

Only the originals are converted. The copies that circulate under similar names changed the coding or the
outcome; a model trained on those would be wrong without any sign of it, so each is refused with the reason.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.command_errors import CliError

if TYPE_CHECKING:
    from collections.abc import Callable

HEART_HEADER = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num"
UCI = "https://archive.ics.uci.edu/dataset/45/heart+disease"
KAGGLE_STROKE = "https://www.kaggle.com/datasets/fedesoriano/stroke-prediction-dataset"
UCI_TERMS = "CC BY 4.0: Janosi, Steinbrunn, Pfisterer, Detrano, doi:10.24432/C52P4X"
STROKE_TERMS = "Kaggle, fedesoriano: for educational purposes only, not redistributable"


@dataclass(frozen=True)
class Original:
    """A public file that we know byte for byte."""

    file_name: str
    sha256: str
    use_case: str
    rows: int
    header: str | None
    """The header to put in front, when the original has none."""
    terms: str


@dataclass(frozen=True)
class Converted:
    """The inbox form of an original."""

    original: Original
    text: str
    same_bytes: bool
    """False when only line ends or a byte-order mark differed from the original."""


ORIGINALS = (
    Original(
        "processed.cleveland.data",
        "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
        "heart",
        303,
        HEART_HEADER,
        UCI_TERMS,
    ),
    Original(
        "processed.hungarian.data",
        "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
        "heart",
        294,
        HEART_HEADER,
        UCI_TERMS,
    ),
    Original(
        "healthcare-dataset-stroke-data.csv",
        "644d473b05d2797006bd94865e4f8bb057f0c721617911613c82c8fcfc707420",
        "stroke",
        5110,
        None,
        STROKE_TERMS,
    ),
)


def convert(content: bytes) -> Converted:
    """Return the inbox form of a known original; raises CliError, which names the altered copy if it can."""
    plain = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    # A browser or an editor may have added or dropped the last line end: that changes no row.
    candidates = {content, plain, plain.rstrip(b"\n"), plain.rstrip(b"\n") + b"\n"}
    digests = {hashlib.sha256(candidate).hexdigest() for candidate in candidates}
    for original in ORIGINALS:
        if original.sha256 in digests:
            body = plain.decode().rstrip("\n") + "\n"
            text = body if original.header is None else f"{original.header}\n{body}"
            return Converted(original, text, hashlib.sha256(content).hexdigest() == original.sha256)
    raise _refusal(content)


@dataclass(frozen=True)
class AlteredCopy:
    """A copy that circulates: how its header gives it away, and what was done to it."""

    recognised: Callable[[set[str], int], bool]
    """Given the names in the first line and the number of rows below it."""
    what: str


ALTERED_COPIES = (
    AlteredCopy(
        lambda names, rows: {"thalach", "cp", "target"} <= names and rows == 1025,
        "This is a Kaggle copy of the heart data (column `target`): its outcome is reversed, cp, slope, thal "
        "and ca are recoded (cp 0, ca 4, thal 0 are not original), and 723 of its 1,025 rows are repeats.",
    ),
    AlteredCopy(
        lambda names, _: {"thalach", "cp", "target"} <= names,
        "This is a Kaggle copy of the heart data (column `target`): its outcome is reversed, and cp, slope, "
        "thal and ca are recoded (cp 0, ca 4, thal 0 are not in the original).",
    ),
    AlteredCopy(
        lambda names, _: {"thalach", "cp", "condition"} <= names,
        "This is a Kaggle copy of the Cleveland data (column `condition`): cp, slope and thal are "
        "recoded, and patients with missing values were left out.",
    ),
    AlteredCopy(
        lambda names, _: {"ChestPainType", "HeartDisease"} <= names,
        "This is the Kaggle 'heart failure prediction' file: five hospitals in one table, "
        "without the hospital, with cholesterol 0 written for 'not measured'.",
    ),
    AlteredCopy(
        lambda names, _: {"num", "dataset"} <= names or {"num", "cp", "thalch"} <= names,
        "This is a Kaggle copy of all four UCI hospitals with text codes, not the original file.",
    ),
    AlteredCopy(
        lambda names, _: "stroke" in names and "id" not in names,
        "This is an altered copy of the stroke data: without ids, and with rows removed or bmi filled in.",
    ),
    AlteredCopy(
        lambda names, rows: "stroke" in names and rows != 5110,
        "This has the columns of the stroke data but not its 5,110 patients. If it is your own hospital's "
        "data, it needs no conversion: `clinrisk check FILE --as stroke/training`.",
    ),
    AlteredCopy(
        lambda names, _: "stroke" in names,
        "This stroke file has the original's shape, but some of its bytes were changed.",
    ),
)
CHEST_PAIN = 2  # the column of `cp` in a heart file without a header


def _refusal(content: bytes) -> CliError:
    from_uci = f"Download processed.cleveland.data from {UCI} and convert that."
    from_kaggle = f"Download healthcare-dataset-stroke-data.csv from {KAGGLE_STROKE} and convert that."
    if content.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return CliError("This is a compressed file, not a table.", "Unpack it, then convert the file inside.")
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return CliError("This file is not text in UTF-8.", f"{from_uci} {from_kaggle}")
    cells = [cell.strip().strip('"') for cell in lines[0].split(",")] if lines else []
    if lines and lines[0] == HEART_HEADER:
        return CliError(
            "This file already has the heart header, so there is nothing to convert.",
            "Check it with `clinrisk check FILE --as heart/training`, then drop it.",
        )
    for copy in ALTERED_COPIES:
        if copy.recognised(set(cells), len(lines) - 1):
            return CliError(copy.what, from_kaggle if "stroke" in cells else from_uci)
    if len(cells) == HEART_HEADER.count(",") + 1 and any(_chest_pain_zero(line) for line in lines):
        return CliError("This is a recoded copy of the heart data: the original has no cp 0.", from_uci)
    digest = hashlib.sha256(content).hexdigest()
    return CliError(
        f"This is none of the public originals that this command knows (sha256 {digest[:16]}...).",
        "Known are processed.cleveland.data, processed.hungarian.data and "
        "healthcare-dataset-stroke-data.csv, unedited. "
        "Your own data need no conversion, only the columns that `clinrisk use-cases` lists.",
    )


def _chest_pain_zero(line: str) -> bool:
    return line.split(",")[CHEST_PAIN : CHEST_PAIN + 1] in (["0"], ["0.0"])
