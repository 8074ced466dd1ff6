"""The inbox's judge: from strangers' bytes to features, or to the reasons why not.

Before parsing: `parse_key`, `check_file_head`, `read_header`. Then one `read_chunk` per chunk (imported from
`clinrisk.core.ingest.chunk`, because it needs polars), `add_counts`, and one `decide` per file.
"""

from clinrisk.core.ingest.counts import Counts, add_counts
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, Header, check_file_head, read_header
from clinrisk.core.ingest.rules import FileRule, Problem, RowRule
from clinrisk.core.ingest.verdict import Verdict, decide, refuse

__all__ = [
    "HEAD_BYTES",
    "Counts",
    "FileRule",
    "Header",
    "Problem",
    "RowRule",
    "Verdict",
    "add_counts",
    "check_file_head",
    "decide",
    "read_header",
    "refuse",
]
