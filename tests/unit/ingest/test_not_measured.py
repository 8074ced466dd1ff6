"""What was not measured is null however senders write it, and without what is essential no risk is stated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.receipts import Arrival, Ending, receipt
from clinrisk.core.ingest.verdict import add_counts, decide
from clinrisk.messages.ingest import Disposition, RowCounts
from clinrisk.use_cases.columns import Code

from .conftest import Judge, Read, file_of, good_rows
from .small_use_cases import WARD

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase


@pytest.fixture
def needing() -> UseCase:
    """A ward on which age and unit are essential, and "none" is a unit."""
    age, lactate, unit, ventilated = WARD.columns
    unit = Code(
        "unit", "unit", {"surgery": "surgery", "medicine": "medicine", "none": "at home"}, essential=True
    )
    return replace(WARD, columns=(replace(age, essential=True), lactate, unit, ventilated), protected=())


def _file(**cells: str) -> bytes:
    rows = good_rows("ward", 10)
    rows[2].update(cells)
    return file_of(rows)


def test_a_text_that_is_a_code_is_no_missing_marker(needing: UseCase) -> None:
    assert check_file(_file(unit="none"), needing, "training").disposition == "ACCEPTED"
    assert check_file(_file(unit="NULL"), needing, "training").reasons == {"essential_missing:unit": 1}
    # Neither the code as written nor a marker: somebody has to look.
    assert check_file(_file(unit="None"), needing, "training").reasons == {"unknown_code:unit": 1}


def test_training_without_what_is_essential_is_quarantined(needing: UseCase) -> None:
    verdict = check_file(_file(age="NA", lactate=""), needing, "training")
    assert verdict.reasons == {"essential_missing:age": 1}
    assert (verdict.disposition, verdict.rows_accepted, verdict.rows_not_scorable) == ("PARTIAL", 9, 0)


@pytest.mark.parametrize("cells", [{"age": "."}, {"age": "", "unit": "?"}])
def test_inference_without_what_is_essential_travels_on_and_is_counted(
    needing: UseCase, cells: dict[str, str]
) -> None:
    verdict = check_file(_file(**cells), needing, "inference")
    assert (verdict.disposition, verdict.rows_accepted, verdict.rows_not_scorable) == ("ACCEPTED", 10, 1)
    made = receipt(Arrival("u", "k", "v", "t"), Ending(Disposition.ACCEPTED, verdict), "t", needing)
    assert made["rows_not_scorable"] == 1
    assert any('"not scored"' in sentence and "age, unit" in sentence for sentence in made["explanation"])


def test_a_quarantined_row_is_not_counted_as_not_scorable(needing: UseCase) -> None:
    verdict = check_file(_file(age="", lactate="x"), needing, "inference")
    assert (verdict.rows_quarantined, verdict.rows_not_scorable) == (1, 0)


def test_counts_of_rows_that_are_not_scorable_add_up() -> None:
    total = add_counts([RowCounts(2, 2, 0, not_scorable=1), RowCounts(3, 3, 0, not_scorable=2)])
    assert decide(total, WARD).rows_not_scorable == 3


def test_a_patient_of_whom_nothing_is_known_is_answered_where_there_is_an_id(
    judge: Judge, read: Read
) -> None:
    rows = good_rows("ward", 10)
    rows[2].update(age="", lactate="NA", unit="?", ventilated=".")
    assert judge(file_of(rows)).reasons == {"empty_row": 1}
    assert read(file_of(rows), purpose="inference").features.height == 10
