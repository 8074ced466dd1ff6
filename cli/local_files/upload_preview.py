"""The preview of a receipt: a file judged on this machine by the same code that the pipeline runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.inbox_receipts import inbox_key
from clinrisk import use_cases
from clinrisk.core import ingest
from clinrisk.core.ingest import inbox_keys, rule_sentences
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.errors import KeyRefused, NotData

if TYPE_CHECKING:
    from clinrisk.core.ingest import Verdict
    from clinrisk.use_cases.base import UseCase

# Pseudonyms are made and thrown away here, so any key will do.
NO_KEY = b"offline"


@dataclass(frozen=True)
class Preview:
    """A verdict with the sentences that explain it."""

    verdict: Verdict
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
    """Return the verdict of ingest on a file, except for what only the stack knows: repeats of its bytes."""
    use_case = use_cases.get(name)
    refused = _refused_name(inbox_key(name, purpose, file_name))
    if refused is not None:
        return _explained(refused, None)
    head = content[: ingest.HEAD_BYTES]
    problems = ingest.check_file_head(head, len(content), use_case, purpose)
    if problems:
        verdict = ingest.refuse(problems)
    else:
        header = ingest.read_header(head)
        chunk = read_chunk(content[header.length :], use_case, purpose, header.names, 1, NO_KEY)
        verdict = ingest.decide(chunk.counts, use_case)
    return _explained(verdict, use_case)


def _explained(verdict: Verdict, use_case: UseCase | None) -> Preview:
    details, sentences = rule_sentences.details(verdict, use_case), rule_sentences.explain(verdict, use_case)
    return Preview(verdict, tuple(details), tuple(sentences))


def _refused_name(key: str) -> Verdict | None:
    """Return the verdict on a file whose name alone would be refused, or None."""
    try:
        inbox_keys.parse_key(key)
    except NotData:
        return None  # ingest ignores such a name; whoever checks the file asks about its content
    except KeyRefused as error:
        return ingest.refuse([ingest.Problem(ingest.FileRule(rule)) for rule in error.rules])
    return None
