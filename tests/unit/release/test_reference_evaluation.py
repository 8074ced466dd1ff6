"""The evaluation of a reference: its figures are those that a job computes from the patients themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from clinrisk import use_cases
from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.profiles.score_profile import SCORE_CELLS, ScoreProfile, score_profile_of
from clinrisk.core.release import reference_evaluation
from clinrisk.core.release.page.reference_report import report
from clinrisk.core.release.reference_evaluation import Cohort, calibration_slope, evaluation_of
from clinrisk.core.training.promotion import requirements, unproven

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASE = use_cases.get("readmission")
ROWS = 4000


def patients(
    seed: int, *, slope: float = 1.0, rows: int = ROWS
) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
    """Draw risks, outcomes whose log odds are so many times those of the risk, and groups."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(-1.8, 0.9, rows)
    truth = draw.random(rows) < 1 / (1 + np.exp(-slope * odds))
    groups = {
        "sex": draw.choice(["female", "male"], rows),
        "age_band": draw.choice(["under_50", "50_to_74", "75_and_over"], rows, p=[0.3, 0.695, 0.005]),
    }
    return 1 / (1 + np.exp(-odds)), truth, groups


def profiled(risks: NDArray[Any], groups: dict[str, Any], truth: NDArray[Any] | None = None) -> ScoreProfile:
    return score_profile_of(CASE, risks, risks >= 0.2, groups, truth)


def cohort(seed: int = 1, **drawn: Any) -> Cohort:
    risks, truth, groups = patients(seed, **drawn)
    flagged = int((risks >= 0.2).sum())
    labelled = profiled(risks, groups, truth)
    return Cohort("All", 1, profiled(risks, groups), labelled, (len(risks), flagged), ("4.1",))


def test_the_figures_are_those_of_scikit_learn_but_for_the_cells() -> None:
    risks, truth, _ = patients(1)
    figures = evaluation_of(CASE, "readmission-1", cohort(), 0)["models"]["xgboost"]
    assert figures["auc"][0] == pytest.approx(roc_auc_score(truth, risks), abs=0.003)
    assert figures["brier"][0] == pytest.approx(brier_score_loss(truth, risks), abs=0.001)
    assert figures["observed_to_expected"][0] == pytest.approx(truth.sum() / risks.sum(), rel=0.01)
    assert figures["recall"][0] == pytest.approx((truth & (risks >= 0.2)).sum() / truth.sum())
    for low_to_high in (figures[name] for name in ("auc", "brier", "calibration_slope", "recall")):
        assert low_to_high[1] < low_to_high[0] < low_to_high[2]


@pytest.mark.parametrize("slope", [0.5, 1.0, 1.6])
def test_the_slope_is_that_of_a_logistic_regression_on_the_log_odds(slope: float) -> None:
    risks, truth, groups = patients(3, slope=slope)
    everyone = profiled(risks, groups, truth).everyone
    assert everyone.outcomes is not None
    found = calibration_slope(everyone.score_counts, everyone.outcomes.score_counts_positive)
    assert found is not None
    odds = np.log(risks / (1 - risks))[:, None]
    fitted = LogisticRegression(C=1e9, tol=1e-8).fit(odds, truth)
    assert found.value == pytest.approx(float(fitted.coef_[0, 0]), rel=0.01)
    assert found.low < slope < found.high


def test_risks_that_are_all_alike_have_no_slope() -> None:
    counts = (0,) * 40 + (50,) + (0,) * 59
    assert calibration_slope(counts, tuple(n // 5 for n in counts)) is None


def test_every_patient_is_in_one_bin_of_risk() -> None:
    document = evaluation_of(CASE, "readmission-1", cohort(), 0)
    risks = document["curves"]["risks"]
    cases, others = sum(risks["with_condition"]), sum(risks["without_condition"])
    assert cases + others == ROWS
    assert cases == pytest.approx(
        document["counts"]["training"]["positives"], abs=len(risks["with_condition"])
    )
    assert min(*risks["with_condition"], *risks["without_condition"]) >= 0
    assert len(risks["edges"]) == len(risks["with_condition"]) + 1


def test_a_group_that_is_too_small_is_not_evaluated_and_has_to_be_accepted_by_name() -> None:
    document = evaluation_of(CASE, "readmission-1", cohort(), 0)
    small = document["groups"]["age_band"]["75_and_over"]
    assert (small["n"] > 0, small["auc"], small["observed_to_expected"]) == (
        True,
        NOT_EVALUATED,
        NOT_EVALUATED,
    )
    assert [item.key for item in unproven(document, CASE)] == ["age_band_75_and_over"]
    gap = document["gaps"]["sex"]["recall"]
    sexes = document["groups"]["sex"]
    assert gap[0] == pytest.approx(abs(sexes["female"]["recall"][0] - sexes["male"]["recall"][0]))


def test_what_is_asked_of_a_reference_is_its_own_and_not_that_of_a_candidate() -> None:
    document = evaluation_of(CASE, "readmission-1", cohort(), 3)
    asked = requirements(document, CASE.bar)
    assert all(line.met for line in asked), [line for line in asked if not line.met]
    assert not any("baseline" in line.asked or "old-out" in line.asked for line in asked)
    assert document["champion"]["live_version"] == 3
    off = evaluation_of(CASE, "readmission-1", cohort(slope=0.3), 0)
    assert {line.asked.partition(":")[0] for line in requirements(off, CASE.bar) if not line.met} >= {
        "Calibration slope",
        "Observed cases per expected case",
    }


def test_outcomes_of_flagged_patients_alone_are_no_reference() -> None:
    risks, truth, groups = patients(1)
    known = risks >= 0.2
    some = {name: of[known] for name, of in groups.items()}
    partly = Cohort(
        "All",
        1,
        profiled(risks, groups),
        profiled(risks[known], some, truth[known]),
        (ROWS, int(known.sum())),
        ("",),
    )
    document = evaluation_of(CASE, "readmission-1", partly, 0)
    [line] = [one for one in requirements(document, CASE.bar) if one.asked.startswith("Outcomes are known")]
    assert not line.met
    assert f"of {known.sum()} of {known.sum()} flagged patients and of 0 of" in line.found


def test_the_report_shows_counts_and_names_files_by_upload() -> None:
    document = evaluation_of(CASE, "readmission-1", cohort(), 0)
    source = {
        "purpose": "predictions",
        "key": "inbox/readmission/predictions/<b>.csv",
        "upload_id": "a1",
        "rows": 9,
    }
    page = report(CASE, document, [source])
    assert page == report(CASE, document, [source])
    assert "&lt;b&gt;.csv (upload a1, 9 rows)" in page
    assert "Versions that the vendor states: 4.1." in page
    assert "<script" not in page


def test_no_slope_is_stated_of_what_no_regression_can_tell() -> None:
    empty = [0] * SCORE_CELLS
    low, high = SCORE_CELLS // 4, 3 * SCORE_CELLS // 4

    def cells(**counts: int) -> tuple[int, ...]:
        return tuple(
            counts.get("low", 0) if at == low else counts.get("high", 0) if at == high else n
            for at, n in enumerate(empty)
        )

    assert calibration_slope(cells(low=50), cells(low=20)) is None
    # Every patient of the higher risk is a case and none of the lower: no slope is steep enough.
    assert calibration_slope(cells(low=50, high=50), cells(high=50)) is None
    found = calibration_slope(cells(low=50, high=50), cells(low=10, high=40))
    assert found is not None
    assert found.value > 0


def test_one_group_whose_rate_is_known_has_no_gap_to_another() -> None:
    known = {rate: [0.3, 0.2, 0.4] for rate in reference_evaluation._RATES}
    unknown = dict.fromkeys(reference_evaluation._RATES, NOT_EVALUATED)
    gaps = reference_evaluation._gaps({"women": known, "men": unknown})
    assert gaps == dict.fromkeys(reference_evaluation._RATES, NOT_EVALUATED)


def test_figures_of_patients_without_outcomes_are_refused() -> None:
    risks, _, groups = patients(7, rows=60)
    with pytest.raises(ValueError, match="not known"):
        reference_evaluation._outcomes(profiled(risks, groups).everyone)
