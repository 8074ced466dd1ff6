"""Until a model of a new contract is live, monitoring has nothing to judge, says so, and breaks nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.core.monitoring.findings import Check
from tests.integration.monitored import LIKE_TRAINING, Monitored

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FIRST = use_cases.get("heart")


@pytest.fixture
def monitored(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Monitored:
    """Batches that a model of the first contract scored, seen by code of a second with other groups."""
    scored = Monitored(stack)
    second = replace(FIRST, schema_version=2, protected=(replace(FIRST.protected[0], name="gender"),))
    monkeypatch.setattr(use_cases, "get", lambda _: second)
    return scored


@pytest.mark.parametrize("check", Check)
def test_no_batch_of_the_earlier_contract_is_judged(monitored: Monitored, check: Check) -> None:
    selection = monitored.select()
    assert selection["batches"] == []
    [finding] = monitored.stack.call("run_check", {"check": check, "selection": selection})["findings"]
    assert finding["verdict"] == "NOT_EVALUATED"
    assert "present contract" in finding["detail"]


def test_outcomes_find_no_prediction_of_the_earlier_contract(monitored: Monitored) -> None:
    labels = monitored.labels[LIKE_TRAINING].head(50).with_columns(pl.col("label").cast(pl.Int8))
    monitored.arrive(labels)
    assert monitored.join() == {"joined": 0, "unmatched": 50}
