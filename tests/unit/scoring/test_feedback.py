"""Which prediction a response answers, which response counts, and the counts that a page shows."""

from __future__ import annotations

import datetime as dt
import json

import polars as pl

from clinrisk import use_cases
from clinrisk.core.profiles.feedback_profile import FeedbackProfile, Responses, merge_feedback
from clinrisk.core.scoring.feedback import PREDICTED, acted_on, counts_by_file, feedback_profile_of, matched

HEART = use_cases.get("heart")
FIRST, AGAIN = dt.date(2026, 3, 1), dt.date(2026, 3, 10)
Row = tuple[str, str, str | None, str, dt.date]


def day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)


def file_of(*rows: Row) -> pl.DataFrame:
    columns = ["patient", "response", "reason", "role", "date"]
    types = dict.fromkeys(columns, pl.String()) | {"date": pl.Date()}
    return pl.DataFrame(list(rows), schema=types, orient="row")


def predicted(*rows: tuple[str, str, dt.date]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=PREDICTED, orient="row")


TWICE = predicted(("a", "first", FIRST), ("a", "again", AGAIN), ("b", "again", AGAIN))


def answers(*rows: Row, named: pl.DataFrame = TWICE) -> list[tuple[str | None, str]]:
    """Match the rows of one file; gives the batch and the status of each."""
    return matched({"file": file_of(*rows)}, named).select("batch", "status").rows()


def test_a_response_answers_the_newest_prediction_that_was_there_on_its_day() -> None:
    on = [day(number) for number in (0, 8, 9, 40)]
    found = [answers(("a", "accepted", None, "nurse", one)) for one in on]
    assert found == [[(batch, "counted")] for batch in ("first", "first", "again", "again")]


def test_a_calendar_may_be_a_day_behind_but_no_response_comes_before_its_prediction() -> None:
    assert answers(("b", "accepted", None, "nurse", day(8))) == [("again", "counted")]
    assert answers(("b", "accepted", None, "nurse", day(7))) == [(None, "earlier")]
    assert answers(("stranger", "accepted", None, "nurse", day(9))) == [(None, "unmatched")]


def test_the_latest_response_of_a_role_counts_and_each_role_has_its_own() -> None:
    rows: list[Row] = [
        ("a", "overridden", "other", "physician", day(3)),
        ("a", "accepted", None, "physician", day(2)),
        ("a", "not_seen", None, "nurse", day(1)),
        ("a", "accepted", None, "physician", day(12)),
    ]
    statuses = [("first", "counted"), ("first", "superseded"), ("first", "counted"), ("again", "counted")]
    assert answers(*rows) == statuses


def test_of_one_day_the_file_that_arrived_last_counts_and_every_row_is_counted_once() -> None:
    files = {
        "one": file_of(("a", "accepted", None, "nurse", day(2)), ("x", "accepted", None, "nurse", day(2))),
        "two": file_of(("a", "overridden", None, "nurse", day(2))),
    }
    found = counts_by_file(matched(files, TWICE))
    assert {name: {str(status): n for status, n in one.items() if n} for name, one in found.items()} == {
        "one": {"superseded": 1, "unmatched": 1},
        "two": {"counted": 1},
    }
    assert counts_by_file(matched({}, TWICE)) == {}


PREDICTIONS = pl.DataFrame(
    {
        "record_id": ["a", "b", "c", "d"],
        "risk": [0.1, 0.2, 0.6, 0.9],
        "flagged": [False, False, True, True],
        "group_sex": ["female", "male", "male", "unknown"],
        "group_age_band": ["under_45", "45_to_64", "65_and_over", "65_and_over"],
    }
)


def profile_of(*rows: Row, patients: pl.DataFrame = PREDICTIONS) -> FeedbackProfile:
    named = predicted(*((patient, "batch", FIRST) for patient in patients["record_id"]))
    return feedback_profile_of(HEART, patients, matched({"file": file_of(*rows)}, named))


SOME: tuple[Row, ...] = (
    ("b", "overridden", "judged_otherwise", "physician", FIRST),
    ("c", "not_seen", None, "nurse", day(5)),
    ("c", "overridden", "already_managed", "physician", day(2)),
    ("d", "accepted", None, "physician", FIRST),
)


def test_a_patient_counts_once_by_flag_band_and_group() -> None:
    found = profile_of(*SOME)
    everyone = found.everyone
    assert everyone.others == Responses(predicted=2, overridden=1)
    # Whoever saw the risk goes before whoever did not, whenever that was.
    assert everyone.flagged == Responses(predicted=2, accepted=1, overridden=1)
    assert (everyone.everyone.seen, everyone.everyone.known) == (3, 3)
    assert {name: one.everyone.predicted for name, one in found.groups["band"].items()} == {
        "low": 1,
        "moderate": 1,
        "high": 2,
    }
    assert found.groups["sex"]["male"].flagged == Responses(predicted=1, overridden=1)
    assert found.groups["age_band"]["65_and_over"].flagged.predicted == 2
    assert found.roles == {"nurse": {"not_seen": 1}, "physician": {"accepted": 1, "overridden": 2}}
    assert found.reasons == {"already_managed": 1, "judged_otherwise": 1}


def test_of_two_roles_on_one_day_the_override_decides_and_superseded_ones_do_not_count() -> None:
    found = profile_of(
        ("d", "overridden", None, "nurse", FIRST),
        ("d", "accepted", None, "physician", FIRST),
        ("c", "overridden", "other", "nurse", FIRST),
        ("c", "accepted", None, "nurse", day(1)),
    )
    assert found.everyone.flagged == Responses(predicted=2, accepted=1, overridden=1)
    assert found.reasons == {"": 1}


def test_a_batch_without_responses_counts_its_predictions() -> None:
    found = profile_of()
    assert found.everyone.everyone == Responses(predicted=4)
    assert (found.roles, found.reasons) == ({}, {})


def test_the_patients_whose_flag_somebody_accepted_are_listed() -> None:
    rows: list[Row] = [
        ("a", "accepted", None, "nurse", FIRST),  # not flagged
        ("b", "accepted", None, "nurse", FIRST),  # not flagged
        ("c", "accepted", None, "nurse", FIRST),
        ("c", "overridden", None, "physician", FIRST),
        ("d", "accepted", None, "nurse", FIRST),
        ("d", "overridden", None, "nurse", day(1)),
    ]
    responses = matched({"file": file_of(*rows)}, predicted(*((one, "batch", FIRST) for one in "abcd")))
    # Somebody accepted the flag of c; that of d was accepted by nobody in the end.
    assert acted_on(PREDICTIONS, responses).to_list() == ["c"]


def test_profiles_of_parts_add_up_to_that_of_all_in_any_order_and_survive_storage() -> None:
    parts = [
        profile_of(*SOME, patients=PREDICTIONS[rows]) for rows in (slice(0, 1), slice(1, 3), slice(3, 4))
    ]
    every = profile_of(*SOME)
    assert merge_feedback(parts) == merge_feedback(reversed(parts)) == merge_feedback([every])
    assert FeedbackProfile.from_dict(json.loads(json.dumps(every.to_dict()))) == every
    assert merge_feedback([]) is None
    text = json.dumps(every.to_dict())
    assert "2026" not in text
