"""What a sender states about a file, as the metadata of its object: a description, and whether it is real.

S3 keeps metadata as ASCII, so a description is percent-encoded. `clinrisk drop` writes it, a training reads
it. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_DESCRIPTION = 500
_PLAIN = " ,.;:()-/'"


def metadata_of(description: str, *, synthetic: bool) -> dict[str, str]:
    """Return the metadata that carries what is stated; nothing stated, no metadata.

    >>> metadata_of("Universitätsklinik, 2019", synthetic=True)
    {'description': 'Universit%C3%A4tsklinik, 2019', 'synthetic': 'yes'}
    """
    words = " ".join(description.split())
    stated = {"description": quote(words, safe=_PLAIN)} if words else {}
    return stated | ({"synthetic": "yes"} if synthetic else {})


def statements_of(metadata: Mapping[str, str]) -> tuple[str, bool]:
    """Return the description in one line, cut where it is too long, and whether the patients are synthetic.

    >>> statements_of(metadata_of("Universitätsklinik, 2019", synthetic=True))
    ('Universitätsklinik, 2019', True)
    >>> statements_of({})
    ('', False)
    """
    words = "".join(c if c.isprintable() else " " for c in unquote(metadata.get("description", "")))
    return " ".join(words.split())[:LONGEST_DESCRIPTION], metadata.get("synthetic", "") == "yes"
