"""The page's pictures as inline SVG, coloured by the page's style: light, dark and on paper.

Every picture repeats figures that the page has in a table or a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clinrisk.core.evaluation.estimates import Estimate

WIDTH, HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 12, 26
_SHOWN_TITLES = 6
_FURTHEST = 3.0
"""Margins, or smallest changes that matter, at which a small picture ends."""


class _Scale:
    """A vertical scale from `low` to `high`, with a few round ticks."""

    def __init__(self, low: float, high: float) -> None:
        step = next(
            (
                one
                for one in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0)
                if (high - low) / one <= 5.5
            ),
            10.0,
        )
        self.low, self.high = low, high
        first = int(-(-low // step))
        self.ticks = [
            round(count * step, 4) for count in range(first, first + 7) if count * step <= high + 1e-9
        ]

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP), 1)


def over_time(
    points: Sequence[tuple[str, Estimate]],
    *,
    band: tuple[float, float],
    line: float | None = None,
    description: str,
) -> Markup:
    """Draw estimates with their intervals in order, a shaded band of what is in order, and a dashed line."""
    ends = [end for _, one in points for end in (one.low, one.high)] + list(band)
    pad = max(0.04, (max(ends) - min(ends)) * 0.08)
    scale = _Scale(max(0.0, min(ends) - pad), max(ends) + pad)
    right = WIDTH - _RIGHT
    parts = [_rectangle(scale.y(band[1]), scale.y(band[0]))]
    parts += [_tick(scale.y(value), f"{value:g}") for value in scale.ticks]
    if line is not None:
        parts.append(f'<path class="limit" d="M{_LEFT} {scale.y(line)}H{right}"/>')
    every = -(-len(points) // _SHOWN_TITLES)
    for index, (title, one) in enumerate(points):
        x = round(_LEFT + (index + 0.5) * (right - _LEFT) / len(points), 1)
        parts.append(f'<path class="interval" d="M{x} {scale.y(one.low)}V{scale.y(one.high)}"/>')
        parts.append(f'<circle class="dot" cx="{x}" cy="{scale.y(one.value)}" r="4"/>')
        if index % every == 0:
            parts.append(f'<text x="{x}" y="{HEIGHT - 9}" text-anchor="middle">{escape(title)}</text>')
    return _picture(WIDTH, HEIGHT, parts, description)


def calibration(
    points: Sequence[tuple[float, Estimate]], approved: Sequence[tuple[float, float]], description: str
) -> Markup:
    """Draw what was observed against the predicted risk, and as small squares what was approved."""
    scale = _Scale(0.0, 1.0)
    right = WIDTH - _RIGHT

    def x(risk: float) -> float:
        return round(_LEFT + risk * (right - _LEFT), 1)

    parts = [_tick(scale.y(value), f"{value:.0%}") for value in scale.ticks]
    parts.append(f'<path class="limit" d="M{x(0)} {scale.y(0)}L{x(1)} {scale.y(1)}"/>')
    parts += [
        f'<text x="{x(value)}" y="{HEIGHT - 9}" text-anchor="middle">{value:.0%}</text>'
        for value in (0.0, 0.2, 0.4, 0.6, 0.8)
    ]
    parts.append(f'<text x="{right}" y="{HEIGHT - 9}" text-anchor="end">risk</text>')
    for risk, share in approved:
        parts.append(
            f'<rect class="before" x="{x(risk) - 3}" y="{scale.y(share) - 3}" width="6" height="6"/>'
        )
    for risk, one in points:
        parts.append(f'<path class="interval" d="M{x(risk)} {scale.y(one.low)}V{scale.y(one.high)}"/>')
        parts.append(f'<circle class="dot" cx="{x(risk)}" cy="{scale.y(one.value)}" r="4"/>')
    return _picture(WIDTH, HEIGHT, parts, description)


def small_history(batches: Sequence[tuple[float, float] | None], description: str) -> Markup:
    """Draw (found, proven) of each batch, oldest first: a ring for what was found, a bar for what is sure.

    The line is at 1, and what is beyond 3 is drawn at 3.
    """
    width, height, bottom = 150, 56, 50
    unit = (bottom - 6) / _FURTHEST
    parts = [
        f'<path class="limit" d="M0 {bottom - unit:.1f}H{width}"/>',
        f'<path class="grid" d="M0 {bottom}H{width}"/>',
    ]
    for index, one in enumerate(batches):
        if one is None:
            continue
        found, proven = (min(value, _FURTHEST) for value in one)
        x = round((index + 0.5) * width / max(len(batches), 6), 1)
        kind = " out" if proven > 1 else ""
        if proven > 0:
            parts.append(f'<path class="sure{kind}" d="M{x} {bottom}V{bottom - proven * unit:.1f}"/>')
        parts.append(f'<circle class="ring{kind}" cx="{x}" cy="{bottom - found * unit:.1f}" r="2.6"/>')
    return _picture(width, height, parts, description)


def gap_bar(low: float, value: float, high: float, description: str) -> Markup:
    """Draw a gap's change since approval in margins: the interval, and the limits at 1 either way."""
    width, height, middle = 150, 18, 9
    unit = width / 2 / _FURTHEST

    def x(one: float) -> float:
        return round(width / 2 + min(max(one, -_FURTHEST), _FURTHEST) * unit, 1)

    kind = " out" if low > 1 or high < -1 else ""
    parts = [
        f'<rect class="fine" x="{x(-1)}" y="1" width="{2 * unit:.1f}" height="{height - 2}"/>',
        f'<path class="grid" d="M{x(0)} 1V{height - 1}"/>',
        f'<path class="interval{kind}" d="M{x(low)} {middle}H{x(high)}"/>',
        f'<circle class="dot{kind}" cx="{x(value)}" cy="{middle}" r="3.4"/>',
    ]
    return _picture(width, height, parts, description)


def _rectangle(top: float, bottom: float) -> str:
    width, height = WIDTH - _RIGHT - _LEFT, round(bottom - top, 1)
    return f'<rect class="fine" x="{_LEFT}" y="{top}" width="{width}" height="{height}"/>'


def _tick(y: float, text: str) -> str:
    return (
        f'<path class="grid" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>'
    )


def _picture(width: int, height: int, parts: Iterable[str], description: str) -> Markup:
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(description)}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - every text above was escaped  # nosec B704
