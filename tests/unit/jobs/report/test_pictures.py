"""The pictures show the numbers that they are given, and every one of them is in their words too."""

from __future__ import annotations

import re

import pytest

from clinrisk.jobs.report import pictures

COUNTS = {"tp": 95, "fn": 17, "fp": 27, "tn": 104}


@pytest.mark.parametrize(
    "counts",
    [COUNTS, {"tp": 1, "fn": 1, "fp": 1, "tn": 0}, {"tp": 151, "fn": 38, "fp": 1100, "tn": 2815}],
)
def test_a_hundred_patients_are_a_hundred(counts: dict[str, int]) -> None:
    of = pictures.of_a_hundred(counts)
    total = sum(counts.values())

    assert sum(of.values()) == 100
    assert all(abs(of[name] - 100 * count / total) < 1 for name, count in counts.items())
    drawn = str(pictures.hundred_patients(counts))
    assert len(re.findall(r"<circle|<rect", drawn)) == 100
    assert drawn.count("<rect") == of["fn"]


def test_nobody_is_drawn_where_there_is_nobody() -> None:
    assert sum(pictures.of_a_hundred(dict.fromkeys(COUNTS, 0)).values()) == 0


def test_every_bin_with_patients_is_a_bar() -> None:
    risks = {"edges": [0.0, 0.1, 0.2, 0.3], "with_condition": [0, 2, 5], "without_condition": [9, 0, 1]}

    drawn = str(pictures.risk_chart(risks, 0.15))

    assert drawn.count("Z") == 4
    assert "flagged from here" in drawn
    assert ">90%<" in drawn
    assert ">71%<" in drawn


def test_the_way_from_file_to_estimate_adds_up() -> None:
    flow = {"files": 2, "rows": 320, "rows_quarantined": 7, "rows_without_outcome": 3, "rows_labelled": 310}
    parts = {"training": {"rows": 243, "positives": 112}, "holdout": {"rows": 60, "positives": 27}}

    words = re.findall(r">([^<>]+)</text>", str(pictures.flow_chart(flow, parts)))

    assert words == [
        "2 files, 320 rows",
        "313 rows accepted",
        "7 quarantined",
        "310 with an outcome",
        "3 without one",
        "303 patients",
        "7 older rows, or deleted",
        "243 training, scored out of fold",
        "112 with the condition",
        "60 held out",
        "27 with the condition",
    ]
