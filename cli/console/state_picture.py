"""A state machine as a picture: its states in the order in which they follow, those that were entered lit.

What follows is drawn from top to bottom; what only an error leads to stands below, without arrows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

WIDTH, HEIGHT = 196, 40
GAP_X, GAP_Y = 16, 26
MOST_IN_ROW = 5


@dataclass(frozen=True)
class Flow:
    """The states of a machine, inner ones included, and which may follow which."""

    first: str
    states: Mapping[str, Mapping[str, Any]]
    follows: Mapping[str, tuple[str, ...]]

    def reached(self) -> list[str]:
        """Return the states that are reached without an error, each after one that leads to it."""
        found, pending = [self.first], [self.first]
        while pending:
            for name in self.follows.get(pending.pop(0), ()):
                if name not in found:
                    found.append(name)
                    pending.append(name)
        return found


def flow_of(definition: Mapping[str, Any]) -> Flow:
    """Return the states of a definition in Amazon's language, Parallel and Map taken apart.

    >>> ways = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}
    >>> flow_of({"StartAt": "A", "States": ways}).follows
    {'A': ('B',), 'B': ()}
    """
    states: dict[str, Mapping[str, Any]] = {}
    follows: dict[str, tuple[str, ...]] = {}
    _take_apart(definition, (), states, follows)
    return Flow(str(definition["StartAt"]), states, follows)


def _take_apart(
    machine: Mapping[str, Any],
    after: tuple[str, ...],
    states: dict[str, Mapping[str, Any]],
    follows: dict[str, tuple[str, ...]],
) -> None:
    for name, state in machine["States"].items():
        states[name] = state
        ways = [
            state.get("Next"),
            state.get("Default"),
            *(one.get("Next") for one in state.get("Choices", ())),
        ]
        next_ones = tuple(dict.fromkeys(str(one) for one in ways if one)) or (
            after if state.get("End") or state["Type"] == "Succeed" else ()
        )
        inner = [*state.get("Branches", ())]
        inner += [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
        for one in inner:
            _take_apart(one, next_ones, states, follows)
        follows[name] = tuple(str(one["StartAt"]) for one in inner) or next_ones


def rows_of(flow: Flow) -> list[list[str]]:
    """Return the states that are reached without an error in rows: each below all that lead to it.

    >>> choice = {"Type": "Choice", "Default": "C", "Choices": [{"Next": "B"}]}
    >>> ways = {"A": choice, "B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Succeed"}}
    >>> rows_of(flow_of({"StartAt": "A", "States": ways}))
    [['A'], ['B'], ['C']]
    """
    depth: dict[str, int] = {}
    open_path: list[str] = []

    def descend(name: str) -> int:
        """Return how many states follow at the most; a way back counts for nothing."""
        if name not in depth:
            open_path.append(name)
            below = [descend(one) for one in flow.follows.get(name, ()) if one not in open_path]
            open_path.remove(name)
            depth[name] = 1 + max(below, default=-1)
        return depth[name]

    descend(flow.first)
    rows: dict[int, list[str]] = defaultdict(list)
    level: dict[str, int] = {flow.first: 0}
    for name in sorted(depth, key=lambda one: -depth[one]):
        for one in flow.follows.get(name, ()):
            if depth[one] < depth[name]:
                level[one] = max(level.get(one, 0), level.get(name, 0) + 1)
    for name in flow.reached():
        rows[level.get(name, 0)].append(name)
    return [rows[one] for one in sorted(rows)]


def draw(
    flow: Flow,
    lit: Mapping[str, str],
    notes: Mapping[str, str],
    address: Callable[[str], str],
    description: str,
) -> Markup:
    """Draw a flow: `lit` has the class of each state that was entered, `notes` what stands below its name."""
    rows = [part for row in rows_of(flow) for part in _cut(row)]
    reached = {name for row in rows for name in row}
    apart = [name for name in flow.states if name not in reached and name in lit]
    error_rows = list(_cut(apart))
    width = max(len(row) for row in [*rows, *error_rows]) * (WIDTH + GAP_X) + GAP_X
    corners: dict[str, tuple[float, float]] = {}
    for number, row in enumerate([*rows, *error_rows]):
        left = (width - len(row) * (WIDTH + GAP_X) + GAP_X) / 2
        down = GAP_Y / 2 + number * (HEIGHT + GAP_Y) + (GAP_Y if number >= len(rows) else 0)
        corners |= {name: (left + at * (WIDTH + GAP_X), down) for at, name in enumerate(row)}
    height = max(down for _, down in corners.values()) + HEIGHT + GAP_Y / 2
    parts = [
        _arrow(corners[name], corners[one], lit=name in lit and one in lit)
        for name in corners
        for one in flow.follows.get(name, ())
        if one in corners
    ]
    if error_rows:
        y = corners[apart[0]][1] - GAP_Y / 2
        parts.append(
            Markup('<text class="apart" x="{}" y="{}">Entered because of an error</text>').format(GAP_X, y)
        )
    parts += [
        _box(name, corners[name], lit.get(name, ""), notes.get(name, ""), address(name)) for name in corners
    ]
    size = Markup('viewBox="0 0 {0} {1}" width="{0}" height="{1}"').format(round(width), round(height))
    svg = Markup('<svg class="flow" {} role="group" aria-label="{}">{}</svg>')
    return svg.format(size, description, Markup("").join(parts))


def _cut(row: Sequence[str]) -> Iterable[list[str]]:
    """Return a row in parts that fit next to each other."""
    return [list(row[at : at + MOST_IN_ROW]) for at in range(0, len(row), MOST_IN_ROW)]


def _arrow(start: tuple[float, float], end: tuple[float, float], *, lit: bool) -> Markup:
    x, y, to_x, to_y = start[0] + WIDTH / 2, start[1] + HEIGHT, end[0] + WIDTH / 2, end[1]
    if to_y <= start[1]:  # a way back, or to the side
        y, to_y = start[1] + HEIGHT / 2, end[1] + HEIGHT / 2
    middle = (y + to_y) / 2
    path = f"M{x:g} {y:g}C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}"
    return Markup('<path class="way{}" d="{}"/>').format(" lit" if lit else "", path)


def _box(name: str, corner: tuple[float, float], kind: str, note: str, address: str) -> Markup:
    x, y = corner
    shown = name if len(name) <= 25 else f"{name[:24]}…"
    text = Markup('<text class="{}" x="{}" y="{}">{}</text>')
    texts = [text.format("name", x + WIDTH / 2, y + (17 if note else 25), shown)]
    if note:
        texts.append(text.format("note", x + WIDTH / 2, y + 32, note))
    box = Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="8"/>').format(x, y, WIDTH, HEIGHT)
    linked = Markup('<a href="{}" class="state {}"><title>{}</title>{}{}</a>')
    return linked.format(address, kind, name, box, Markup("").join(texts))
