"""Pictures for clinicians as inline SVG: a hundred patients, risks by outcome, the way from file to estimate.

Kinds differ in shape as well as in colour, so that a black and white print still keeps them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from clinrisk.jobs.report.charts import STYLES, Axis, Frame, percent_axis

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BLUE, GREY, RED, SAND = STYLES["xgboost"][0], "#9aa5ae", "#a3211d", "#c98a2b"
# Name, words, colour, shape: in the order in which the hundred are drawn.
KINDS = (
    ("tp", "have it and are flagged", BLUE, "disc"),
    ("fn", "have it and are not flagged", RED, "square"),
    ("fp", "do not have it and are flagged", SAND, "ring"),
    ("tn", "do not have it and are not flagged", GREY, "dot"),
)
_SHAPES = {
    "disc": '<circle cx="{x}" cy="{y}" r="6" fill="{colour}"/>',
    "square": '<rect x="{left}" y="{top}" width="12" height="12" fill="{colour}"/>',
    "ring": '<circle cx="{x}" cy="{y}" r="5" fill="none" stroke="{colour}" stroke-width="2"/>',
    "dot": '<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>',
}


def of_a_hundred(counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many of 100 patients are of each kind: rounded so that they add up (largest remainder).

    >>> of_a_hundred({"tp": 2, "fn": 1, "fp": 0, "tn": 0})
    {'tp': 67, 'fn': 33, 'fp': 0, 'tn': 0}
    """
    total = sum(counts[name] for name, *_ in KINDS)
    if not total:
        return {name: 0 for name, *_ in KINDS}
    exact = {name: 100 * counts[name] / total for name, *_ in KINDS}
    found = {name: int(share) for name, share in exact.items()}
    rest = sorted(exact, key=lambda name: found[name] - exact[name])
    for name in rest[: 100 - sum(found.values())]:
        found[name] += 1
    return found


def hundred_patients(counts: Mapping[str, int]) -> Markup:
    """Draw a hundred patients like those of training: who has the condition, and who is flagged."""
    of = of_a_hundred(counts)
    kinds = [kind for kind in KINDS for _ in range(of[kind[0]])]
    marks = [_mark(kind, 10 + 18 * (at % 20), 10 + 18 * (at // 20)) for at, kind in enumerate(kinds)]
    described = "; ".join(f"{of[name]} {words}" for name, words, *_ in KINDS)
    head = f'<svg viewBox="0 0 362 92" role="img" aria-label="Of 100 patients {described}">'
    return Markup(head + "".join(marks) + "</svg>")  # noqa: S704 - shapes and words of this module  # nosec B704


def hundred_legend(counts: Mapping[str, int]) -> Markup:
    """Return the words to `hundred_patients`, each with its shape and number."""
    of = of_a_hundred(counts)
    items = [
        f'<li><svg viewBox="0 0 16 16" aria-hidden="true">{_mark(kind, 8, 8)}</svg>'
        f"<b>{of[kind[0]]}</b> {escape(kind[1])}</li>"
        for kind in KINDS
    ]
    return Markup("".join(items))  # noqa: S704 - words of this module  # nosec B704


def _mark(kind: tuple[str, str, str, str], x: float, y: float) -> str:
    return _SHAPES[kind[3]].format(x=x, y=y, left=x - 6, top=y - 6, colour=kind[2])


def risk_chart(risks: Mapping[str, Any], threshold: float) -> Markup:
    """Draw which share of the patients has which risk: with the condition upwards, without it downwards."""
    edges = risks["edges"]
    cases, others = (_shares(risks[name]) for name in ("with_condition", "without_condition"))
    high, low = max([*cases, 0.01]), max([*others, 0.01])
    ticks = ((-low, f"{low:.0%}"), (0.0, "0"), (high, f"{high:.0%}"))
    frame = Frame(
        percent_axis("risk, out of fold", edges[-1]),
        Axis("share: with it above, without it below", -low * 1.05, high * 1.05, ticks),
        "Share of patients by risk and outcome, with the threshold",
    )
    for left, right, case, other in zip(edges, edges[1:], cases, others, strict=False):
        frame.bar(left, right, 0, case, BLUE)
        frame.bar(left, right, -other, 0, GREY)
    frame.line([(0, 0), (edges[-1], 0)], "#222", "", 1)
    frame.rule(threshold, "flagged from here")
    return frame.svg()


def _shares(counts: Sequence[int]) -> list[float]:
    """Return counts as shares of their sum; all 0 where nobody was counted."""
    return [count / (sum(counts) or 1) for count in counts]


def flow_chart(flow: Mapping[str, int], parts: Mapping[str, Mapping[str, int]]) -> Markup:
    """Draw what became of the rows, from the files to the patients behind the estimates."""
    training, holdout = parts["training"], parts["holdout"]
    patients = training["rows"] + holdout["rows"]
    older = flow["rows_labelled"] - patients
    steps: Sequence[tuple[str, str]] = (
        (f"{flow['files']:,} file{'s' if flow['files'] != 1 else ''}, {flow['rows']:,} rows", ""),
        (
            f"{flow['rows'] - flow['rows_quarantined']:,} rows accepted",
            f"{flow['rows_quarantined']:,} quarantined",
        ),
        (f"{flow['rows_labelled']:,} with an outcome", f"{flow['rows_without_outcome']:,} without one"),
        (f"{patients:,} patients", f"{older:,} older rows, or deleted"),
    )
    drawn = []
    for at, (words, left_out) in enumerate(steps):
        top = 4 + 54 * at
        drawn.append(_box(10, top, 190, words))
        if at:
            drawn.append(f'<path stroke="#222" d="M105 {top - 22}V{top}M105 {top - 11}H214"/>')
            drawn.append(f'<text x="219" y="{top - 7}">{escape(left_out)}</text>')
    top = 4 + 54 * len(steps)
    drawn.append(
        f'<path fill="none" stroke="#222" d="M105 {top - 22}V{top - 11}M85 {top}V{top - 11}H270V{top}"/>'
    )
    for x, name, part in ((10, "training, scored out of fold", training), (190, "held out", holdout)):
        drawn.append(
            _box(x, top, 164, f"{part['rows']:,} {name}", f"{part['positives']:,} with the condition")
        )
    head = f'<svg viewBox="0 0 362 {top + 52}" role="img" aria-label="From file to estimate">'
    return Markup(head + "".join(drawn) + "</svg>")  # noqa: S704 - every text above was escaped  # nosec B704


def _box(x: float, y: float, width: float, *lines: str) -> str:
    height = 16 + 16 * len(lines)
    at_middle = f'x="{x + width / 2}" text-anchor="middle"'
    words = "".join(
        f'<text class="t" {at_middle} y="{y + 20 + 16 * at}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#f4f7f9" stroke="#222"/>{words}'
