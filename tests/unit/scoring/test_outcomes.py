from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk import use_cases
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.core.scoring.outcomes import JudgedBatch, in_force, judge, status_by_upload

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase

HEART = use_cases.get("heart")
WITHIN_30_DAYS = replace(HEART, horizon_days=30)
PREDICTED = dt.date(2026, 3, 1)
END = dt.date(2026, 3, 31)
MUCH_LATER = dt.date(2027, 1, 1)
PREDICTIONS = pl.DataFrame(
    {
        "record_id": ["a", "b", "c"],
        "risk": [0.1, 0.6, 0.9],
        "predicted_on": [PREDICTED] * 3,
        "flagged": [False, True, True],
        "group_sex": ["female", "male", "male"],
        "group_age_band": ["under_45", "45_to_64", "65_and_over"],
    }
)


def file_of(*rows: tuple[str, int, dt.date], replaces: bool = False) -> pl.DataFrame:
    """Make an outcomes upload."""
    columns = {"record_id": pl.String, "label": pl.Int8, "date": pl.Date}
    return pl.DataFrame(list(rows), schema=columns, orient="row").with_columns(
        pl.lit(replaces).alias("replaces")
    )


def judged(use_case: UseCase, *files: pl.DataFrame, today: dt.date = MUCH_LATER) -> JudgedBatch:
    return judge(use_case, PREDICTIONS, in_force(files), today)


def status_of(use_case: UseCase, *rows: tuple[int, dt.date], today: dt.date = MUCH_LATER) -> tuple[str, int]:
    """Judge outcomes of patient b; gives the status, and the label or -1 where none counts."""
    batch = judged(use_case, *[file_of(("b", label, date)) for label, date in rows], today=today)
    (status,) = batch.patients["status"]
    outcomes = batch.profile.everyone.outcomes if batch.profile else None
    return status, outcomes.positives if outcomes else -1


def day(number: int) -> dt.date:
    return PREDICTED + dt.timedelta(days=number)


def test_only_predictions_with_a_known_outcome_are_counted() -> None:
    batch = judged(HEART, file_of(("c", 1, END), ("a", 0, END), ("stranger", 1, END)))
    assert batch.profile is not None
    everyone = batch.profile.everyone
    assert (everyone.n, everyone.flagged) == (2, 1)
    assert everyone.outcomes is not None
    assert (everyone.outcomes.positives, everyone.outcomes.tp, everyone.outcomes.fp) == (1, 1, 0)
    assert set(batch.profile.attributes["sex"]) == {"female", "male"}


def test_whom_the_model_learned_from_is_named_and_not_counted_among_the_predictions() -> None:
    files = in_force([file_of(("a", 0, END), ("b", 1, END), ("c", 1, day(-9)))])
    marked = PREDICTIONS.with_columns(learned=pl.Series([None, True, True]))
    batch = judge(HEART, marked, files, MUCH_LATER)
    assert dict(batch.patients.iter_rows()) == {"a": "joined", "b": "learned", "c": "earlier"}
    assert batch.predicted == (1, 0)
    assert batch.profile is not None
    assert batch.profile.everyone.n == 1
    assert judge(HEART, marked[1:], files, MUCH_LATER).profile is None


def test_counted_are_those_of_the_profile_and_nobody_a_second_time() -> None:
    files = in_force([file_of(("a", 0, END), ("b", 1, END), ("c", 1, END))])
    marked = PREDICTIONS.with_columns(learned=pl.Series([None, True, None]))
    batch = judge(HEART, marked, files, MUCH_LATER)
    assert batch.counted.to_list() == ["a", "c"]
    again = judge(HEART, marked, files, MUCH_LATER, pl.DataFrame({"record_id": ["c"]}))
    assert dict(again.patients.iter_rows())["c"] == "joined"
    assert again.profile is not None
    assert (again.counted.to_list(), again.profile.everyone.n) == (["a"], 1)


def test_without_a_match_there_is_no_profile() -> None:
    assert judged(HEART, file_of(("stranger", 1, END))).profile is None
    assert judged(HEART).profile is None


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([(1, day(0))], ("joined", 1)),
        ([(0, day(0))], ("joined", 0)),
        ([(1, day(-1))], ("joined", 1)),
        ([(1, day(-2))], ("earlier", -1)),
        ([(0, day(3)), (1, day(9))], ("conflicting", -1)),
        ([(0, day(-2)), (1, day(9))], ("conflicting", -1)),
        ([(1, day(-9)), (0, day(3))], ("conflicting", -1)),
        ([(1, day(3)), (1, day(9))], ("joined", 1)),
    ],
)
def test_an_examination_gives_the_outcome_once(
    rows: list[tuple[int, dt.date]], found: tuple[str, int]
) -> None:
    assert status_of(HEART, *rows) == found


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([(1, day(30))], ("joined", 1)),
        ([(1, day(31))], ("joined", 0)),
        ([(0, day(30))], ("joined", 0)),
        ([(0, day(29))], ("waiting", -1)),
        ([(0, day(9)), (1, day(10))], ("joined", 1)),
        ([(0, day(10)), (1, day(10))], ("conflicting", -1)),
        ([(0, day(11)), (1, day(10))], ("conflicting", -1)),
        ([(1, day(-2))], ("earlier", -1)),
        ([(1, day(-2)), (0, day(30))], ("conflicting", -1)),
        ([(0, day(-2)), (1, day(9))], ("joined", 1)),
        ([(1, day(-2)), (1, day(9))], ("earlier", -1)),
    ],
)
def test_an_event_counts_up_to_the_end_of_the_horizon(
    rows: list[tuple[int, dt.date]], found: tuple[str, int]
) -> None:
    assert status_of(WITHIN_30_DAYS, *rows) == found


def test_before_the_horizon_is_over_cases_wait_as_others_do() -> None:
    for label in (0, 1):
        assert status_of(WITHIN_30_DAYS, (label, day(3)), today=END - dt.timedelta(days=1))[0] == "waiting"
    assert status_of(WITHIN_30_DAYS, (1, day(3)), today=END) == ("joined", 1)


def test_a_stroke_is_waited_for_a_year_and_heart_disease_not_at_all() -> None:
    stroke = replace(HEART, horizon_days=use_cases.get("stroke").horizon_days)
    assert status_of(stroke, (1, day(3)), today=day(364)) == ("waiting", -1)
    assert status_of(stroke, (1, day(365)), today=day(365)) == ("joined", 1)
    assert status_of(stroke, (1, day(366)), today=day(366)) == ("joined", 0)
    assert status_of(HEART, (1, day(3)), today=day(3)) == ("joined", 1)


def test_a_batch_says_until_when_it_waits() -> None:
    early, rows = END - dt.timedelta(days=1), file_of(("a", 1, day(3)))
    assert judged(WITHIN_30_DAYS, rows, today=early).waiting_until == END
    assert judged(WITHIN_30_DAYS, rows, today=END).waiting_until is None
    assert judged(HEART, rows, today=early).waiting_until is None


def test_a_row_that_replaces_takes_the_place_of_all_that_arrived_before_it() -> None:
    first, second = file_of(("a", 0, END), ("b", 1, END)), file_of(("a", 1, END), replaces=True)
    assert dict(in_force([first, second]).select("record_id", "label").iter_rows()) == {"a": 1, "b": 1}
    again = file_of(("a", 0, END))
    assert judged(HEART, first, second, again).counts[OutcomeStatus.CONFLICTING] == 1


def test_a_patient_counts_once_per_upload_with_the_most_urgent_status() -> None:
    files = {"one": file_of(("a", 0, END), ("z", 0, END)), "two": file_of(("a", 1, END))}
    fine = judged(HEART, file_of(("a", 0, END)))
    valid = in_force(list(files.values()))
    counts = status_by_upload(files, valid, [judged(HEART, *files.values()), fine])
    assert counts["one"] == {
        OutcomeStatus.CONFLICTING: 1,
        OutcomeStatus.JOINED: 0,
        OutcomeStatus.LEARNED: 0,
        OutcomeStatus.WAITING: 0,
        OutcomeStatus.EARLIER: 0,
        OutcomeStatus.REPLACED: 0,
        OutcomeStatus.UNMATCHED: 1,
    }
    assert (counts[""][OutcomeStatus.CONFLICTING], counts[""][OutcomeStatus.UNMATCHED]) == (1, 1)
    assert counts["two"][OutcomeStatus.CONFLICTING] == 1


def test_a_file_whose_outcome_was_replaced_counts_it_as_replaced() -> None:
    files = {"wrong": file_of(("a", 0, END)), "right": file_of(("a", 1, END), replaces=True)}
    counts = status_by_upload(files, in_force(list(files.values())), [judged(HEART, *files.values())])
    assert counts["wrong"][OutcomeStatus.REPLACED] == counts["right"][OutcomeStatus.JOINED] == 1


ROWS = st.lists(
    st.tuples(st.sampled_from("abz"), st.integers(0, 1), st.integers(-3, 40).map(day)),
    max_size=4,
    unique_by=lambda row: row[0],
)


@given(st.lists(ROWS, max_size=4), st.sampled_from([HEART, WITHIN_30_DAYS]), st.integers(0, 60).map(day))
def test_every_patient_is_accounted_for_and_the_order_of_files_does_not_matter(
    files: list[list[tuple[str, int, dt.date]]], use_case: UseCase, today: dt.date
) -> None:
    uploads = [file_of(*rows) for rows in files]
    batch = judged(use_case, *uploads, today=today)
    again = judged(use_case, *reversed(uploads), today=today)
    assert batch.counts == again.counts
    assert batch.profile == again.profile
    assert batch.patients.height == len({row[0] for rows in files for row in rows} & set("abc"))
    assert (batch.profile.everyone.n if batch.profile else 0) == batch.counts[OutcomeStatus.JOINED]
    named = {str(number): one for number, one in enumerate(uploads)}
    counts = status_by_upload(named, in_force(uploads), [batch])
    for number, rows in enumerate(files):
        assert sum(counts[str(number)].values()) == len(rows)
