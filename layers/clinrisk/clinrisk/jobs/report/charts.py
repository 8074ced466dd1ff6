"""The report's charts as inline SVG: readable on paper, on a phone and by a screen reader.

Lines differ in dash as well as in colour, so that a black and white print still keeps them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Points = Sequence[Sequence[float]]

WIDTH, HEIGHT = 360, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 18, 12, 40
STYLES = {
    "xgboost": ("#0a5a8a", ""),
    "logistic": ("#b4541a", "6 3"),
    "floor": ("#6b6b6b", "2 3"),
    "champion": ("#5a3c91", "9 3 2 3"),
    "first_released": ("#3d7a4a", "3 3"),
}
EVERYONE = ("#222", "12 3", 1.2)
NO_ONE = ("#222", "", 1.2)


@dataclass(frozen=True)
class Axis:
    """One axis: its words, its range, its ticks as (position, text)."""

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def position(self, value: float, start: float, end: float) -> float:
        """Return the coordinate of a value, kept inside the frame."""
        share = (value - self.low) / (self.high - self.low)
        return start + min(max(share, 0.0), 1.0) * (end - start)


def percent_axis(title: str, high: float, low: float = 0.0) -> Axis:
    """Return an axis of shares in per cent, with about five round ticks."""
    span = high - low
    step = next(
        s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if span / s <= 5.5
    )
    first, last = round(low / step), round(high / step)
    digits = 1 if step < 0.01 else 0
    values = [count * step for count in range(first, last + 1) if low - 1e-9 <= count * step <= high + 1e-9]
    return Axis(title, low, high, tuple((value, f"{value * 100:.{digits}f}%") for value in values))


class Frame:
    """An SVG picture with two axes, to which lines and points are added."""

    def __init__(self, right: Axis, up: Axis, description: str) -> None:
        self._right, self._up = right, up
        self._parts: list[str] = [self._grid()]
        self._description = description

    def _x(self, value: float) -> float:
        return round(self._right.position(value, _LEFT, WIDTH - _RIGHT), 1)

    def _y(self, value: float) -> float:
        return round(self._up.position(value, HEIGHT - _BOTTOM, _TOP), 1)

    def _grid(self) -> str:
        """Draw grid lines, tick texts and axis titles."""
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for value, text in self._right.ticks:
            x = self._x(value)
            parts.append(f'<path class="g" d="M{x} {_TOP}V{bottom}"/>')
            parts.append(f'<text x="{x}" y="{bottom + 14}" text-anchor="middle">{text}</text>')
        for value, text in self._up.ticks:
            y = self._y(value)
            parts.append(f'<path class="g" d="M{_LEFT} {y}H{right}"/>')
            parts.append(f'<text x="{_LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{text}</text>')
        middle = f'x="{(_LEFT + right) / 2}" y="{HEIGHT - 8}"'
        parts.append(f'<text class="t" {middle} text-anchor="middle">{escape(self._right.title)}</text>')
        turned = f'transform="translate(11 {(_TOP + bottom) / 2}) rotate(-90)"'
        parts.append(f'<text class="t" {turned} text-anchor="middle">{escape(self._up.title)}</text>')
        return "".join(parts)

    def line(self, points: Points, colour: str, dash: str = "", width: float = 2.0) -> None:
        """Add a line through (x, y) points."""
        if len(points) < 2:
            return
        path = "L".join(f"{self._x(point[0])} {self._y(point[1])}" for point in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<path fill="none" stroke="{colour}" stroke-width="{width}"{dashes} d="M{path}"/>'
        )

    def band(self, points: Points, colour: str) -> None:
        """Shade between the low and the high of (x, low, high) points."""
        if len(points) < 2:
            return
        edge = [(x, high) for x, _, high in points] + [(x, low) for x, low, _ in reversed(points)]
        path = "L".join(f"{self._x(x)} {self._y(y)}" for x, y in edge)
        self._parts.append(f'<path fill="{colour}" fill-opacity=".13" d="M{path}Z"/>')

    def mark(self, x: float, low: float, value: float, high: float, colour: str) -> None:
        """Add a point with its interval."""
        at = self._x(x)
        self._parts.append(
            f'<path stroke="{colour}" d="M{at} {self._y(low)}V{self._y(high)}"/>'
            f'<circle cx="{at}" cy="{self._y(value)}" r="3.2" fill="{colour}"/>'
        )

    def bar(self, left: float, right: float, low: float, high: float, colour: str) -> None:
        """Add a filled bar between two positions and two heights; nothing where it has no height."""
        if low == high:
            return
        path = f"M{self._x(left)} {self._y(low)}V{self._y(high)}H{self._x(right)}V{self._y(low)}Z"
        self._parts.append(f'<path fill="{colour}" stroke="#fff" stroke-width=".6" d="{path}"/>')

    def rule(self, x: float, text: str) -> None:
        """Add an upright line at a value, named."""
        at = self._x(x)
        anchor, shift = ("end", -4) if at > WIDTH * 0.6 else ("start", 4)
        self._parts.append(
            f'<path stroke="#222" stroke-dasharray="3 3" d="M{at} {_TOP}V{HEIGHT - _BOTTOM}"/>'
            f'<text x="{at + shift}" y="{_TOP + 11}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def svg(self) -> Markup:
        """Return the finished picture."""
        head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self._description)}">'
        return Markup(head + "".join(self._parts) + "</svg>")  # noqa: S704 - every text above was escaped  # nosec B704


def roc_chart(curves: Mapping[str, Points]) -> Markup:
    """Draw sensitivity against false alarms for every model."""
    frame = Frame(
        percent_axis("false alarms among patients without the condition", 1.0),
        percent_axis("found among patients with it", 1.0),
        "ROC curves of the candidate, the baseline and the floor",
    )
    frame.line([(0, 0), (1, 1)], "#bbb", "", 1)
    for name in reversed(list(curves)):
        frame.line(curves[name], *STYLES[name])
    return frame.svg()


def calibration_chart(calibration: Mapping[str, Any]) -> Markup:
    """Draw what was observed against what was predicted, as groups with intervals and as a smoothed curve."""
    points = calibration["points"]
    tops = [max(point["observed"][2], point["risk"]) for point in points]
    high = min(1.0, max([*tops, 0.05]) * 1.05)
    frame = Frame(
        percent_axis("predicted risk", high), percent_axis("observed", high), "Calibration of the candidate"
    )
    frame.line([(0, 0), (high, high)], "#bbb", "", 1)
    colour = STYLES["xgboost"][0]
    smoothed = [point for point in calibration["smoothed"] if max(point[:2]) <= high]
    frame.band([(risk, low, top) for risk, _, low, top in smoothed], colour)
    frame.line(smoothed, colour)
    for point in points:
        value, low, top = point["observed"]
        frame.mark(point["risk"], low, value, top, colour)
    return frame.svg()


def net_benefit_chart(curves: Mapping[str, Points], threshold: float) -> Markup:
    """Draw net benefit over thresholds against acting on everyone and on no one."""
    candidate = curves["xgboost"]
    cuts = [point[0] for point in candidate]
    values = [point[2] for points in curves.values() for point in points] + [0.0]
    high = max([*values, *(point[1] for point in candidate), 0.001]) * 1.08
    low = max(min([*values, 0.0]), -high / 3) * 1.05
    frame = Frame(
        percent_axis("threshold", cuts[-1], cuts[0]),
        percent_axis("net benefit", high, low),
        "Net benefit of each model over a range of thresholds",
    )
    frame.band([(point[0], point[3], point[4]) for point in candidate], STYLES["xgboost"][0])
    frame.line([(cuts[0], 0), (cuts[-1], 0)], *NO_ONE)
    frame.line([(point[0], point[1]) for point in candidate if point[1] >= low], *EVERYONE)
    for name in reversed(list(curves)):
        frame.line([(point[0], point[2]) for point in curves[name] if point[2] >= low], *STYLES[name])
    frame.rule(threshold, "action threshold")
    return frame.svg()


def legend(names: Iterable[str], titles: Mapping[str, str]) -> Markup:
    """Draw one line sample per model, and for acting on everyone and on no one, with its name."""
    samples = [(*STYLES[name], 2.5, titles[name]) for name in names]
    samples += [(*EVERYONE, "acting on everyone"), (*NO_ONE, "acting on no one")]
    items = [
        f'<span class="key"><svg viewBox="0 0 30 8" aria-hidden="true"><path stroke="{colour}" '
        f'stroke-width="{width}" stroke-dasharray="{dash}" d="M0 4H30"/></svg>{escape(title)}</span>'
        for colour, dash, width, title in samples
    ]
    return Markup("".join(items))  # noqa: S704 - titles were escaped  # nosec B704
