"""The preview of a receipt: a file judged on this machine by the same code that the pipeline runs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cli.inbox_receipts import inbox_key
from clinrisk import use_cases
from clinrisk.core.ingest import inbox_keys
from clinrisk.core.ingest.check_file import check_rows
from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.core.ingest.sentences import rule_sentences
from clinrisk.core.ingest.verdict import refuse
from clinrisk.errors import KeyRefused, NotData

if TYPE_CHECKING:
    from clinrisk.core.ingest.verdict import FileVerdict
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class Preview:
    """A verdict with the sentences that explain it."""

    verdict: FileVerdict
    details: tuple[dict[str, Any], ...]
    """Per rule: how many rows, the first row numbers, what to do."""
    sentences: tuple[str, ...]
    remarks: tuple[str, ...]
    rows: tuple[dict[str, Any], ...] = ()
    """The quarantined rows, as `QUARANTINE_SCHEMA` names their columns."""

    def as_json(self) -> dict[str, Any]:
        """Return the fields of a receipt."""
        return {
            "disposition": self.verdict.disposition,
            "rows_accepted": self.verdict.rows_accepted,
            "rows_quarantined": self.verdict.rows_quarantined,
            "rows_not_scorable": self.verdict.rows_not_scorable,
            "missing": dict(self.verdict.missing),
            "reasons": dict(self.verdict.reasons),
            "details": list(self.details),
            "explanation": list(self.sentences),
        }


def preview(content: bytes, name: str, purpose: str, file_name: str = "a.csv") -> Preview:
    """Return the verdict of ingest on a file, except for what only the stack knows: repeats of its bytes."""
    use_case, today = use_cases.get(name), dt.datetime.now(dt.UTC).date()
    refused = _refused_name(inbox_key(name, purpose, file_name))
    if refused is not None:
        return _explained(refused, None)
    verdict, rows = check_rows(content, use_case, purpose, today)
    return replace(_explained(verdict, use_case), rows=tuple(rows.to_dicts()))


def _explained(verdict: FileVerdict, use_case: UseCase | None) -> Preview:
    details, sentences = rule_sentences.details(verdict, use_case), rule_sentences.explain(verdict, use_case)
    return Preview(
        verdict, tuple(details), tuple(sentences), tuple(rule_sentences.remarks(verdict, use_case))
    )


def _refused_name(key: str) -> FileVerdict | None:
    """Return the verdict on a file whose name alone would be refused, or None."""
    try:
        inbox_keys.parse_key(key)
    except NotData:
        return None  # ingest ignores such a name; whoever checks the file asks about its content
    except KeyRefused as error:
        return refuse([Problem(FileRule(rule)) for rule in error.rules])
    return None
