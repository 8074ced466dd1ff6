"""What no longer allows the release of a candidate that was judged before: another live model, lost files.

Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.core.mails import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

# A reason leaves in at most `failure_text.LONGEST` characters: this many files are named, this long.
_NAMED, _LONGEST_NAME = 2, 40


def compared_with(evaluation: Mapping[str, Any]) -> int:
    """Return the live version that an evaluation compares its candidate with; 0 where no model was live.

    >>> compared_with({"champion": {"live_version": 3}}), compared_with({"champion": None})
    (3, 0)
    """
    champion = evaluation.get("champion")
    return 0 if champion is None else int(champion["live_version"])


def again(run_id: str, use_case: str = "") -> str:
    """Return the advice on a candidate that was compared with another model than the live one."""
    if use_case and use_cases.get(use_case).external is not None:
        return f"Evaluate the predictions again: clinrisk reference {use_case} --cohort TEXT"
    return f"Compare it with the live model: clinrisk evaluate {run_id} --reason TEXT."


def outdated(compared: int, live: int, run_id: str, use_case: str = "") -> str:
    """Return why evidence no longer allows a release: it compares with another model than the live one.

    Versions count from 1; 0 stands for "no model". Empty while the evidence holds.

    >>> outdated(1, 2, "heart-1").partition(" Compare ")[0]
    'The evidence compares with live version 1, but version 2 is live.'
    >>> outdated(0, 1, "heart-1").partition(" Compare ")[0]
    'The evidence was made when no model was live, but version 1 is live.'
    >>> outdated(2, 2, "heart-1")
    ''
    """
    if compared == live:
        return ""
    was = f"compares with live version {compared}" if compared else "was made when no model was live"
    now = f"version {live} is live" if live else "no model is live now"
    return f"The evidence {was}, but {now}. {again(run_id, use_case)}"


def withdrawn(
    sources: Iterable[Mapping[str, Any]], counting: Collection[str], use_case: str, *, external: bool = False
) -> str:
    """Return why a candidate may not be released: it learned from files whose rows no longer count.

    A reference of a model that is not ours, `external`, rests on them.

    `sources` are the files of its manifest, `counting` the ids of the uploads whose rows count now.

    >>> files = [{"key": "inbox/heart/training/march.csv", "upload_id": "3f"}]
    >>> withdrawn(files, {"3f"}, "heart")
    ''
    >>> withdrawn(files, set(), "heart").partition(" For ")[0]
    'It learned from a file that was withdrawn since: march.csv (upload 3f).'
    """
    lost = [source for source in sources if source["upload_id"] not in counting]
    if not lost:
        return ""
    named = ", ".join(
        f"{printable(source['key'].rpartition('/')[2])[:_LONGEST_NAME]} (upload {source['upload_id']})"
        for source in lost[:_NAMED]
    )
    what = "a file that was" if len(lost) == 1 else f"{len(lost)} files that were"
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    if external:
        return (
            f"It rests on {what} withdrawn since: {named}{more}. "
            f"For another reference: clinrisk reference {use_case} --cohort TEXT"
        )
    return (
        f"It learned from {what} withdrawn since: {named}{more}. "
        f"For another candidate: clinrisk train {use_case} --reason TEXT"
    )
