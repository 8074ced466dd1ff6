"""The mails about what people change of what is live: a rollback, a pause, its end. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.mails import Mail, listed, mail, printable, recorded, scored_from_now_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel, Pause

_NAMED = 20
"""How many recalled batches a mail names."""


def rolled_back(
    title: str, after: LiveModel, recalled: Sequence[str], *, pause: Pause | None, entry: Reference
) -> Mail:
    """Return the mail that a model is live again, with the batches whose results are recalled by that.

    `pause`: the one that lasts, if there is one; `entry`: of the rollback in the ledger.
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
        f"The model of live version {restores} is live again, as live version {after.live_version}. "
        f"{_by(after.rollback.person, after.rollback.reason)}",
        f"Its bytes and the signature of its approval were checked again. {scored_from_now_on(pause)}",
        "What is recalled is scored again by itself within the hour, or at once:\nclinrisk redrive --all"
        if recalled and pause is None
        else "",
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
        f"End it:\nclinrisk resume {pause.use_case} --reason TEXT",
    )


def resumed(title: str, pause: Pause, person: str, reason: str) -> Mail:
    """Return the mail that the results of a use case go out again."""
    return mail(
        f"{title}: results go out again",
        f"The pause of {title} since {pause.since} has ended. {_by(person, reason)}",
        "Batches that waited are scored by themselves within the hour, or at once:\nclinrisk redrive --all",
    )


def _by(person: str, reason: str) -> str:
    return f"{printable(person)} gave the reason: {printable(reason)}"
