"""What do I get? Figures in words, as report and model card write them: the estimate and its interval."""

from __future__ import annotations

from typing import Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED


def number(figure: Any, digits: int = 3) -> str:
    """Write a figure with its interval.

    >>> number([0.9061, 0.8712, 0.9418])
    '0.906 (0.871 to 0.942)'
    """
    if figure == NOT_EVALUATED:
        return "not evaluated"
    # Adding 0 turns what rounds to "-0.000" into "0.000".
    value, low, high = (f"{round(part, digits) + 0.0:.{digits}f}" for part in figure)
    return f"{value} ({low} to {high})"


def share(figure: Any) -> str:
    """Write a proportion in per cent with its interval.

    >>> share([0.857, 0.781, 0.909])
    '86% (78 to 91)'
    """
    if figure == NOT_EVALUATED:
        return "not evaluated"
    value, low, high = (f"{100 * part:.{_digits(figure)}f}" for part in figure)
    return f"{value}% ({low} to {high})"


def hundred(figure: Any, *, complement: bool = False) -> str:
    """Write a proportion as "about 86 (78 to 91)" of every hundred patients."""
    if figure == NOT_EVALUATED:
        return "an unknown number"
    parts = (1 - figure[0], 1 - figure[2], 1 - figure[1]) if complement else figure
    value, low, high = (f"{100 * part:.{_digits(parts)}f}" for part in parts)
    return f"about {value} ({low} to {high})"


def _digits(shares: Any) -> int:
    """Below 10% a whole per cent would hide the difference between 2.6 and 3.4; above 90% likewise."""
    return 1 if shares[0] < 0.1 or 0.9 < shares[1] < shares[2] < 1 else 0


def percent(value: float) -> str:
    """Write a share in per cent with three digits at most.

    >>> percent(0.0412), percent(0.266)
    ('4.12%', '26.6%')
    """
    return f"{100 * value:.3g}%"
