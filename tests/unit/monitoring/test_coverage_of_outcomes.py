"""Whether those whose outcomes are known may stand for all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.core.monitoring.coverage import Coverage


@pytest.mark.parametrize(
    ("coverage", "selective"),
    [
        (Coverage(100, 100, 300, 0), True),
        (Coverage(100, 100, 300, 60), True),
        (Coverage(100, 10, 300, 300), True),
        (Coverage(100, 60, 300, 150), False),
        (Coverage(100, 1, 300, 0), False),
        (Coverage(100, 0, 300, 2), False),
        (Coverage(0, 0, 300, 100), False),
        (Coverage(100, 100, 0, 0), False),
        (Coverage(100, 0, 300, 0), False),
    ],
)
def test_outcomes_that_are_known_of_one_kind_of_patients_are_selective(
    coverage: Coverage, *, selective: bool
) -> None:
    assert coverage.selective is selective


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 1))
def test_an_even_coverage_is_never_selective(flagged: int, others: int, share: float) -> None:
    known = round(share * min(flagged, others))
    even = Coverage(flagged * 10, known * flagged * 10 // 500, others * 10, known * others * 10 // 500)
    assert not even.selective


def test_the_share_is_of_all_predictions() -> None:
    assert Coverage(100, 50, 300, 50).share == 0.25
    assert Coverage(0, 0, 0, 0).share == 0
    assert "50 of 100 flagged patients and of 60 of 300 others" in str(Coverage(100, 50, 300, 60))
