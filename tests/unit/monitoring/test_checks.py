"""The registry has every check, and each makes its finding from the material that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.core.monitoring.checks import CHECKS, ProfileCheck, ScoreCheck
from clinrisk.core.monitoring.findings import Check, CheckVerdict, ProfileMaterial, ScoreMaterial

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.core.profiles.feature_profile import Profile

SCORE_EVALUATION = {"models": {"xgboost": {"auc": [0.9, 0.86, 0.94]}}, "groups": {}}


def test_every_check_is_registered_once() -> None:
    assert list(CHECKS) == list(Check)


@pytest.mark.parametrize("check", Check)
def test_a_check_names_itself_in_its_finding(check: Check, profiled: Callable[..., Profile]) -> None:
    heart, rng = use_cases.get("heart"), np.random.default_rng(1)
    match CHECKS[check]:
        case ProfileCheck(finding):
            found = finding(heart, ProfileMaterial(profiled(100), profiled(50), 0, rng))
            assert found.verdict is CheckVerdict.OK
        case ScoreCheck(finding):
            found = finding(heart, ScoreMaterial(SCORE_EVALUATION, None, rng))
            assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert found.check is check
