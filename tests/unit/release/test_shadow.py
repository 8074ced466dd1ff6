"""What follows from the counts of two models: agreement, and Cohen's kappa as scikit-learn has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from clinrisk.core.evaluation.estimates import NOT_EVALUATED, wilson
from clinrisk.core.release.shadow import COUNTS, agreement, kappa, not_compared, together

CELLS = st.tuples(*[st.integers(0, 40)] * 4).filter(sum)


def counted(both: int, only_candidate: int, only_champion: int, neither: int) -> dict[str, int]:
    return dict(zip(COUNTS, (both, only_candidate, only_champion, neither), strict=True))


@given(CELLS)
def test_kappa_is_that_of_scikit_learn_and_none_where_both_always_give_one_answer(
    cells: tuple[int, int, int, int],
) -> None:
    both, _, _, neither = cells
    if both + neither == sum(cells) and 0 in {both, neither}:
        assert kappa(counted(*cells)) is None
        return
    candidate, champion = np.repeat([1, 1, 0, 0], cells), np.repeat([1, 0, 1, 0], cells)
    assert kappa(counted(*cells)) == pytest.approx(cohen_kappa_score(candidate, champion), abs=1e-9)


@pytest.mark.parametrize(("n", "evaluated"), [(19, False), (20, True), (21, True)])
def test_agreement_needs_twenty_patients(n: int, evaluated: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    counts = counted(5, 2, 1, n - 8)
    found = agreement(counts)
    assert {name: found[name] for name in ("n", *COUNTS)} == {"n": n} | counts
    assert found["agreement"] == (wilson(n - 3, n).as_list() if evaluated else NOT_EVALUATED)
    assert found["kappa"] == (kappa(counts) if evaluated else NOT_EVALUATED)


def test_where_both_always_give_one_answer_they_agree_without_a_kappa() -> None:
    found = agreement(counted(0, 0, 0, 30))
    assert found["agreement"] == wilson(30, 30).as_list()
    assert found["kappa"] == NOT_EVALUATED


def test_counts_of_several_comparisons_are_added_up() -> None:
    parts = [counted(5, 1, 0, 10), counted(7, 0, 2, 11)]
    assert together(iter(parts)) == agreement(counted(12, 1, 2, 21))


def test_a_missing_comparison_states_its_outcome_and_reason() -> None:
    assert not_compared("heart", "heart-1", "replay", "NOTHING", "No model is live.") == {
        "use_case": "heart",
        "run_id": "heart-1",
        "batch": "replay",
        "champion_version": 0,
        "outcome": "NOTHING",
        "reason": "No model is live.",
    }
