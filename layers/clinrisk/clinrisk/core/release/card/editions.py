"""The later editions of a model card: what happened since, in sentences, and the answers that this gives.

Release, results and findings come from the ledger and from monitoring, whose sentences hold counts and no
patient. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.mails import printable
from clinrisk.core.monitoring.findings import SINCE_RELEASE, Check, CheckVerdict
from clinrisk.core.release.card import card_document
from clinrisk.core.release.card.answers import CardAnswer, Source
from clinrisk.core.timestamps import day

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Since = dict[str, list[str]]
"""Sentences by the keys of `card_document.HAPPENED`; a key whose facts are unknown yet is absent."""

NOT_JUDGED = "Not yet: no monitoring run has looked at batches with known outcomes."
NOT_JUDGED_NOW = (
    "Not by the newest monitoring run: none of its batches has enough known outcomes. What an earlier run "
    "saw stands in an earlier edition."
)
NONE_OPEN = "The newest monitoring run raised no alert."


def release(entry: Mapping[str, Any], accepted: Sequence[str], ended: str = "") -> Since:
    """Return the release as its ledger entry has it, and the groups that the approver accepted by name.

    `ended`: the sentence that it is live no longer; empty while it is.
    """
    before, live = entry["previous_version"], day(entry["effective_at"])
    order = f"in place of version {before}" if before else "as the first one"
    state = f"live version {entry['live_version']}, {order}; decided on {day(entry['decided_at'])}."
    restored = "restores" in entry
    sentences = [
        f"Live again since {live}, restored from version {entry['restores']}, as {state}"
        if restored
        else f"Released on {live} as {state}",
        f"{_by(entry['person'], entry['reason'])}" if restored else f"Reason given: {entry['reason']}",
    ]
    if accepted:
        sentences.append(f"Accepted by name, since harm could go unseen: {', '.join(accepted)}.")
    return {"release": [ended, *sentences] if ended else sentences}


def ended(following: Mapping[str, Any]) -> str:
    """Return the sentence that a model is live no longer, from the ledger's entry of what replaced it."""
    when, version = day(following["effective_at"]), following["live_version"]
    if "restores" in following:
        why = _by(following["person"], following["reason"])
        return f"NOT LIVE any more: rolled back on {when}, in favour of version {version}. {why}"
    return f"NOT LIVE any more: version {version} took its place on {when}."


def _by(person: str, reason: str) -> str:
    return f"{printable(person)} gave the reason: {printable(reason)}"


def monitored(findings: Sequence[Mapping[str, Any]]) -> Since:
    """Return what one monitoring run found: how the model did where outcomes are known, and open alerts.

    Where several batches have outcomes, all of them together speak for each.
    """
    judged = [one for one in findings if one["verdict"] != CheckVerdict.NOT_EVALUATED]
    known = [one["batch"] for one in judged if one["check"] == Check.PERFORMANCE]
    batches = [SINCE_RELEASE] if SINCE_RELEASE in known else known

    def about(check: Check) -> list[str]:
        return [_sentence(one) for one in judged if one["check"] == check and one["batch"] in batches]

    alerts = [
        f"{str(one['check']).capitalize()}. {_sentence(one)}"
        for one in judged
        if one["verdict"] == CheckVerdict.ALERT
    ]
    return {
        "results": about(Check.PERFORMANCE),
        "fairness": about(Check.BIAS),
        "findings": alerts or [NONE_OPEN],
    }


def edition(
    first: Mapping[str, Any], live_version: int, since: Since, number: int, made_at: str
) -> dict[str, Any]:
    """Return the card of a released model with what happened since, made from its first edition."""
    answers = card_document.answers_of(first)
    for name, key in (("local_validity", "results"), ("local_fairness", "fairness")):
        seen, none = " ".join(since.get(key, ())), NOT_JUDGED_NOW if key in since else NOT_JUDGED
        answers[name] = CardAnswer(seen, Source.MONITORING) if seen else CardAnswer(none, Source.LATER)
    facts = {"edition": number, "live_version": live_version, "made_at": made_at, "since": since}
    return card_document.answered({**first, **facts}, answers)


def _sentence(finding: Mapping[str, Any]) -> str:
    return f"{printable(finding['batch'])}: {finding['detail']}"
