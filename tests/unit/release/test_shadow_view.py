"""The approver reads what would change for patients, or why nobody can say."""

from __future__ import annotations

from typing import Any

import pytest

from clinrisk.core.evaluation.figure_text import share
from clinrisk.core.release import shadow
from clinrisk.core.release.page.shadow_view import NONE_YET, shadow_view_of, summary_of
from tests.unit.release.comparisons import HEART, made


def failed(batch: str) -> dict[str, Any]:
    return shadow.not_compared("heart", "heart-1", batch, shadow.FAILED, "It ended with States.Timeout.")


def test_counts_of_all_batches_add_up() -> None:
    shown = shadow_view_of([made("replay", 240), made("a" * 20, 60, seed=1)], HEART)
    assert shown.total is not None
    assert shown.total.cells[0] == "300"
    assert [line.title for line in shown.batches] == ["Recent batches", "Later batch aaaaaaaa"]
    assert shown.notes == ()
    assert sum(int(line.cells[0]) for line in dict(shown.groups)["sex"]) == 300


def test_what_is_missing_is_said() -> None:
    assert shadow_view_of([], HEART).notes == (NONE_YET,)
    shown = shadow_view_of([failed("replay"), made("b" * 20, 10)], HEART)
    assert shown.notes == ("Recent batches: It ended with States.Timeout.",)
    assert shown.batches[0].cells[1:] == (
        "not evaluated",
        *shown.batches[0].cells[2:4],
        "not evaluated",
        "not evaluated",
    )


@pytest.mark.parametrize(("rows", "notes"), [(199, 1), (200, 0), (201, 0)])
def test_fewer_patients_than_wanted_are_noted(rows: int, notes: int) -> None:
    found = shadow_view_of([made("replay", rows)], HEART).notes
    assert len(found) == notes
    assert all(str(rows) in note and "200" in note for note in found)
    assert summary_of([made("replay", rows)]).endswith(" ".join(found))


def test_comparisons_with_a_model_that_is_live_no_more_are_left_out() -> None:
    shown = shadow_view_of([made("replay", 240, version=2), made("c" * 20, 50, version=3)], HEART)
    assert shown.champion_version == 3
    assert len(shown.batches) == 1
    [note] = shown.notes
    assert "1 comparisons with an earlier live model" in note


def test_the_mail_has_the_counts_and_the_share_with_its_interval() -> None:
    comparison = made("replay", 240)
    seen = comparison["everyone"]
    summary = summary_of([comparison])
    facts = ("live version 3", "240 patients", share(seen["agreement"]), str(seen["only_candidate"]))
    assert all(fact in summary for fact in facts)
    assert "States.Timeout" in summary_of([failed("replay")])


def test_what_changes_for_patients_is_counted_and_measured() -> None:
    comparison = made("replay", 240)
    seen = comparison["everyone"]
    seen |= {"rank_correlation": 0.954, "shift": [0.0123, -0.004, 0.0286]}
    [line] = shadow_view_of([comparison], HEART).batches
    assert line.cells == (
        "240",
        share(seen["agreement"]),
        str(seen["only_candidate"]),
        str(seen["only_champion"]),
        "0.95",
        "+1.2 points (-0.4 to +2.9)",
    )


def test_the_mail_reads_as_it_was_read_aloud() -> None:
    assert summary_of([]) == "Compared with the live model: There is no comparison with the live model."
    assert summary_of([made("a" * 20, 60)]) == summary_of([])
    assert summary_of([failed("replay")]) == "Compared with the live model: It ended with States.Timeout."
    comparison = made("replay", 190)
    seen = comparison["everyone"]
    assert summary_of([made("b" * 20, 60), comparison]) == (
        "Compared with live version 3 on 190 patients of recent batches: the same flag for "
        f"{share(seen['agreement'])}; {seen['only_candidate']} would be newly flagged, "
        f"{seen['only_champion']} no longer flagged. The recent batches hold 190 patients; 200 were wanted."
    )


def test_an_attribute_that_a_comparison_does_not_have_has_an_empty_table() -> None:
    shown = shadow_view_of([made("replay", 240) | {"groups": {}}], HEART)
    assert shown.groups == tuple((attribute.title, ()) for attribute in HEART.protected)


def test_patients_whom_a_model_would_not_score_are_counted_over_all_batches() -> None:
    batches = [made("replay", 240), made("b" * 20, 10)]
    batches[0]["not_scored"] |= {"candidate": 3}
    batches[1]["not_scored"] |= {"candidate": 1, "champion": 2}
    [note] = shadow_view_of(batches, HEART).notes
    assert "4 patients whom the live model scores and the candidate would not" in note
    assert "2 whom the candidate would score and the live model does not, and 0 whom neither" in note
