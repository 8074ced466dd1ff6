"""The shadow as an approver reads it: what would change for patients under the candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.figure_text import NO_FIGURE, points, share
from clinrisk.core.release import shadow
from clinrisk.core.release.page.evidence_view import TableLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.use_cases.base import UseCase

BATCH_COLUMNS = (
    "Patients",
    "Same flag",
    "Newly flagged",
    "No longer flagged",
    "Rank correlation",
    "Mean change of the risk",
)
GROUP_COLUMNS = BATCH_COLUMNS[:4]
NONE_YET = "There is no comparison with the live model."


@dataclass(frozen=True)
class ShadowView:
    """What the page shows: `notes` name what is missing, the tables are empty without figures."""

    notes: tuple[str, ...]
    champion_version: int
    total: TableLine | None
    batches: tuple[TableLine, ...]
    groups: tuple[tuple[str, tuple[TableLine, ...]], ...]


def shadow_view_of(comparisons: Sequence[Mapping[str, Any]], use_case: UseCase) -> ShadowView:
    """Return what the comparison documents show: counts add up over batches, other figures are per batch."""
    made = [one for one in comparisons if one["outcome"] == shadow.COMPARED]
    # After another release the earlier comparisons were with a model that is live no more.
    version = max((one["champion_version"] for one in made), default=0)
    counted = [one for one in made if one["champion_version"] == version]
    notes = [NONE_YET] if not comparisons else []
    notes += [f"{_called(one)}: {one['reason']}" for one in comparisons if one["outcome"] != shadow.COMPARED]
    notes += [_short(one) for one in counted if _is_short(one)]
    notes += _not_scored(counted)
    if len(counted) < len(made):
        notes.append(f"Not shown: {len(made) - len(counted)} comparisons with an earlier live model.")
    return ShadowView(
        notes=tuple(notes),
        champion_version=version,
        total=_line("all", shadow.together(one["everyone"] for one in counted)) if counted else None,
        batches=tuple(_batch(one) for one in counted),
        groups=tuple(_groups(counted, use_case)) if counted else (),
    )


def summary_of(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Return two sentences on the comparison with recent batches, for the mail.

    >>> summary_of([])
    'Compared with the live model: There is no comparison with the live model.'
    """
    found = next((one for one in comparisons if one["batch"] == shadow.REPLAY), None)
    if found is None or found["outcome"] != shadow.COMPARED:
        return f"Compared with the live model: {NONE_YET if found is None else found['reason']}"
    seen = found["everyone"]
    summary = (
        f"Compared with live version {found['champion_version']} on {seen['n']:,} patients of recent batches:"
        f" the same flag for {share(seen['agreement'])}; {seen['only_candidate']:,} would be newly flagged, "
        f"{seen['only_champion']:,} no longer flagged."
    )
    return f"{summary} {_short(found)}" if _is_short(found) else summary


def _is_short(found: Mapping[str, Any]) -> bool:
    return bool(found["batch"] == shadow.REPLAY and found["everyone"]["n"] < shadow.SHADOW_ROWS)


def _short(found: Mapping[str, Any]) -> str:
    wanted = shadow.SHADOW_ROWS
    return f"The recent batches hold {found['everyone']['n']} patients; {wanted} were wanted."


def _not_scored(counted: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return whom the comparison leaves out, since a model states no risk of them; nothing where nobody."""
    found = shadow.added((one["not_scored"] for one in counted), shadow.NOT_SCORED)
    if not any(found.values()):
        return []
    note = (
        "Not in these counts, since too little was measured for a risk: "
        f"{found['candidate']:,} patients whom the live model scores and the candidate would not, "
        f"{found['champion']:,} whom the candidate would score and the live model does not, and "
        f"{found['either']:,} whom neither scores."
    )
    return [note]


def _called(found: Mapping[str, Any]) -> str:
    return "Recent batches" if found["batch"] == shadow.REPLAY else f"Later batch {found['batch'][:8]}"


def _line(title: str, figures: Mapping[str, Any]) -> TableLine:
    crossed = (f"{figures[name]:,}" for name in ("only_candidate", "only_champion"))
    return TableLine(title, (f"{figures['n']:,}", share(figures["agreement"]), *crossed))


def _batch(found: Mapping[str, Any]) -> TableLine:
    figures = found["everyone"]
    line, ranks = _line(_called(found), figures), figures["rank_correlation"]
    ranked = f"{ranks:.2f}" if isinstance(ranks, float) else NO_FIGURE
    return TableLine(line.title, (*line.cells, ranked, points(figures["shift"])))


def _groups(
    counted: Sequence[Mapping[str, Any]], use_case: UseCase
) -> list[tuple[str, tuple[TableLine, ...]]]:
    tables = []
    for attribute in use_case.protected:
        titles = {group.name: group.title for group in attribute.groups}
        lines = []
        for name in attribute.group_names:
            parts = [one["groups"].get(attribute.name, {}).get(name) for one in counted]
            held = [part for part in parts if part]
            if held:
                lines.append(_line(titles.get(name, name), shadow.together(held)))
        tables.append((attribute.title, tuple(lines)))
    return tables
