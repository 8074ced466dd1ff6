"""Every rule has its sentence with a remedy, and a receipt has exactly its fields."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clinrisk.core.ingest.receipts import DUPLICATE, Arrival, Ending, receipt
from clinrisk.core.ingest.rules import REJECTED_WITH_FILE, FileRule, Problem, RowRule
from clinrisk.core.ingest.sentences.rule_sentences import details, explain, problem_sentence, reason_sentence
from clinrisk.core.ingest.verdict import decide, refuse
from clinrisk.messages.ingest import Disposition, RowCounts

from .small_use_cases import CLINIC, WARD

if TYPE_CHECKING:
    from tests.unit.conftest import Snapshot

REMEDY = re.compile(
    r"(Add|Ask|Check|Convert|Correct|Delete|Drop|Export|Give|Keep|Leave|Log|Look|None .* find|Only|Open|Put|"
    r"Remove|Rename|Save|Send|Shorten|Split|The accepted|The earlier|They might|Type|Unpack|Use|Write|Names|"
    r"`clinrisk)\b"
)


def has_remedy(sentence: str) -> bool:
    """Whether a text states what is wrong and then what to do or what is accepted."""
    first, *others = re.split(r"(?<=\.) (?=[A-Z`])", sentence)
    return first.endswith(".") and any(REMEDY.match(other) for other in others)


def test_a_sentence_without_a_remedy_is_recognised() -> None:
    assert not has_remedy("Bad.")
    assert not has_remedy("The file is bad. Nobody knows why.")
    assert not has_remedy("Send it again.")


@pytest.mark.parametrize("rule", FileRule)
def test_each_file_rule_has_a_sentence_with_a_remedy(rule: FileRule) -> None:
    sentence = problem_sentence(Problem(rule, ("age",), "a fact"), WARD)
    assert has_remedy(sentence)
    assert "{" not in sentence


@pytest.mark.parametrize("rule", [*RowRule, REJECTED_WITH_FILE])
@pytest.mark.parametrize("column", ["", ":age", ":stage", ":grade"])
def test_each_row_rule_has_a_sentence_with_its_rows_and_a_remedy(rule: str, column: str) -> None:
    one = reason_sentence(f"{rule}{column}", 1, (4,), CLINIC)
    many = reason_sentence(f"{rule}{column}", 1234, tuple(range(1, 21)), CLINIC)
    assert one.startswith("Row 4: 1 row has ")
    assert many.startswith("Rows 1, 2, 3, 4, 5 ...: 1,234 rows have ")
    assert has_remedy(one)
    assert "{" not in one + many


@pytest.mark.parametrize(
    ("rows", "count", "start"),
    [
        ((1, 2, 3, 4), 4, "Rows 1, 2, 3, 4: "),
        ((1, 2, 3, 4, 5), 5, "Rows 1, 2, 3, 4, 5: "),
        ((1, 2, 3, 4, 5, 6), 6, "Rows 1, 2, 3, 4, 5 ...: "),
        ((), 3, "3 rows have "),
    ],
)
def test_five_rows_are_named(rows: tuple[int, ...], count: int, start: str) -> None:
    assert reason_sentence("short_row", count, rows).startswith(start)


def test_all_sentences_read_as_they_were_read_aloud(snapshot: Snapshot) -> None:
    file = [problem_sentence(Problem(rule, ("age", "unit"), "<detail>"), WARD) for rule in FileRule]
    row = [reason_sentence(f"{rule}:age", 2, (4, 9), WARD) for rule in [*RowRule, REJECTED_WITH_FILE]]
    snapshot("rule_sentences", "\n".join([*file, "", *row, ""]))


def test_sentences_name_ranges_units_and_codes() -> None:
    assert "0.1 to 30 mmol/l" in reason_sentence("out_of_range:lactate", 1, (1,), WARD)
    assert "surgery, medicine, icu" in reason_sentence("unknown_code:unit", 1, (1,), WARD)
    assert "0, 1, 2" in reason_sentence("unknown_label:grade", 1, (1,), CLINIC)
    assert "0, 1, 2" in reason_sentence("unknown_label:label", 1, (1,), CLINIC)
    assert "(years)" in problem_sentence(Problem(FileRule.WRONG_UNIT, ("age",), "months"), WARD)


def test_sentences_need_no_use_case() -> None:
    assert "the accepted range" in reason_sentence("out_of_range:lactate", 1)
    assert "the codes of the use case" in reason_sentence("unknown_code:unit", 1)
    assert "months" in problem_sentence(Problem(FileRule.WRONG_UNIT, ("age",), "months"))


COUNTS = RowCounts(10, 9, 1, reasons={"short_row": 1}, first_rows={"short_row": (4,)}, missing={"age": 2})
PLAIN = Arrival("u", "k", "v", "t")


def test_a_receipt_has_exactly_its_fields_and_its_counts_add_up() -> None:
    arrival = replace(PLAIN, purpose="training", sha256="0" * 64)
    made = receipt(arrival, Ending(Disposition.PARTIAL, decide(COUNTS, WARD)), "t", WARD)
    [detail] = made["details"]
    assert made == {
        "schema": "clinrisk/receipt/v1",
        "key": "k",
        "version_id": "v",
        "upload_id": "u",
        "use_case": "ward",
        "purpose": "training",
        "disposition": "PARTIAL",
        "rows_accepted": 9,
        "rows_quarantined": 1,
        "rows_not_scorable": 0,
        "missing": {"age": 2},
        "reasons": {"short_row": 1},
        "rows": {"short_row": [4]},
        "details": [{"rule": "short_row", "count": 1, "rows": [4], "say": detail["say"]}],
        "explanation": [f"Row 4: {detail['say']}"],
        "received_at": "t",
        "settled_at": "t",
        "sha256": "0" * 64,
    }


def test_a_receipt_of_an_accepted_file_starts_with_that() -> None:
    made = receipt(PLAIN, Ending(Disposition.ACCEPTED, decide(RowCounts(3, 3, 0), WARD)), "t")
    assert made["explanation"] == ["Every row was used."]


def test_a_receipt_needs_neither_verdict_nor_use_case() -> None:
    ending = Ending(Disposition.DUPLICATE, explanation=[DUPLICATE], reason="same_bytes")
    duplicate = receipt(PLAIN, ending, "t")
    assert (duplicate["use_case"], duplicate["purpose"], duplicate["sha256"]) == (None, None, None)
    assert (duplicate["explanation"], duplicate["reasons"]) == ([DUPLICATE], {"same_bytes": 1})
    assert duplicate["details"] == [{"rule": "same_bytes", "count": 1, "rows": [], "say": DUPLICATE}]
    verdict = refuse([Problem(FileRule.UNKNOWN_USE_CASE)])
    refused = receipt(PLAIN, Ending(Disposition.REJECTED, verdict), "t")
    assert refused["reasons"] == {"unknown_use_case": 1}
    assert [detail["count"] for detail in refused["details"]] == [0]


def test_details_leave_out_reasons_that_are_the_file_s_problems() -> None:
    verdict = decide(RowCounts(4, 0, 4, reasons={"not_utf8": 4}), WARD)
    assert [detail["rule"] for detail in details(verdict)] == ["not_utf8"]
    assert len(explain(verdict)) == 1


def test_details_name_the_codes_and_ranges_of_the_use_case() -> None:
    reasons = {"out_of_range:lactate": 1, "unknown_code:unit": 2}
    sentences = [
        detail["say"] for detail in details(decide(RowCounts(40, 37, 3, reasons=reasons), WARD), WARD)
    ]
    assert "0.1 to 30 mmol/l" in sentences[0]
    assert "surgery, medicine, icu" in sentences[1]
