import polars as pl
import pytest

from clinrisk.core.scoring.outcomes import join, latest
from clinrisk.use_cases.base import UseCase

PREDICTIONS = pl.DataFrame(
    {
        "record_id": ["a", "b", "c"],
        "risk": [0.1, 0.6, 0.9],
        "flagged": [False, True, True],
        "group_sex": ["female", "male", "male"],
        "group_age_band": ["under_45", "45_to_64", "65_and_over"],
    }
)


def labels(**of: int) -> pl.DataFrame:
    return pl.DataFrame({"record_id": list(of), "label": list(of.values())})


def test_only_predictions_with_a_known_outcome_are_counted(heart: UseCase) -> None:
    profile = join(heart, PREDICTIONS, labels(c=1, a=0, stranger=1))
    assert profile is not None
    everyone = profile.everyone
    assert (everyone.n, everyone.flagged) == (2, 1)
    assert everyone.outcomes is not None
    assert (everyone.outcomes.positives, everyone.outcomes.tp, everyone.outcomes.fp) == (1, 1, 0)
    assert set(profile.attributes["sex"]) == {"female", "male"}


def test_without_a_match_there_is_no_profile(heart: UseCase) -> None:
    assert join(heart, PREDICTIONS, labels(stranger=1)) is None


def test_a_patient_scored_twice_counts_in_both_rows(heart: UseCase) -> None:
    profile = join(heart, pl.concat([PREDICTIONS, PREDICTIONS]), labels(a=0))
    assert profile is not None
    assert profile.everyone.n == 2


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int64, pl.UInt8])
def test_a_later_correction_replaces_the_earlier_label(dtype: type[pl.DataType]) -> None:
    first, second = labels(a=0, b=1), labels(a=1).with_columns(pl.col("label").cast(dtype))
    assert sorted(latest([first, second]).iter_rows()) == [("a", 1), ("b", 1)]
