"""The rows that a file loses, as they came, each with its number, its rule and what to do, as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from clinrisk.core.ingest.sentences.rule_sentences import reason_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinrisk.use_cases.base import UseCase

COLUMNS = ("row", "rule", "what to do", "line")


def as_csv(rows: Iterable[Mapping[str, Any]], use_case: UseCase | None) -> bytes:
    """Return rows of the quarantine as CSV, in the order of the file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in sorted(rows, key=lambda one: one["row"]):
        reason = ":".join(filter(None, (row["rule"], row["column"])))
        sentence = reason_sentence(reason, 1, (), use_case)
        # A spreadsheet must not run what somebody wrote into a cell.
        line = "'" + row["raw"] if row["raw"].startswith(("=", "+", "-", "@")) else row["raw"]
        table.writerow((row["row"], reason, sentence, line.rstrip("\r")))
    return text.getvalue().encode()
