"""Heart patients whose true risk is known, since their outcomes are drawn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from clinrisk import use_cases
from clinrisk.jobs.models import absence, booster

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels

HEART = use_cases.get("heart")


def patients_of_known_risk(size: int, seed: int) -> tuple[Floats, Labels, Floats]:
    """Return features without a gap, outcomes, and the risks that these were drawn from."""
    rng = np.random.default_rng(seed)
    features = np.empty((size, len(HEART.features)))
    for positions in absence.positions_of(HEART).values():
        first = HEART.features[positions[0]]
        if first.kind == "number":
            features[:, positions[0]] = first.low + (first.high - first.low) * rng.beta(3, 3, size)
        elif len(positions) == 1:
            features[:, positions[0]] = rng.random(size) < 0.5
        else:
            features[:, positions] = np.eye(len(positions))[rng.integers(0, len(positions), size)]
    of = HEART.feature_names.index
    signal = (
        (features[:, of("age")] - 64) / 16
        + 1.2 * (features[:, of("oldpeak")] - 3) / 2.5
        + 1.5 * (features[:, of("exang")] - 0.5)
        + 1.2 * features[:, of("cp_4")]
        - (features[:, of("thalach")] - 140) / 40
    )
    risks = expit(signal / 1.5 - 0.3)
    return features, (rng.random(size) < risks).astype(np.int64), risks


BLANKS = absence.blanks_of(np.zeros((1, len(HEART.features))), HEART)
SETTINGS: dict[str, Any] = booster.settings_of(
    {"eta": "0.1", "subsample": "0.8", "max_depth": "2", "num_round": "70", "seed": "1"}
) | {"blanked": BLANKS}
