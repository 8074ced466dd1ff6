"""What is refused before a single row is read."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from time import perf_counter

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.csv_file.head import check_file_head, read_header
from clinrisk.core.ingest.rule_sentences import explain
from clinrisk.core.ingest.rules import LARGEST_FILE, FileRule

from .conftest import HEART, STROKE, Judge

HEADER = ",".join(use_cases.get("stroke").header)
GOOD = f"{HEADER}\n{STROKE}\n".encode()


def _zip() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("xl/workbook.xml", GOOD)
    return memory.getvalue()


REFUSED = {
    "nothing": (b"", FileRule.EMPTY),
    "only line ends": (b"\n\r\n\n", FileRule.EMPTY),
    "gzip": (gzip.compress(GOOD), FileRule.COMPRESSED),
    "zip or xlsx": (_zip(), FileRule.SPREADSHEET),
    "pickle": (pickle.dumps({"rows": [1]}), FileRule.PICKLE),
    "old pickle": (pickle.dumps({"rows": [1]}, protocol=0), FileRule.PICKLE),
    "parquet": (b"PAR1\x15\x04" + b"x" * 50, FileRule.DATA_FILE),
    "pdf": (b"%PDF-1.7\n%" + GOOD, FileRule.DOCUMENT),
    "web page": (b"\n <!DOCTYPE html><html><body>no</body></html>", FileRule.HTML),
    "xml": (b"<?xml version='1.0'?><rows/>", FileRule.XML),
    "json": (b'[{"id": 1}]', FileRule.JSON),
    "utf-16": (GOOD.decode().encode("utf-16"), FileRule.UTF16),
    "utf-16 without mark": (GOOD.decode().encode("utf-16-le"), FileRule.UTF16),
    "utf-32": (GOOD.decode().encode("utf-32"), FileRule.UTF16),
    "latin-1": (GOOD.replace(b"Male", "Mâle".encode("latin-1")), FileRule.NOT_UTF8),
    "nul": (GOOD.replace(b"Male", b"Ma\0le"), FileRule.BINARY),
    "one long line": (b"1," * 12_000_000, FileRule.LINE_TOO_LONG),
    "100,000 columns": (b",".join(b"c%d" % n for n in range(100_000)) + b"\n1\n", FileRule.LINE_TOO_LONG),
    "1,000 columns": (b",".join(b"c%d" % n for n in range(1_000)) + b"\n1\n", FileRule.TOO_MANY_COLUMNS),
    "old Mac line ends": (GOOD.replace(b"\n", b"\r"), FileRule.LINE_ENDS),
    "semicolons": (GOOD.replace(b",", b";"), FileRule.DELIMITER),
    "tabs": (GOOD.replace(b",", b"\t"), FileRule.DELIMITER),
    "no header": (f"{STROKE}\n".encode() * 3, FileRule.HEADER_ABSENT),
    "another use case": (
        ",".join(use_cases.get("heart").header).encode() + f"\n{HEART}\n".encode(),
        FileRule.HEADER_OF_OTHER,
    ),
    "a column missing": (GOOD.replace(b",bmi,", b",").replace(b",36.6,", b","), FileRule.COLUMNS_MISSING),
    "an unknown column": (
        GOOD.replace(b"id,", b"id,patient_name,", 1).replace(b"9046,", b"9046,Ada,"),
        FileRule.COLUMNS_UNKNOWN,
    ),
    "a trailing comma in the header": (GOOD.replace(b"stroke\n", b"stroke,\n"), FileRule.COLUMNS_UNKNOWN),
    "a column twice": (
        GOOD.replace(b"gender,", b"gender,gender,").replace(b"Male,", b"Male,Male,"),
        FileRule.COLUMNS_REPEATED,
    ),
    "no label": (GOOD.replace(b",stroke\n", b"\n").replace(b",1\n", b"\n"), FileRule.LABEL_COLUMN_MISSING),
    "another spelling": (GOOD.replace(b"bmi", b"BMI"), FileRule.COLUMNS_MISSING),
    "header only": (f"{HEADER}\n".encode(), FileRule.NO_ROWS),
    "prose": (b"Dear colleagues, please find the file attached.\nRegards\n", FileRule.COLUMNS_MISSING),
}


def test_a_file_that_is_too_large_is_refused_by_its_size_alone() -> None:
    stroke = use_cases.get("stroke")
    assert check_file_head(GOOD, LARGEST_FILE, stroke, "training") == []
    [problem] = check_file_head(GOOD, LARGEST_FILE + 1, stroke, "training")
    assert (problem.rule, problem.detail) == (FileRule.TOO_LARGE, "48 GB")


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_agreed_csv_is_refused_whole(name: str, judge: Judge) -> None:
    data, rule = REFUSED[name]
    begun = perf_counter()
    verdict = judge(data)
    assert perf_counter() - begun < 2
    assert verdict.disposition == "REJECTED"
    assert verdict.problems[0].rule is rule
    assert verdict.rows_accepted == 0
    sentences = explain(verdict, use_cases.get("stroke"))
    assert sentences
    assert not any("{" in sentence or "Ada" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.rstrip(b"\n"),
        GOOD.replace(HEADER.encode(), ",".join(f'"{name}"' for name in HEADER.split(",")).encode()),
    ],
    ids=["byte order mark", "windows line ends", "no last line end", "quoted header"],
)
def test_harmless_differences_are_accepted(data: bytes, judge: Judge) -> None:
    assert (judge(data).disposition, judge(data).rows_accepted) == ("ACCEPTED", 1)


def test_patients_and_outcomes_are_not_mistaken_for_each_other(judge: Judge) -> None:
    outcomes = judge(b"id,label,date\n9046,1,2024-05-01\n")
    patients = judge(GOOD, purpose="outcomes")
    for verdict, told in (
        (outcomes, "outcomes, not patients"),
        (patients, "patients (Stroke risk), not outcomes"),
    ):
        assert verdict.problems[0].rule is FileRule.HEADER_OF_OTHER
        assert told in explain(verdict)[0]


def test_the_order_of_columns_is_free(judge: Judge) -> None:
    header, row = HEADER.split(","), STROKE.split(",")
    data = f"{','.join(reversed(header))}\n{','.join(reversed(row))}\n".encode()
    assert judge(data).disposition == "ACCEPTED"


def test_an_inference_file_may_have_the_label_column_or_not(judge: Judge) -> None:
    without = GOOD.replace(b",stroke\n", b"\n").replace(b",1\n", b"\n")
    empty = GOOD.replace(b",1\n", b",\n")
    for data in (GOOD, without, empty):
        assert judge(data, purpose="inference").disposition == "ACCEPTED"


def test_a_refusal_names_known_columns_and_only_the_place_of_others(judge: Judge) -> None:
    unknown = GOOD.replace(b"id,", b"id,Anna Example,Work Type,", 1)
    sentence = explain(judge(unknown), use_cases.get("stroke"))[0]
    assert "position 2, 3" in sentence
    assert "Work Type" in sentence
    assert "Anna" not in sentence
    missing = explain(judge(GOOD.replace(b",bmi,", b",")), use_cases.get("stroke"))[0]
    assert missing.startswith("The header lacks bmi.")


def test_the_head_may_end_inside_a_character() -> None:
    head = GOOD + "é".encode()[:1]
    assert check_file_head(head, 10**9, use_cases.get("stroke"), "training") == []


def test_the_header_s_length_leads_to_the_first_row() -> None:
    data = b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")
    header = read_header(data)
    assert header.names == use_cases.get("stroke").header
    assert data[header.length :].startswith(b"9046,")
