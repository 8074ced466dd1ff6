"""The plan of a training run: which uploads it may read, up to when, and from which seed.

Plan Training writes it as plan.json, Assemble Training Set reads it. Standard library only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# The grid of the search inside the training job, among a use case's hyperparameters.
SEARCHED_DEPTHS, SEARCHED_ROUNDS = "search_max_depth", "search_num_round"


@dataclass(frozen=True)
class SourceFile:
    """One committed upload as the manifest, report and model card name it."""

    upload_id: str
    key: str
    sha256: str
    received_at: str
    rows_accepted: int
    rows_quarantined: int
    labelled_rows: int
    description: str = ""
    """The hospital's own words, given with the file; "" where it gave none."""
    synthetic: bool = False
    """Whoever dropped the file stated that a program drew its patients."""


@dataclass(frozen=True)
class TrainingPlan:
    """What fixes a training set: the same plan over the same store gives the same bytes."""

    use_case: str
    run_id: str
    as_of: str
    """Newest event time that counts, in UTC as the Feature Store writes it (2026-01-31T12:00:00.000Z)."""
    upload_ids: tuple[str, ...]
    """The committed training uploads in order of arrival: rows of any other are not read, and where two rows
    of a patient have the same event time, the upload that arrived later wins."""
    feature_digest: str
    seed: int = 0
    expected_rows: int = 0
    """Labelled rows that those uploads committed: what is read of them has to be as many."""
    rows_quarantined: int = 0
    """Rows of those uploads that were quarantined, for the report."""
    reason: str = ""
    acted_on: str = ""
    """The sha256 of the list of patients whose flag a clinician accepted; "" before any feedback."""
    sources: tuple[SourceFile, ...] = field(default=())
    """The same uploads as files, for manifest, report and model card."""

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        listed = {"upload_ids": list(self.upload_ids), "sources": [asdict(source) for source in self.sources]}
        return asdict(self) | listed

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TrainingPlan:
        """Return the plan that `to_dict` wrote; raises TypeError when a part is absent or unknown.

        >>> plan = TrainingPlan("heart", "heart-1", "2026-01-31T12:00:00.000Z", ("a",), "0" * 64)
        >>> TrainingPlan.from_dict(plan.to_dict()) == plan
        True
        """
        sources = tuple(SourceFile(**source) for source in document.get("sources", ()))
        return cls(**{**document, "upload_ids": tuple(document["upload_ids"]), "sources": sources})
