"""Where the training patients come from, in words: made from the files that the manifest names.

A public data set is named only where a file holds exactly its rows; whatever nobody stated is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import PublicSource, UseCase

SYNTHETIC = "They are synthetic: a program drew them, and none of them was ever treated."


def public_sources(manifest: Mapping[str, Any], use_case: UseCase) -> list[PublicSource]:
    """Return the public data sets whose rows the files hold, each once."""
    found = {source["public"] for source in manifest["sources"]}
    return [source for source in use_case.public_sources if source.rows_sha256 in found]


def arrival(manifest: Mapping[str, Any]) -> str:
    """Return how many files there are and when they arrived.

    >>> arrival({"sources": [{"received_at": "2026-03-01T09:30:00.000Z"}]})
    '1 file, which arrived on 1 March 2026.'
    """
    moments = sorted(source["received_at"] for source in manifest["sources"] if source["received_at"])
    if not moments:
        return "Nothing is recorded about the files."
    days = [day(moments[0]), day(moments[-1])]
    number = len(manifest["sources"])
    files = "1 file, which" if number == 1 else f"{number} files, which"
    if days[0] == days[1]:
        return f"{files} arrived on {days[0]}."
    return f"{files} arrived from {days[0]} to {days[1]}."


def stated(manifest: Mapping[str, Any], use_case: UseCase) -> list[str]:
    """Return what is known of the patients' origin, in a sentence each; empty where nothing was stated."""
    sources = manifest["sources"]
    synthetic = sum(source["synthetic"] for source in sources)
    sentences = [source.text for source in public_sources(manifest, use_case)]
    if synthetic:
        of = f"In {synthetic} of {len(sources)} files: " if synthetic < len(sources) else ""
        sentences.append(of + SYNTHETIC)
    words = dict.fromkeys(source["description"] for source in sources if source["description"])
    sentences += [f"Stated with the file: {text.rstrip('.')}." for text in words]
    return sentences


def undescribed(manifest: Mapping[str, Any]) -> int:
    """Return the number of files of which nobody stated where their patients come from."""
    return sum(
        not (source["description"] or source["synthetic"] or source["public"])
        for source in manifest["sources"]
    )
