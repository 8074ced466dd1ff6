"""The approver reads what would change for patients, or why nobody can say."""

from __future__ import annotations

from typing import Any

import numpy as np

from clinrisk import use_cases
from clinrisk.core.release import shadow
from clinrisk.core.release.page.shadow_view import NONE_YET, beside_of, summary_of
from clinrisk.jobs.release.shadow_comparison import FlaggedRisks, comparison

HEART = use_cases.get("heart")


def made(batch: str, rows: int, seed: int = 0, version: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    risks = rng.random(rows)
    others = np.clip(risks + rng.normal(0, 0.1, rows), 0, 1)
    groups = {each.name: rng.choice(list(each.group_names), rows) for each in HEART.protected}
    facts = {"use_case": "heart", "run_id": "heart-1", "batch": batch, "champion_version": version}
    return comparison(
        HEART, FlaggedRisks(risks, risks > 0.5), FlaggedRisks(others, others > 0.5), groups, facts
    )


def failed(batch: str) -> dict[str, Any]:
    return shadow.not_compared("heart", "heart-1", batch, shadow.FAILED, "It ended with States.Timeout.")


def test_counts_of_all_batches_add_up() -> None:
    told = beside_of([made("replay", 240), made("a" * 20, 60, seed=1)], HEART)
    assert told.total is not None
    assert told.total.cells[0] == "300"
    assert [line.title for line in told.batches] == ["Recent batches", "Later batch aaaaaaaa"]
    assert told.notes == ()
    assert sum(int(line.cells[0]) for line in dict(told.groups)["sex"]) == 300


def test_what_is_missing_is_said() -> None:
    assert beside_of([], HEART).notes == (NONE_YET,)
    told = beside_of([failed("replay"), made("b" * 20, 10)], HEART)
    assert told.notes == ("Recent batches: It ended with States.Timeout.",)
    assert told.batches[0].cells[1:] == ("too few", *told.batches[0].cells[2:4], "too few", "too few")


def test_fewer_patients_than_wanted_are_said_to_be_few() -> None:
    [note] = beside_of([made("replay", 90)], HEART).notes
    assert note == "The recent batches held 90 of the 200 patients that were wanted."
    assert summary_of([made("replay", 90)]).endswith(note)


def test_comparisons_with_a_model_that_is_live_no_more_are_left_out() -> None:
    told = beside_of([made("replay", 240, version=2), made("c" * 20, 50, version=3)], HEART)
    assert told.champion_version == 3
    assert len(told.batches) == 1
    assert told.notes == ("1 comparisons with an earlier live model are left out.",)


def test_the_mail_says_it_in_two_sentences() -> None:
    told = summary_of([made("replay", 240)])
    assert told.startswith("Beside live version 3, on 240 patients of recent batches: the same answer for ")
    assert "would be newly flagged" in told
    assert summary_of([failed("replay")]) == "Beside the live model: It ended with States.Timeout."
