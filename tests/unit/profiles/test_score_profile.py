import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from clinrisk.core.profiles.score_profile import EVERYONE, ScoreProfile, merge, score_cells, score_profile_of
from clinrisk.use_cases.base import UseCase


def scored(use_case: UseCase, rows: int, rng: Generator, *, labelled: bool = True) -> ScoreProfile:
    risk = rng.beta(2, 5, rows)
    groups = {
        "sex": rng.choice(["female", "male"], rows),
        "age_band": rng.choice(["under_45", "45_to_64", "65_and_over"], rows),
    }
    label = (rng.random(rows) < risk).astype(int) if labelled else None
    return score_profile_of(use_case, risk, risk >= 0.4, groups, label)


def test_the_groups_of_each_attribute_add_up_to_everyone(heart: UseCase, rng: Generator) -> None:
    profile = scored(heart, 500, rng)
    everyone = profile.everyone
    assert everyone.outcomes is not None
    assert sum(everyone.score_counts) == everyone.n == 500
    for attribute in ("sex", "age_band"):
        groups = profile.attributes[attribute].values()
        assert sum(group.n for group in groups) == 500
        assert sum(group.flagged for group in groups) == everyone.flagged
        assert sum(group.outcomes.tp for group in groups if group.outcomes) == everyone.outcomes.tp
    assert everyone.outcomes.tp + everyone.outcomes.fp == everyone.flagged


def test_merging_two_batches_gives_the_profile_of_both_together(heart: UseCase, rng: Generator) -> None:
    risk, sex = rng.random(90), rng.choice(["female", "male"], 90)
    groups = {"sex": sex, "age_band": np.repeat(["under_45", "65_and_over"], 45)}
    label = (risk > rng.random(90)).astype(int)

    def of(rows: slice) -> ScoreProfile:
        parts = {name: values[rows] for name, values in groups.items()}
        return score_profile_of(heart, risk[rows], risk[rows] > 0.5, parts, label[rows])

    whole = of(slice(None))
    assert merge([of(slice(0, 30)), of(slice(30, 90))]) == whole
    turned = merge([of(slice(30, 90)), of(slice(0, 30))])
    assert turned == whole
    assert list(turned.attributes) == sorted(whole.attributes)
    assert [list(groups) for groups in turned.attributes.values()] == [
        sorted(turned.attributes[name]) for name in turned.attributes
    ]


def test_whom_the_model_learned_from_can_be_taken_out_before_and_after_adding_up(
    heart: UseCase, rng: Generator
) -> None:
    risk, sex = rng.random(90), rng.choice(["female", "male"], 90)
    risk[::9] = np.nan
    ages = np.repeat(["under_45", "65_and_over"], 45)
    doubtful, learned = risk > 0.8, np.arange(90) < 50

    def of(rows: NDArray[np.int64], seen: NDArray[np.bool_] | None) -> ScoreProfile:
        groups = {"sex": sex[rows], "age_band": ages[rows]}
        of_seen = None if seen is None else seen[rows]
        doubts = doubtful[rows]
        return score_profile_of(
            heart, risk[rows], risk[rows] > 0.5, groups, uncertain=doubts, learned=of_seen
        )

    unseen = of(np.flatnonzero(~learned), None)
    assert "under_45" not in unseen.attributes["age_band"]
    marked = ScoreProfile.from_dict(json.loads(json.dumps(of(np.arange(90), learned).to_dict())))
    assert marked.everyone.n + marked.everyone.not_scored == 90
    left = marked.without_learned()
    assert (dict(left.attributes), left.left_out) == (unseen.attributes, 50)
    parts = [of(np.arange(0, 30), learned), of(np.arange(30, 90), learned)]
    together = merge([one.without_learned() for one in parts])
    assert (together.attributes["sex"], together.left_out) == (unseen.attributes["sex"], 50)
    assert merge(parts).without_learned().everyone == unseen.everyone
    assert "50 patients whom the model learned from" in left.notes[0]
    assert unseen.without_learned() is unseen
    assert "learned" not in unseen.to_dict()
    assert not unseen.notes


def test_histograms_of_other_grids_do_not_add_up(heart: UseCase, rng: Generator) -> None:
    profile = scored(heart, 40, rng, labelled=False)
    everyone = replace(profile.everyone, score_counts=(1, 2))
    with pytest.raises(ValueError, match="shorter"):
        merge([profile, ScoreProfile({EVERYONE: {EVERYONE: everyone}})])


def test_outcomes_are_kept_only_where_every_part_has_them(heart: UseCase, rng: Generator) -> None:
    labelled, unlabelled = scored(heart, 40, rng), scored(heart, 40, rng, labelled=False)
    assert merge([labelled, labelled]).everyone.outcomes is not None
    assert merge([labelled, unlabelled]).everyone.outcomes is None


@pytest.mark.parametrize("labelled", [True, False])
def test_a_score_profile_survives_json(heart: UseCase, rng: Generator, labelled: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    profile = scored(heart, 300, rng, labelled=labelled)
    document = json.loads(json.dumps(profile.to_dict()))
    assert ScoreProfile.from_dict(document) == profile
    assert ("positives" in document[EVERYONE][EVERYONE]) is labelled


def test_low_risks_get_the_finer_cells() -> None:
    edges = np.unique(score_cells(np.linspace(0, 1, 100_001)), return_index=True)[1]
    widths = np.diff(edges)
    assert len(edges) == 100
    assert np.all(np.diff(widths) >= 0)


def test_the_expected_cases_are_the_sum_of_the_risks_to_one_percent(heart: UseCase, rng: Generator) -> None:
    for a, b in ((2, 5), (1, 20), (5, 2)):
        risk = rng.beta(a, b, 3000)
        sex = np.repeat("male", 3000)
        profile = score_profile_of(heart, risk, risk > 0.5, {"sex": sex, "age_band": sex})
        assert profile.everyone.expected_positives == pytest.approx(risk.sum(), rel=0.01)


def test_patients_without_a_risk_are_counted_and_in_no_other_count(heart: UseCase) -> None:
    groups = {"sex": np.array(["female", "male", "male", "male"]), "age_band": np.repeat(["under_45"], 4)}
    risk, label = np.array([np.nan, 0.6, 0.1, np.nan]), np.array([1, 1, 0, 0])
    doubts = np.array([True, True, False, False])

    profile = score_profile_of(
        heart, risk, np.array([True, True, False, True]), groups, label, uncertain=doubts
    )

    everyone = profile.everyone
    assert (everyone.n, everyone.flagged, everyone.uncertain, everyone.not_scored) == (2, 1, 1, 2)
    assert sum(everyone.score_counts) == 2
    assert everyone.outcomes is not None
    assert (everyone.outcomes.positives, everyone.outcomes.tp) == (1, 1)
    # A group of which nobody has a risk is there, so that nobody overlooks it.
    assert {name: (of.n, of.not_scored) for name, of in profile.attributes["sex"].items()} == {
        "female": (0, 1),
        "male": (2, 1),
    }
    twice = merge([profile, ScoreProfile.from_dict(json.loads(json.dumps(profile.to_dict())))]).everyone
    assert (twice.n, twice.uncertain, twice.not_scored) == (4, 2, 4)


def test_an_older_profile_knows_of_no_doubts(heart: UseCase, rng: Generator) -> None:
    profile = scored(heart, 40, rng)
    older = profile.to_dict()
    for part in older.values():
        for counts in part.values():
            del counts["uncertain"], counts["not_scored"]

    assert ScoreProfile.from_dict(older) == profile
