"""Public data are recognised by all of their rows and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from clinrisk import use_cases
from clinrisk.jobs.training.public_rows import public_source, rows_digest
from clinrisk.use_cases.base import PublicSource
from tests.unit.jobs.conftest import synthetic

HEART = use_cases.get("heart")
ROWS = pd.DataFrame(synthetic(HEART, 40))


def test_ids_and_order_change_nothing_and_a_cell_does() -> None:
    digest = rows_digest(ROWS, HEART)
    shuffled = ROWS.sample(frac=1, random_state=1).assign(record_id="other")
    assert rows_digest(shuffled, HEART) == digest
    assert rows_digest(ROWS.assign(age=ROWS["age"] + 1), HEART) != digest
    assert rows_digest(ROWS.assign(label=1 - ROWS["label"]), HEART) != digest


def test_all_rows_of_a_source_and_no_other_are_that_source() -> None:
    source = PublicSource(len(ROWS), rows_digest(ROWS, HEART), "Known.", "Somebody, 1988.")
    use_case = replace(HEART, public_sources=(source,))
    assert public_source(ROWS, use_case) == source
    assert public_source(ROWS.iloc[1:], use_case) is None
    assert public_source(ROWS.assign(age=50.0), use_case) is None
