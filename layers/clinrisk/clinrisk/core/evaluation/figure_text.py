"""How a figure and its 95% interval are written: on the approval page, in mails, report and model card.

A figure is [value, low, high] as evaluation.json holds it; NOT_EVALUATED and a figure that is not there are
both "not evaluated". Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_FIGURE = "not evaluated"


def _parts(figure: object) -> tuple[float, float, float] | None:
    """Return value, low and high; None where the figure was not evaluated."""
    if not isinstance(figure, list | tuple) or len(figure) != 3:
        return None
    value, low, high = map(float, figure)
    return value, low, high


def number(figure: object, digits: int = 3) -> str:
    """Return a figure that is no share, with its interval.

    >>> number([0.9061, 0.8712, 0.9418])
    '0.906 (0.871 to 0.942)'
    >>> number("NOT_EVALUATED")
    'not evaluated'
    """
    parts = _parts(figure)
    if parts is None:
        return NO_FIGURE
    # Adding 0 turns what rounds to "-0.000" into "0.000".
    value, low, high = (f"{round(part, digits) + 0.0:.{digits}f}" for part in parts)
    return f"{value} ({low} to {high})"


def share(figure: object) -> str:
    """Return a share in per cent with its interval, in as many digits as the interval gives a meaning to.

    Whole per cent where the interval is at least 10 points wide, one digit more down to 1 point, two below.

    >>> share([0.857, 0.781, 0.909]), share([0.026, 0.0202, 0.0337])
    ('86% (78% to 91%)', '2.6% (2.0% to 3.4%)')
    >>> share([0.0012, 0.0009, 0.0016]), share("NOT_EVALUATED")
    ('0.12% (0.09% to 0.16%)', 'not evaluated')
    """
    parts = _parts(figure)
    if parts is None:
        return NO_FIGURE
    value, low, high = (f"{100 * part:.{_digits(parts)}f}%" for part in parts)
    return f"{value} ({low} to {high})"


def _digits(shares: Sequence[float]) -> int:
    # Rounded, so that an interval of exactly 1 or 10 points is not a little narrower by binary arithmetic.
    width = round(100 * (shares[2] - shares[1]), 6)
    return 0 if width >= 10 or width == 0 else 1 if width >= 1 else 2


def per_hundred(figure: object, *, complement: bool = False) -> str:
    """Return a share as "about 86 (78 to 91)" of a hundred patients, with one digit more below 10.

    `complement` counts the others.

    >>> per_hundred([0.857, 0.781, 0.909]), per_hundred([0.974, 0.966, 0.98], complement=True)
    ('about 86 (78 to 91)', 'about 2.6 (2.0 to 3.4)')
    """
    parts = _parts(figure)
    if parts is None:
        return "an unknown number"
    if complement:
        parts = 1 - parts[0], 1 - parts[2], 1 - parts[1]
    digits = 1 if parts[0] < 0.1 else 0
    value, low, high = (f"{100 * part:.{digits}f}" for part in parts)
    return f"about {value} ({low} to {high})"


def percent(value: float) -> str:
    """Return a share in per cent with three digits at most.

    >>> percent(0.0412), percent(0.266)
    ('4.12%', '26.6%')
    """
    return f"{100 * value:.3g}%"


def points(figure: object) -> str:
    """Return a difference of shares in percentage points, with its sign.

    >>> points([0.0123, -0.004, 0.0286])
    '+1.2 points (-0.4 to +2.9)'
    """
    parts = _parts(figure)
    if parts is None:
        return NO_FIGURE
    value, low, high = (f"{100 * part:+.1f}" for part in parts)
    return f"{value} points ({low} to {high})"
