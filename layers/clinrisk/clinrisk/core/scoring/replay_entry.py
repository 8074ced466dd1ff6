"""What the ledger keeps of a replay: whether published results follow from what is stored, and who asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clinrisk.core.ledger.events import LedgerEvent


def replay_identity(use_case: str, execution: str) -> str:
    """Return the identity of a replay, by the name of the execution that made it.

    >>> replay_identity("heart", "0a1b-20261120T093000")
    'heart/replays/0a1b-20261120T093000'
    """
    return f"{use_case}/replays/{execution}"


@dataclass(frozen=True, kw_only=True)
class ReplayEntry(LedgerEvent):
    """One comparison of published results with those that were made again; no patient, no value."""

    event_name: ClassVar[str] = "replayed"
    first_stands: ClassVar[frozenset[str]] = frozenset({"replayed_at"})

    use_case: str
    upload_id: str
    results_version_id: str
    """The version of the results file that the sidecar states."""
    results_sha256: str
    """The digest that the sidecar states."""
    stored_sha256: str
    """That of the file that is stored: of current results, the one that a reader gets now."""
    replayed_sha256: str
    live_version: int
    """The version whose signed decision and bytes were checked before and after."""
    code_sha256: str
    """The job code that was deployed when the results were made, and made them again."""
    rows: int
    outcome: str
    """SAME or DIFFERENT."""
    difference: str
    """In words, empty where all is the same."""
    first_row: int | None
    columns: tuple[str, ...]
    person: str
    """Who asked, as AWS knows that identity."""
    execution: str
    replayed_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """Use case and execution."""
        return replay_identity(self.use_case, self.execution)

    @property
    def moment(self) -> str:
        """When the two were compared."""
        return self.replayed_at
