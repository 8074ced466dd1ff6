"""Until a model of a new contract is live, monitoring has nothing to judge, says so, and breaks nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.core.monitoring.findings import Check
from tests.integration.scored_batches import LIKE_TRAINING, ScoredBatches

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FIRST = use_cases.get("heart")


@pytest.fixture
def scored(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> ScoredBatches:
    """Batches that a model of the first contract scored, seen by code of a second with other groups."""
    scored = ScoredBatches(stack)
    second = replace(FIRST, schema_version=2, protected=(replace(FIRST.protected[0], name="gender"),))
    monkeypatch.setattr(use_cases, "get", lambda _: second)
    return scored


@pytest.mark.parametrize("check", Check)
def test_no_batch_of_the_earlier_contract_is_judged(scored: ScoredBatches, check: Check) -> None:
    selection = scored.select()
    assert selection["batches"] == []
    [finding] = scored.stack.call("run_check", {"check": check, "selection": selection})["findings"]
    assert finding["verdict"] == "NOT_EVALUATED"
    assert "present contract" in finding["detail"]


def test_outcomes_find_no_prediction_of_the_earlier_contract(scored: ScoredBatches) -> None:
    labels = scored.labels[LIKE_TRAINING].head(50).with_columns(pl.col("label").cast(pl.Int8))
    scored.arrive(labels)
    assert scored.join() == {"unmatched": 50}
