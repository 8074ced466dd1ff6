"""A model that is not ours: what a use case states of it, and the columns of its predictions.

The hospital exports what a vendor's model gave for each patient; nothing is trained or scored here. What is
stored of predictions is what is stored of those of our own models, so monitoring reads both alike. Standard
library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinrisk.use_cases.columns import Number, OtherUnit

RISK = Number(
    "risk",
    "predicted risk",
    0,
    1,
    "probability",
    usual=(0.0, 1.0),
    other_units=(OtherUnit("percent", 0.01),),
    commonest=0.5,
    least_filled=0.5,
    fractions=0.5,
)
"""An empty cell is a patient for whom the model stated no risk."""
PREDICTED_AT = "predicted_at"
"""The day of the prediction, YYYY-MM-DD; a time after it is read over."""
MODEL_VERSION = "model_version"
"""Optional: the vendor's own number of the model that made the prediction."""
PREDICTION_COLUMNS = (RISK.name, PREDICTED_AT)


@dataclass(frozen=True)
class ExternalModel:
    """Whose model it is, and the risk from which its results flag a patient."""

    vendor: str
    product: str
    threshold: float
