"""What arrived, how it ended, and its receipt: counts, reasons and sentences. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.sentences import rule_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.ingest.verdict import FileVerdict
    from clinrisk.messages.ingest import Disposition
    from clinrisk.use_cases.base import UseCase

SCHEMA = "clinrisk/receipt/v1"
NOT_DATA = "This is not a data file. Nothing was done."
DUPLICATE = (
    "A file with exactly these bytes was already used for this use case and purpose. Nothing was changed. If "
    "a file that arrived since then is about the same patients, that later file still counts."
)
GONE = (
    "This version of the file was deleted before it could be read, so none of its rows was used. If it was "
    "deleted by mistake, send the file again."
)
WHAT_FAILED = "What failed: "
FAILED = "The file could not be processed, and none of its rows was used. The operators have been informed."


# The purpose and use case of a key that names none.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Arrival:
    """One version of one object in the inbox, and what its key says it is."""

    upload_id: str
    key: str
    version_id: str
    received_at: str
    use_case: str = UNKNOWN
    purpose: str = UNKNOWN
    sha256: str = ""
    sequencer: str = ""
    schema_version: int = 0
    """The version of the contract under which it was read; 0 where it never came to that."""


@dataclass(frozen=True)
class Ending:
    """How an upload ends: its disposition, and the verdict or the sentences behind it."""

    disposition: Disposition
    verdict: FileVerdict | None = None
    explanation: Sequence[str] = ()
    labelled_rows: int = 0
    reason: str = ""
    """The rule behind a disposition that has no verdict."""


def receipt(
    arrival: Arrival, ending: Ending, settled_at: str, use_case: UseCase | None = None
) -> dict[str, Any]:
    """Return a receipt as plain JSON values.

    Times are ISO 8601. `reasons` add up to `rows_quarantined` where rows were read; `rows` lists, per reason,
    the first row numbers (the header is row 1), at most 20. `details` states for each reason,
    in order, what is wrong and what to do. Without a use case there is no purpose either.

    >>> from clinrisk.messages.ingest import Disposition
    >>> ending = Ending(Disposition.IGNORED, explanation=[NOT_DATA])
    >>> receipt(Arrival("0a", "inbox/x/", "1", received_at="t"), ending, settled_at="t")["rows_accepted"]
    0
    """
    verdict, reason, sentences = ending.verdict, ending.reason, list(ending.explanation)
    details = [{"rule": reason, "count": 1, "rows": [], "say": " ".join(sentences)}] if reason else []
    if verdict is not None:
        details = rule_sentences.details(verdict, use_case)
        sentences += rule_sentences.explain(verdict, use_case)
    if verdict is not None and ending.disposition == "ACCEPTED":
        sentences.insert(0, "Every row was used.")
    return {
        "schema": SCHEMA,
        "key": arrival.key,
        "version_id": arrival.version_id,
        "upload_id": arrival.upload_id,
        "use_case": use_case.name if use_case else None,
        "purpose": arrival.purpose if use_case else None,
        "disposition": ending.disposition,
        "rows_accepted": verdict.rows_accepted if verdict else 0,
        "rows_quarantined": verdict.rows_quarantined if verdict else 0,
        "rows_not_scorable": verdict.rows_not_scorable if verdict else 0,
        "missing": dict(verdict.missing) if verdict else {},
        "reasons": dict(verdict.reasons) if verdict else dict.fromkeys(filter(None, [reason]), 1),
        "rows": {name: list(rows) for name, rows in verdict.first_rows.items()} if verdict else {},
        "details": details,
        "explanation": sentences,
        "received_at": arrival.received_at,
        "settled_at": settled_at,
        "sha256": arrival.sha256 or None,
    }
