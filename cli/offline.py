"""What the receipt of a file would say, found on this machine by the same code that the pipeline runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.core import ingest
from clinrisk.core.ingest import inbox_keys, rule_sentences
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.errors import KeyRefused, NotData

if TYPE_CHECKING:
    from clinrisk.core.ingest import Verdict

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
    """Judge a file as ingest would, but for what only the inbox knows (whether the bytes came before)."""
    use_case = use_cases.get(name)
    refused = _refused_name(f"inbox/{name}/{purpose}/{file_name}")
    if refused is not None:
        return Preview(
            refused, tuple(rule_sentences.details(refused)), tuple(rule_sentences.explain(refused))
        )
    head = content[: ingest.HEAD_BYTES]
    problems = ingest.check_file_head(head, len(content), use_case, purpose)
    if problems:
        verdict = ingest.refuse(problems)
    else:
        header = ingest.read_header(head)
        chunk = read_chunk(content[header.length :], use_case, purpose, header.names, 1, NO_KEY)
        verdict = ingest.decide(chunk.counts, use_case)
    told = rule_sentences.details(verdict, use_case), rule_sentences.explain(verdict, use_case)
    return Preview(verdict, tuple(told[0]), tuple(told[1]))


def _refused_name(key: str) -> Verdict | None:
    """Give the verdict on a file whose name alone would be refused."""
    try:
        inbox_keys.parse_key(key)
    except NotData:
        return None  # a leftover by its name, which nobody asks about: its content is judged
    except KeyRefused as error:
        return ingest.refuse([ingest.Problem(ingest.FileRule(rule)) for rule in error.rules])
    return None
