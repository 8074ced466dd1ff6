"""What the receipt of a file would say, found on this machine by the same code that the pipeline runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.core.ingest import inbox_keys, rule_sentences
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.core.ingest.verdict import refuse
from clinrisk.errors import KeyRefused, NotData

if TYPE_CHECKING:
    from clinrisk.core.ingest.verdict import FileVerdict


@dataclass(frozen=True)
class Preview:
    """A verdict with the sentences that explain it."""

    verdict: FileVerdict
    details: tuple[dict[str, Any], ...]
    """Per rule: how many rows, the first row numbers, what to do."""
    sentences: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the fields of a receipt."""
        return {
            "disposition": self.verdict.disposition,
            "rows_accepted": self.verdict.rows_accepted,
            "rows_quarantined": self.verdict.rows_quarantined,
            "missing": dict(self.verdict.missing),
            "reasons": dict(self.verdict.reasons),
            "details": list(self.details),
            "explanation": list(self.sentences),
        }


def preview(content: bytes, name: str, purpose: str, file_name: str = "a.csv") -> Preview:
    """Judge a file as ingest would, but for what only the inbox knows (whether the bytes came before)."""
    use_case = use_cases.get(name)
    refused = _refused_name(f"inbox/{name}/{purpose}/{file_name}")
    if refused is not None:
        return Preview(
            refused, tuple(rule_sentences.details(refused)), tuple(rule_sentences.explain(refused))
        )
    verdict = check_file(content, use_case, purpose)
    told = rule_sentences.details(verdict, use_case), rule_sentences.explain(verdict, use_case)
    return Preview(verdict, tuple(told[0]), tuple(told[1]))


def _refused_name(key: str) -> FileVerdict | None:
    """Give the verdict on a file whose name alone would be refused."""
    try:
        inbox_keys.parse_key(key)
    except NotData:
        return None  # a leftover by its name, which nobody asks about: its content is judged
    except KeyRefused as error:
        return refuse([Problem(FileRule(rule)) for rule in error.rules])
    return None
