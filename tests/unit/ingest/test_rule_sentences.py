"""Every rule has its sentence, and a receipt has exactly its fields."""

from __future__ import annotations

from functools import partial

import pytest

from clinrisk import use_cases
from clinrisk.core.ingest.counts import RowCounts
from clinrisk.core.ingest.receipts import DUPLICATE, receipt
from clinrisk.core.ingest.rule_sentences import problem_sentence, reason_sentence
from clinrisk.core.ingest.rules import FileRule, Problem, RowRule
from clinrisk.core.ingest.verdict import SET_ASIDE, decide, refuse


@pytest.mark.parametrize("rule", FileRule)
def test_each_file_rule_has_a_sentence_with_a_remedy(rule: FileRule) -> None:
    sentence = problem_sentence(Problem(rule, ("age",), "a fact"), use_cases.get("heart"))
    assert sentence.count(". ") >= 1 or sentence.endswith(".")
    assert "{" not in sentence


@pytest.mark.parametrize("rule", [*RowRule, SET_ASIDE])
@pytest.mark.parametrize("column", ["", ":age", ":cp", ":num"])
def test_each_row_rule_has_a_sentence_with_its_rows(rule: str, column: str) -> None:
    one = reason_sentence(f"{rule}{column}", 1, (4,), use_cases.get("heart"))
    many = reason_sentence(f"{rule}{column}", 1234, tuple(range(1, 21)), use_cases.get("heart"))
    assert one.startswith("Row 4: 1 row has ")
    assert many.startswith("Rows 1, 2, 3, 4, 5 ...: 1,234 rows have ")
    assert "{" not in one + many


def test_sentences_name_ranges_units_and_codes() -> None:
    heart = use_cases.get("heart")
    assert "60 to 700 mg/dl" in reason_sentence("out_of_range:chol", 1, (1,), heart)
    assert "1, 2, 3, 4" in reason_sentence("unknown_code:cp", 1, (1,), heart)
    assert "0, 1, 2, 3, 4" in reason_sentence("unknown_label:num", 1, (1,), heart)


def test_a_receipt_has_exactly_its_fields_and_its_counts_add_up() -> None:
    counts = RowCounts(10, 9, 1, reasons={"short_row": 1}, first_rows={"short_row": (4,)}, missing={"ca": 2})
    heart = use_cases.get("heart")
    made = receipt(
        key="inbox/heart/training/a.csv",
        version_id="v1",
        disposition="PARTIAL",
        received_at="2024-05-01T10:00:00Z",
        settled_at="2024-05-01T10:00:03Z",
        use_case=heart,
        purpose="training",
        sha256="0" * 64,
        verdict=decide(counts, heart),
    )
    assert list(made) == [
        *("schema", "key", "version_id", "upload_id", "use_case", "purpose", "disposition"),
        *("rows_accepted", "rows_quarantined", "missing", "reasons", "rows", "details", "explanation"),
        *("received_at", "settled_at", "sha256"),
    ]
    assert made["rows"] == {"short_row": [4]}
    assert made["explanation"] == [
        "Row 4: 1 row has too few cells. Look for a line break or a missing delimiter."
    ]


def test_a_receipt_needs_neither_verdict_nor_use_case() -> None:
    plain = partial(receipt, key="k", version_id="v", received_at="t", settled_at="t")
    duplicate = plain(disposition="DUPLICATE", explanation=[DUPLICATE])
    assert duplicate["explanation"] == [DUPLICATE]
    refused = plain(disposition="REJECTED", verdict=refuse([Problem(FileRule.UNKNOWN_USE_CASE)]))
    assert refused["reasons"] == {"unknown_use_case": 1}
