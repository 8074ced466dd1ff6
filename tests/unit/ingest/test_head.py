"""What is rejected before a single row is read."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from typing import TYPE_CHECKING

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, MOST_COLUMNS, check_file_head, read_header
from clinrisk.core.ingest.rules import LARGEST_FILE, LONGEST_LINE, FileRule
from clinrisk.core.ingest.sentences.rule_sentences import explain

from .small_use_cases import GOOD as GOOD_ROWS
from .small_use_cases import HEADERS, WARD

if TYPE_CHECKING:
    from .conftest import Judge

HEADER, ROW = HEADERS["ward"], GOOD_ROWS["ward"]
GOOD = f"{HEADER}\n{ROW}\n".encode()
OTHER = use_cases.get(use_cases.names()[0])


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
    "encrypted parquet": (b"PARE\x15\x04" + b"x" * 50, FileRule.DATA_FILE),
    "pdf": (b"%PDF-1.7\n%" + GOOD, FileRule.DOCUMENT),
    "web page": (b"\n <!DOCTYPE html><html><body>no</body></html>", FileRule.HTML),
    "xml": (b"<?xml version='1.0'?><rows/>", FileRule.XML),
    "json": (b'[{"id": 1}]', FileRule.JSON),
    "utf-16": (GOOD.decode().encode("utf-16"), FileRule.UTF16),
    "utf-16 without mark": (GOOD.decode().encode("utf-16-le"), FileRule.UTF16),
    "utf-32": (GOOD.decode().encode("utf-32"), FileRule.UTF16),
    "latin-1": (GOOD.replace(b"medicine", "m\xe9decine".encode("latin-1")), FileRule.NOT_UTF8),
    "nul": (GOOD.replace(b"medicine", b"medi\0cine"), FileRule.BINARY),
    "old Mac line ends": (GOOD.replace(b"\n", b"\r"), FileRule.LINE_ENDS),
    "semicolons": (GOOD.replace(b",", b";"), FileRule.DELIMITER),
    "tabs": (GOOD.replace(b",", b"\t"), FileRule.DELIMITER),
    "bars": (GOOD.replace(b",", b"|"), FileRule.DELIMITER),
    "no header": (f"{ROW}\n".encode() * 3, FileRule.HEADER_ABSENT),
    "another use case": (",".join(OTHER.header).encode() + b"\n1,2\n", FileRule.HEADER_OF_OTHER),
    "another use case with a common column": (
        ",".join(dict.fromkeys(["case", *OTHER.header, "age", "unit"])).encode() + b"\n1,2\n",
        FileRule.HEADER_OF_OTHER,
    ),
    "a column missing": (GOOD.replace(b",lactate,", b",").replace(b",1.5,", b","), FileRule.COLUMNS_MISSING),
    "an unknown column": (
        GOOD.replace(b"case,", b"case,patient_name,", 1).replace(b"9046,", b"9046,Ada,"),
        FileRule.COLUMNS_UNKNOWN,
    ),
    "a trailing comma in the header": (GOOD.replace(b"sepsis\n", b"sepsis,\n"), FileRule.COLUMN_UNNAMED),
    "a column twice": (
        GOOD.replace(b"age,", b"age,age,").replace(b"67,", b"67,67,"),
        FileRule.COLUMNS_REPEATED,
    ),
    "no label": (GOOD.replace(b",sepsis\n", b"\n").replace(b",1\n", b"\n"), FileRule.LABEL_COLUMN_MISSING),
    "another spelling": (GOOD.replace(b"lactate", b"LACTATE"), FileRule.COLUMNS_MISSPELT),
    "header only": (f"{HEADER}\n".encode(), FileRule.NO_ROWS),
    "prose": (b"Dear colleagues, please find the file attached.\nRegards\n", FileRule.COLUMNS_MISSING),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_an_agreed_csv_is_rejected(name: str, judge: Judge) -> None:
    data, rule = REFUSED[name]
    verdict = judge(data)
    assert (verdict.disposition, verdict.rows_accepted) == ("REJECTED", 0)
    assert verdict.problems[0].rule is rule
    sentences = explain(verdict, WARD)
    assert sentences
    assert not any("{" in sentence or "Ada" in sentence for sentence in sentences)


@pytest.mark.parametrize(("size", "rejected"), [(-1, False), (0, False), (1, True)])
def test_a_file_may_be_as_large_as_its_limit(size: int, rejected: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    problems = check_file_head(GOOD, LARGEST_FILE + size, WARD, "training")
    assert [problem.rule for problem in problems] == ([FileRule.TOO_LARGE] if rejected else [])
    assert all(problem.detail == "48 GB" for problem in problems)


@pytest.mark.parametrize(("length", "rejected"), [(-1, False), (0, False), (1, True)])
def test_a_header_may_be_as_long_as_its_limit(length: int, rejected: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    data = GOOD.replace(b"\n", b" " * (LONGEST_LINE + length - len(HEADER)) + b"\n", 1)
    rules = [problem.rule for problem in check_file_head(data, len(data), WARD, "training")]
    assert rules == ([FileRule.LINE_TOO_LONG] if rejected else [])


@pytest.mark.parametrize(("columns", "rule"), [(-1, "unknown"), (0, "unknown"), (1, "too_many")])
def test_a_header_may_have_as_many_columns_as_its_limit(columns: int, rule: str) -> None:
    names = [*WARD.header, *(f"c{n}" for n in range(MOST_COLUMNS + columns - len(WARD.header)))]
    data = ",".join(names).encode() + b"\n1\n"
    [problem] = check_file_head(data, len(data), WARD, "training")
    assert problem.rule is (FileRule.TOO_MANY_COLUMNS if rule == "too_many" else FileRule.COLUMNS_UNKNOWN)


@pytest.mark.parametrize(("unknown", "named"), [(19, 19), (20, 20), (21, 20)])
def test_twenty_positions_of_unknown_columns_are_named(unknown: int, named: int) -> None:
    data = ",".join([*WARD.header, *(f"c{n}" for n in range(unknown))]).encode() + b"\n1\n"
    [problem] = check_file_head(data, len(data), WARD, "training")
    assert problem.detail.count(", ") == named - 1


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


def test_patients_outcomes_and_feedback_are_not_mistaken_for_one_another(judge: Judge) -> None:
    outcomes = judge(b"id,label,date\n9046,1,2024-05-01\n")
    patients = judge(GOOD, purpose="outcomes")
    feedback = judge(b"id,response,reason,role,date\n9046,accepted,,nurse,2024-05-01\n")
    misplaced = judge(GOOD, purpose="feedback")
    for verdict, kind in (
        (outcomes, "outcomes, not patients"),
        (patients, f"patients ({WARD.title}), not outcomes"),
        (feedback, "feedback of clinicians, not patients"),
        (misplaced, f"patients ({WARD.title}), not feedback"),
    ):
        [problem] = verdict.problems
        assert problem.rule is FileRule.HEADER_OF_OTHER
        assert kind in problem.detail


def test_a_header_is_another_use_case_s_with_more_than_half_of_its_columns() -> None:
    half = len(OTHER.header) // 2
    own = [name for name in OTHER.header if name not in WARD.header]
    for shared, rule in ((half, FileRule.COLUMNS_MISSING), (half + 1, FileRule.HEADER_OF_OTHER)):
        data = (",".join(own[:shared]) + "\n1\n").encode()
        [problem] = check_file_head(data, len(data), WARD, "training")
        assert problem.rule is rule


def test_the_order_of_columns_is_free(judge: Judge) -> None:
    data = f"{','.join(reversed(HEADER.split(',')))}\n{','.join(reversed(ROW.split(',')))}\n".encode()
    assert judge(data).disposition == "ACCEPTED"


def test_an_inference_file_may_have_the_label_column_or_not(judge: Judge) -> None:
    without = GOOD.replace(b",sepsis\n", b"\n").replace(b",1\n", b"\n")
    empty = GOOD.replace(b",1\n", b",\n")
    for data in (GOOD, without, empty):
        assert judge(data, purpose="inference").disposition == "ACCEPTED"


def test_a_rejection_names_agreed_columns_and_only_the_position_of_others(judge: Judge) -> None:
    known = OTHER.columns[1].name.upper()
    unknown = GOOD.replace(b"case,", f"case,Anna Example,{known},".encode(), 1)
    [problem] = judge(unknown).problems
    assert (problem.columns, problem.detail) == ((), "2, 3")
    assert "Anna" not in explain(judge(unknown), WARD)[0]
    [missing] = judge(GOOD.replace(b",lactate,", b",")).problems
    assert missing.columns == ("lactate",)


def test_the_head_may_end_inside_a_character_and_the_file_may_not() -> None:
    for cut in ("é".encode()[:1], "患".encode()[:2], "\U0001d4b3".encode()[:3]):
        head = GOOD + cut
        assert check_file_head(head, 10**9, WARD, "training") == []
        [problem] = check_file_head(head, len(head), WARD, "training")
        assert problem.rule is FileRule.NOT_UTF8
    [problem] = check_file_head(GOOD + b"\xc3xxxx", 10**9, WARD, "training")
    assert problem.rule is FileRule.NOT_UTF8


def test_the_head_alone_decides_whether_the_rest_is_read() -> None:
    assert check_file_head(GOOD[:HEAD_BYTES], len(GOOD), WARD, "training") == []


def test_the_header_s_length_leads_to_the_first_row() -> None:
    data = b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")
    header = read_header(data)
    assert header.names == WARD.header
    assert data[header.length :].startswith(b"9046,")


def test_a_lone_carriage_return_belongs_to_the_name_of_its_column() -> None:
    assert read_header(b"ca\rse,age\n1,2\n").names == ("ca\N{REPLACEMENT CHARACTER}se", "age")
