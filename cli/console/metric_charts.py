"""The widgets of a CloudWatch dashboard: the queries that its body asks for, and the answers as pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

WIDTH, HEIGHT = 520, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24
COLOURS = 8
SAME = "."
"""What a metric of a body writes for what the one above it has in the same position."""


@dataclass(frozen=True)
class MetricSeries:
    """One metric of a widget: its name on the page, the query, and what was stored, oldest first."""

    label: str
    metric: Mapping[str, Any]
    """As GetMetricData takes it: Namespace, MetricName, Dimensions."""
    stat: str
    period: int
    points: tuple[tuple[datetime, float], ...] = ()

    @property
    def newest(self) -> float | None:
        """The value that was stored last."""
        return self.points[-1][1] if self.points else None


def series_of(widget: Mapping[str, Any]) -> list[MetricSeries]:
    """Return the metrics that a widget of a dashboard's body asks for.

    >>> [one] = series_of({"stat": "Sum", "metrics": [["N", "Rows", "a", "1", {"label": "rows"}]]})
    >>> one.label, one.metric["Dimensions"]
    ('rows', [{'Name': 'a', 'Value': '1'}])
    """
    found: list[MetricSeries] = []
    above: list[str] = []
    for given in widget.get("metrics", ()):
        options = given[-1] if isinstance(given[-1], dict) else {}
        words = [
            above[at] if word == SAME else word
            for at, word in enumerate(w for w in given if w is not options)
        ]
        namespace, name, *rest = above = words
        pairs = zip(rest[::2], rest[1::2], strict=True)
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": one, "Value": value} for one, value in pairs],
        }
        stat = options.get("stat") or widget.get("stat", "Average")
        period = int(options.get("period") or widget.get("period", 300))
        found.append(MetricSeries(options.get("label") or name, metric, stat, period))
    return found


def amount(value: float) -> str:
    """Return a value as people read it on an axis.

    >>> amount(1250), amount(0.8701), amount(3.0), amount(2500000)
    ('1,250', '0.87', '3', '2,500,000')
    """
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3g}"


def time_series(
    drawn: Sequence[MetricSeries],
    limits: Iterable[Mapping[str, Any]],
    start: datetime,
    end: datetime,
    description: str,
) -> Markup:
    """Draw metrics over time, a line each, and the limits of the widget as dashed lines."""
    marks = [float(one["value"]) for one in limits]
    values = [value for one in drawn for _, value in one.points] + marks
    low, high, step = scale(min([0.0, *values]), max([0.0, *values]))
    span = (end - start).total_seconds()

    def x(at: datetime) -> float:
        return round(LEFT + (at - start).total_seconds() / span * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP), 1)

    grid = Markup('<path class="grid" d="M{0} {1}H{2}"/><text class="tick" x="{3}" y="{4}">{5}</text>')
    ticks = [low + step * number for number in range(round((high - low) / step) + 1)]
    parts = [
        grid.format(LEFT, y(one), WIDTH - RIGHT, LEFT - 6, y(one) + 4, amount(round(one, 6))) for one in ticks
    ]
    parts += [
        Markup('<path class="limit" d="M{} {}H{}"/>').format(LEFT, y(one), WIDTH - RIGHT) for one in marks
    ]
    for number, one in enumerate(drawn):
        path = "".join(
            f"{'L' if at else 'M'}{x(when)} {y(value)}" for at, (when, value) in enumerate(one.points)
        )
        parts.append(Markup('<path class="line c{}" d="{}"/>').format(number % COLOURS, path))
        dot = Markup('<circle class="c{}" cx="{}" cy="{}" r="3"><title>{}: {} at {}</title></circle>')
        parts += [
            dot.format(
                number % COLOURS, x(when), y(value), one.label, amount(value), f"{when:%Y-%m-%d %H:%M} UTC"
            )
            for when, value in one.points
        ]
    form = "%H:%M" if span <= 2 * 86400 else "%d %b"
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        label = f"{start + (end - start) * share:{form}}"
        text = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
        parts.append(text.format(LEFT + share * (WIDTH - LEFT - RIGHT), HEIGHT - 6, anchor, label))
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(WIDTH, HEIGHT, description, Markup("").join(parts))


def scale(low: float, high: float) -> tuple[float, float, float]:
    """Return where an axis begins and ends, and a round step between its ticks, at most five.

    >>> scale(0, 0), scale(0, 37), scale(0, 1)
    ((0, 1.0, 0.5), (0, 40.0, 10.0), (0, 1.0, 0.2))
    """
    if high <= low:
        return low, low + 1.0, 0.5
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
    return math.floor(low / step) * step, math.ceil(high / step - 1e-9) * step, step
