"""The rows of a results file, part by part: what was presented, under the hospital's own ids.

It reads with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.scoring.results import Results, results_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def result_parts(
    use_case: str, upload_id: str, presented_prefix: str, of_file: Mapping[str, Any]
) -> Iterator[Results]:
    """Yield the parts of a results file in order, the header with the first.

    The parts presented below `presented_prefix` are named as the vault's parts; `of_file` gives the columns
    that are the same in every row. Raises CountsDisagree where the two do not fit.
    """
    lake, folder = settings().lake_bucket, object_keys.vault_folder(use_case, upload_id)
    for number, key in enumerate(s3.keys_under(lake, folder)):
        presented = s3.fetch_current(presented_prefix + key.removeprefix(folder))
        vault = s3.fetch_current(s3.uri_of(lake, key))
        yield results_of(presented, vault, of_file, header=number == 0)
