"""One way to write a share, a figure and a difference, wherever they are read."""

from __future__ import annotations

import pytest

from clinrisk.core.evaluation.figure_text import number, per_hundred, percent, points, share


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ([0.86, 0.75, 0.93], "86% (75% to 93%)"),
        ([0.2, 0.15, 0.25], "20% (15% to 25%)"),
        ([0.2, 0.15, 0.2499], "20.0% (15.0% to 25.0%)"),
        ([0.026, 0.0202, 0.0337], "2.6% (2.0% to 3.4%)"),
        ([0.02, 0.015, 0.025], "2.0% (1.5% to 2.5%)"),
        ([0.02, 0.015, 0.0249], "2.00% (1.50% to 2.49%)"),
        ([0.0, 0.0, 0.161], "0% (0% to 16%)"),
        ([1.0, 1.0, 1.0], "100% (100% to 100%)"),
        ("NOT_EVALUATED", "not evaluated"),
        (None, "not evaluated"),
    ],
)
def test_a_share_has_the_digits_that_its_interval_gives_a_meaning_to(figure: object, text: str) -> None:
    assert share(figure) == text


def test_a_figure_has_three_digits_unless_asked_otherwise_and_no_negative_zero() -> None:
    assert number([0.9061, -0.0001, 1.25]) == "0.906 (0.000 to 1.250)"
    assert number([0.9061, 0.8712, 0.9418], 2) == "0.91 (0.87 to 0.94)"
    assert number(None) == "not evaluated"


@pytest.mark.parametrize(
    ("figure", "complement", "text"),
    [
        ([0.1, 0.08, 0.13], False, "about 10 (8 to 13)"),
        ([0.0999, 0.08, 0.13], False, "about 10.0 (8.0 to 13.0)"),
        ([0.97, 0.95, 0.98], True, "about 3.0 (2.0 to 5.0)"),
        ("NOT_EVALUATED", False, "an unknown number"),
    ],
)
def test_patients_of_a_hundred_are_counted_in_tenths_below_ten(
    figure: object, *, complement: bool, text: str
) -> None:
    assert per_hundred(figure, complement=complement) == text


def test_thresholds_have_three_digits_and_differences_a_sign() -> None:
    assert [percent(value) for value in (0.335, 0.0526, 0.8)] == ["33.5%", "5.26%", "80%"]
    assert points([0.0123, -0.004, 0.0286]) == "+1.2 points (-0.4 to +2.9)"
    assert points("NOT_EVALUATED") == "not evaluated"
