"""The page on which an approver countersigns a change of what is live: a rollback, or the end of a pause."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from clinrisk.core.digests import digest_of
from clinrisk.core.release import plain_text
from clinrisk.core.release.page.approval_page import (
    LONGEST_REASON,
    SHORTEST_REASON,
    FormAnswer,
    Page,
    day,
    reason_faults,
    render,
)
from clinrisk.messages.live_changes import COUNTERSIGNED, REFUSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.messages.live_changes import ChangeQuestion, Pause
    from clinrisk.messages.release import LiveModel

ANSWERS = {"agree": COUNTERSIGNED, "refuse": REFUSED}
"""The form's word for each answer, and the word that is kept."""


@dataclass(frozen=True)
class ChangeView:
    """What the page states: what was done, by whom and why, what is live, and what each answer does."""

    title: str
    statements: tuple[tuple[str, str], ...]
    """Sentences, each with the reason that was given for it."""
    live: str
    agree: str
    refuse: str
    obstacle: str = ""
    """Why an answer changes nothing any more."""

    @property
    def digest(self) -> str:
        """The sha256 of all that is stated."""
        return digest_of(asdict(self))


def view_of(title: str, asked: ChangeQuestion, live: LiveModel | None, *, paused_since: str) -> ChangeView:
    """Return what is to be shown about a change; `paused_since` is empty while results go out."""
    if asked.pause:
        return _resumption(title, asked, asked.pause, _live(live), paused_since)
    return _rollback(title, asked, _live(live))


def _rollback(title: str, asked: ChangeQuestion, live: str) -> ChangeView:
    what = (
        f"Live version {asked.replaced} was taken out, and the model of version {asked.restores} is live "
        f"again as version {asked.live_version}, since {day(asked.asked_at)}. {asked.person} did so, with "
        "this reason:"
    )
    return ChangeView(
        title=f"Countersign a rollback of {title}?",
        statements=((what, asked.reason),),
        live=live,
        agree="that you stand by the rollback is signed and recorded; nothing else changes",
        refuse="that you do not is signed, recorded and mailed to the operators; the rollback stays in "
        f"effect until they take it back: clinrisk rollback {asked.use_case} --to {asked.replaced} "
        "--reason TEXT",
    )


def _resumption(title: str, asked: ChangeQuestion, pause: Pause, live: str, paused_since: str) -> ChangeView:
    paused = f"Nothing goes out since {day(pause.since)}. {pause.person} paused it, with this reason:"
    asks = f"{asked.person} asks to let results go out again, with this reason:"
    state = f"Results are paused since {day(paused_since)}." if paused_since else "Results go out."
    return ChangeView(
        title=f"Let results of {title} go out again?",
        statements=((paused, pause.reason), (asks, asked.reason)),
        live=f"{live} {state}",
        agree="results go out again at once; the batches that wait are scored by the model that is live",
        refuse="results stay paused",
        obstacle="" if paused_since == pause.since else "This pause has ended already.",
    )


def _live(live: LiveModel | None) -> str:
    if live is None:
        return "No model is live."
    restored = f", restored from version {live.rollback.restores}" if live.rollback else ""
    since = f"Version {live.live_version}, since {day(live.promoted_at)}"
    return f"{since}: training run {live.run_id}{restored}."


def question_page(
    question: ChangeQuestion,
    view: ChangeView,
    *,
    shown: str,
    nonce: str,
    reader: str,
    hindrances: Sequence[str] = (),
    typed: Mapping[str, str] | None = None,
    objections: Sequence[str] = (),
) -> Page:
    """Return the page that asks; the form carries `shown`, the digest of what is on it.

    `reader` is whose page it is, `hindrances` what keeps this approver from answering.
    """
    html = render(
        "change.html.j2",
        question=question,
        view=view,
        shown=shown,
        nonce=nonce,
        reader=reader,
        hindrances=[*hindrances, *([view.obstacle] if view.obstacle else [])],
        typed=typed or {},
        objections=objections,
        shortest=SHORTEST_REASON,
        longest=LONGEST_REASON,
    )
    return Page(422 if objections else 200, html)


def outcome_page(
    question: ChangeQuestion, view: ChangeView, *, status: int = 200, shown: str = "", nonce: str = ""
) -> Page:
    """Return what was answered; with `nonce`, a button that passes an answer on which was not."""
    html = render("change_outcome.html.j2", question=question, view=view, shown=shown, nonce=nonce)
    return Page(status, html)


def objections_to(form: Mapping[str, str], view: ChangeView) -> list[str]:
    """List what the form still lacks; empty means that it may be recorded."""
    found = []
    if form.get("shown", "") != view.digest:
        found.append("What this page states has changed since you opened it. Please read it again.")
    if form.get("answer", "") not in ANSWERS:
        found.append("Choose one of the two answers.")
    if view.obstacle and form.get("answer", "") == "agree":
        found.append(view.obstacle)
    return found + reason_faults(plain_text.normal(form.get("reason", "")))


def answer_in(form: Mapping[str, str]) -> FormAnswer:
    """Return the answer of a form that nothing is objected to."""
    return FormAnswer(ANSWERS[form["answer"]], plain_text.normal(form["reason"]))
