"""The page on which an approver enrols: a seed as a QR code, drawn here, and the first code back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import segno

from clinrisk.core.release import one_time_codes
from clinrisk.core.release.page.approval_page import Page, render

if TYPE_CHECKING:
    from collections.abc import Sequence


def enrolment(
    *,
    name: str,
    role: str,
    use_cases: Sequence[str],
    mail: str,
    until: int,
    nonce: str,
    seed: str = "",
    objection: str = "",
) -> Page:
    """Return the page: what is needed, or with `seed` the QR code and the question for a code of it.

    `until` is in seconds since 1970; `objection` says what was wrong with a code.
    """
    address = one_time_codes.address(seed, mail) if seed else ""
    html = render(
        "enrolment.html.j2",
        name=name,
        role=role,
        use_cases=use_cases,
        until=until,
        nonce=nonce,
        address=address,
        key=" ".join(seed[at : at + 4] for at in range(0, len(seed), 4)),
        picture=picture(address) if seed else "",
        objection=objection,
    )
    return Page(422 if objection else 200, html)


def picture(text: str) -> str:
    """Return a text as a QR code: an SVG element that loads nothing, black on white.

    >>> picture("clinrisk")[:5]
    '<svg '
    """
    drawn = segno.make(text, error="m", micro=False)
    svg: str = drawn.svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass=None, lineclass=None, title="QR code"
    )
    return svg
