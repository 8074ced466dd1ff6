"""The approval page, its outcome and its notices, as HTML that needs no network and no script; its form.

What the page shows of the evidence is in `evidence_view` and `shadow_view`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from clinrisk.core.evaluation.figure_text import percent
from clinrisk.core.release import plain_text
from clinrisk.core.release.page.evidence_view import RATES
from clinrisk.core.release.page.shadow_view import BATCH_COLUMNS, GROUP_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from clinrisk.core.release.page.evidence_view import Evidence
    from clinrisk.core.release.page.shadow_view import ShadowView
    from clinrisk.use_cases.base import UseCase


SHORTEST_REASON = 10
LONGEST_REASON = 1000
# The form's word for each decision, and the word that is kept.
DECISIONS = {"approve": "APPROVED", "reject": "REJECTED"}
ACCEPT = "accept_"
"""What the names of the boxes begin with, one for each group that nothing could be shown about."""


@dataclass(frozen=True)
class Page:
    """A page and the HTTP status it is served with."""

    status: int
    html: str
    of_job: bool = False
    """Made by a job, with styles and pictures of its own."""


@dataclass(frozen=True)
class FormAnswer:
    """A complete answer."""

    decision: str
    reason: str


def question(
    use_case: UseCase,
    facts: Mapping[str, Any],
    evidence: Evidence,
    shadow: ShadowView,
    *,
    shown: str,
    nonce: str,
    reader: str,
    quorum: int,
    agreed: Sequence[Mapping[str, str]] = (),
    hindrances: Sequence[str] = (),
    obstacle: str = "",
    papers: Mapping[str, str],
    typed: Mapping[str, str] | None = None,
    objections: tuple[str, ...] = (),
) -> Page:
    """Return the evidence and the question: approve or reject, the version, a reason and a code.

    The form carries `shown`, the digest of that evidence; `reader` is whose page it is, `quorum` is how
    many have to approve, `agreed` who has, and `hindrances` what keeps this approver from it. `obstacle` is
    the reason why the evidence no longer allows a release; `papers` are the addresses of report and model
    card by title.
    """
    html = render(
        "question.html.j2",
        use_case=use_case,
        facts=facts,
        evidence=evidence,
        rate_titles=tuple(RATES.values()),
        shadow=shadow,
        batch_columns=BATCH_COLUMNS,
        group_columns=GROUP_COLUMNS,
        shown=shown,
        nonce=nonce,
        reader=reader,
        quorum=quorum,
        agreed=agreed,
        hindrances=hindrances,
        obstacle=obstacle,
        papers=papers,
        typed=typed or {},
        objections=objections,
        accept=ACCEPT,
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )
    return Page(422 if objections else 200, html)


def outcome(
    use_case: UseCase, facts: Mapping[str, Any], *, status: int = 200, shown: str = "", nonce: str = ""
) -> Page:
    """Return what was decided about the candidate, and what happens now.

    With `shown` and `nonce` the decision was not passed on: a form with one button sends them again.
    """
    html = render("outcome.html.j2", use_case=use_case, facts=facts, shown=shown, nonce=nonce)
    return Page(status, html)


def paper(html: str) -> Page:
    """Return a page that a job has made, as it is."""
    return Page(200, html, of_job=True)


def notice(status: int, title: str, text: str) -> Page:
    """Return a page that states why there is nothing to decide here."""
    return Page(status, render("notice.html.j2", title=title, text=text))


def objections(
    form: Mapping[str, str], version: int, *, shown: str, obstacle: str = "", unproven: Iterable[str] = ()
) -> list[str]:
    """List what the form still lacks; empty means that it may be decided.

    `shown` is the digest of the evidence as it is now, `obstacle` is the reason why it allows no release,
    `unproven` are the keys of the groups that an approval has to accept by name.

    >>> form = {"decision": "approve", "version": "3", "reason": "Better calibrated.", "shown": "0a"}
    >>> objections(form, 3, shown="0a")
    []
    >>> objections(form, 2, shown="0a")
    ['Type the version number shown on this page: 2.']
    >>> objections(form, 3, shown="0b")
    ['There is new evidence since you opened this page. Please read it, then decide.']
    """
    found = []
    if form.get("shown", "") != shown:
        found.append("There is new evidence since you opened this page. Please read it, then decide.")
    if obstacle and form.get("decision", "") == "approve":
        found.append(f"This version cannot be released. {obstacle}")
    open_boxes = [key for key in unproven if form.get(ACCEPT + key, "") != "yes"]
    if open_boxes and form.get("decision", "") == "approve":
        found.append(
            f"Tick each group for which harm could go unseen, or reject: {len(open_boxes)} left open."
        )
    if form.get("decision", "") not in DECISIONS:
        found.append("Choose whether to approve or to reject.")
    if form.get("version", "").strip() != str(version):
        found.append(f"Type the version number shown on this page: {version}.")
    return found + reason_faults(plain_text.normal(form.get("reason", "")))


def reason_faults(reason: str) -> list[str]:
    """List what keeps a text from being a reason: characters that cannot be seen, links, its length.

    >>> reason_faults("Too short")
    ['Give a reason of at least 10 characters.']
    """
    found, length = plain_text.faults(reason), len(reason)
    if length < SHORTEST_REASON:
        found.append(f"Give a reason of at least {SHORTEST_REASON} characters.")
    elif length > LONGEST_REASON:
        found.append(f"Give a reason of at most {LONGEST_REASON} characters.")
    return found


def answer_of(form: Mapping[str, str]) -> FormAnswer:
    """Return the answer of a form that nothing is objected to."""
    return FormAnswer(DECISIONS[form["decision"]], plain_text.normal(form["reason"]))


def headers(*, of_job: bool = False) -> dict[str, str]:
    """Return a page's headers: never cached, never framed, nothing loaded, no script, no referrer sent.

    What a job has made brings its own styles and pictures, and has no form.
    """
    own = f"style-src '{allowed(_style())}'; form-action 'self'"
    made = "style-src 'unsafe-inline'; img-src data:; form-action 'none'"
    policy = f"default-src 'none'; {made if of_job else own}; frame-ancestors 'none'; base-uri 'none'"
    return {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "strict-transport-security": "max-age=63072000",
        "x-robots-tag": "noindex, nofollow",
    }


def allowed(style: str) -> str:
    """Return the source expression that lets a policy allow exactly this style."""
    digest = hashlib.sha256(style.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def day(moment: str | int) -> str:
    """Return a moment (ISO text or seconds since 1970) as people write it.

    >>> day("2026-03-01T09:30:00.000Z")
    '1 March 2026, 09:30 UTC'
    """
    if isinstance(moment, int):
        when = datetime.fromtimestamp(moment, UTC)
    else:
        when = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{when.day} {when:%B %Y, %H:%M} UTC"


@cache
def _templates() -> Environment:
    loader = PackageLoader("clinrisk.core.release.page", "templates")
    environment = Environment(
        loader=loader,
        autoescape=select_autoescape(enabled_extensions=("html", "j2"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": day, "percent": percent}
    return environment


@cache
def _style() -> str:
    source, _, _ = PackageLoader("clinrisk.core.release.page", "templates").get_source(
        _templates(), "page.css"
    )
    return source


def render(template: str, **values: object) -> str:
    """Return a template of this room, filled in."""
    return _templates().get_template(template).render(style=_style(), **values)
