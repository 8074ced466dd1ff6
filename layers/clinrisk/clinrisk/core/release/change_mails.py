"""The mails about what people change of what is live, and to whoever countersigns. Standard library only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clinrisk.core.mails import (
    Mail,
    listed,
    mail,
    printable,
    reasons_of,
    recorded,
    scored_from_now_on,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.messages.live_changes import ChangeQuestion, Pause
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel

_NAMED = 20
"""How many recalled batches a mail names."""


def reference_accepted(
    title: str,
    live_version: int,
    *,
    previous: int,
    deciders: Sequence[Mapping[str, str]],
    entry: Reference,
) -> Mail:
    """Return the mail that a reference of a model that is not ours was accepted; `previous`: 0 for none."""
    before = f"It replaces version {previous}." if previous else "There was none before."
    return mail(
        f"{title}: version {live_version} of its reference is accepted",
        f"Version {live_version} of the reference of {title} was accepted. {before} Predictions that arrive "
        "from now on are held against it. The score itself is in use or not as before.",
        reasons_of(deciders),
        "All its files were checked again: they are the ones that were evaluated.",
        recorded(entry),
    )


def rolled_back(
    title: str,
    after: LiveModel,
    recalled: Sequence[str],
    *,
    ours: bool,
    pause: Pause | None,
    due: str,
    entry: Reference,
) -> Mail:
    """Return the mail that a model is live again, with the batches whose results are recalled by that.

    `ours`: False where it is the reference of a model that is not; `pause`: the one that lasts, if there is
    one; `due`: until when the rollback has to be countersigned; `entry`: of the rollback in the ledger.
    """
    assert after.rollback is not None  # noqa: S101 - it is about one
    restores, more = after.rollback.restores, len(recalled) - _NAMED
    return mail(
        f"{title}: live version {after.previous_version} was rolled back"
        + (f", {len(recalled)} results are recalled" if recalled else ""),
        f"Do not use the results of these batches any longer: versions after {restores} made them.\n"
        + listed([*recalled[:_NAMED], *([f"... and {more} more."] if more > 0 else [])])
        if recalled
        else "",
        f"The {'model' if ours else 'reference'} of live version {restores} is live again, as live version "
        f"{after.live_version}. {_by(after.rollback.person, after.rollback.reason)}",
        "Its bytes and the signature of its approval were checked again. "
        + (scored_from_now_on(pause) if ours else "Predictions that arrive from now on are held against it."),
        "What is recalled is scored again by itself within the hour, or at once:\nclinrisk redrive --all"
        if recalled and pause is None
        else "",
        f"An approver has to countersign it until {due}; each has been mailed a link.",
        f"What was live, and when: clinrisk history {after.use_case}",
        recorded(entry),
    )


def paused(title: str, pause: Pause) -> Mail:
    """Return the mail that no results of a use case go out any more."""
    return mail(
        f"{title}: results are paused",
        f"No results of {title} go out from now on. {_by(pause.person, pause.reason)}",
        "Results that were published before stay. Batches that arrive are read and checked; they wait, and "
        "are scored when the pause ends.",
        f"Ask an approver to end it:\nclinrisk resume {pause.use_case} --reason TEXT",
    )


def resumed(title: str, pause: Pause, question: ChangeQuestion) -> Mail:
    """Return the mail that the results of a use case go out again; `question` has been countersigned."""
    return mail(
        f"{title}: results go out again",
        f"The pause of {title} since {pause.since} has ended. {_by(question.person, question.reason)}",
        answered_by(question),
        "Batches that waited are scored by themselves within the hour, or at once:\nclinrisk redrive --all",
    )


def countersignature_wanted(title: str, question: ChangeQuestion, link: str, until: str) -> Mail:
    """Return the mail that asks an approver to countersign a change, with this person's own link."""
    if question.pause:
        subject = f"{title}: may results go out again?"
        what = f"The results of {title} are paused since {question.pause.since}. Somebody asks to end that."
        then = "Nothing goes out before an approver agrees."
    else:
        subject = f"{title}: please countersign a rollback"
        what = (
            f"Live version {question.replaced} of {title} was rolled back: version {question.restores} is "
            f"live again, as version {question.live_version}."
        )
        then = f"It is in effect. Please countersign it until {_at(question.due_at)}, or refuse to."
    return mail(
        subject,
        what,
        _by(question.person, question.reason),
        then,
        f"Read and answer here:\n{link}",
        f"The link is yours and works until {until}. Opening it changes nothing: to answer, you enter a "
        "reason and a code of your authenticator app. Please do not forward it.",
    )


def rollback_answered(title: str, question: ChangeQuestion) -> Mail:
    """Return the mail that an approver has countersigned a rollback, or has refused to."""
    signed = question.status == "COUNTERSIGNED"
    word = "was countersigned" if signed else "was NOT countersigned"
    return mail(
        f"{title}: the rollback to version {question.restores} {word}",
        answered_by(question),
        ""
        if signed
        else "The rollback stays in effect until somebody changes what is live. To take it back:\n"
        f"clinrisk rollback {question.use_case} --to {question.replaced} --reason TEXT",
    )


def answered_by(question: ChangeQuestion) -> str:
    """Return who answered, and why; empty where nobody has."""
    one = question.decider
    if one is None:
        return ""
    word = "Countersigned" if question.status == "COUNTERSIGNED" else "Refused"
    return f"{word} by {one.name} ({one.role}), with this reason: {one.reason}"


def _at(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _by(person: str, reason: str) -> str:
    return f"{printable(person)} gave the reason: {printable(reason)}"
