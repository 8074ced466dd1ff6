"""Countersignatures and pauses in the ledger: the first that is not genuine, or not what the table states."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clinrisk.core.ledger import reconciliation
from clinrisk.core.release.change_entries import CountersignatureEntry, PauseEntry, ResumeEntry

SINCE, LATER = "2026-03-01T09:30:00.000Z", "2026-03-02T09:30:00.000Z"


def entry(kind: Any, number: int, use_case: str = "heart", **body: Any) -> Any:
    return SimpleNamespace(event=kind.event_name, number=number, use_case=use_case, body=body)


@pytest.mark.parametrize(
    ("entries", "stored", "words"),
    [
        ([entry(PauseEntry, 1, since=SINCE)], {"heart": SINCE}, None),
        ([entry(PauseEntry, 1, since=SINCE), entry(ResumeEntry, 2)], {}, None),
        (
            [entry(PauseEntry, 1, since=SINCE), entry(ResumeEntry, 2)],
            {"heart": SINCE},
            "not paused in the ledger",
        ),
        ([entry(PauseEntry, 1, since=SINCE)], {}, "not paused in the table"),
        ([entry(PauseEntry, 1, since=SINCE)], {"heart": LATER}, f"paused since {LATER} in the table"),
        ([], {"stroke": LATER}, "stroke: not paused in the ledger"),
    ],
)
def test_a_pause_is_what_the_ledger_says(
    entries: list[Any], stored: dict[str, str], words: str | None
) -> None:
    found = reconciliation._paused(entries, stored)
    assert (found is None) if words is None else (found is not None and words in found.what)


def test_a_countersignature_that_does_not_hold_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "_signed", lambda body: (body["change_id"].encode(), "signature"))
    answers = [
        entry(CountersignatureEntry, 4, change_id="c1", answer="COUNTERSIGNED", paused_since=SINCE),
        entry(CountersignatureEntry, 5, change_id="c2", answer="REFUSED", paused_since=LATER),
        entry(ResumeEntry, 6, change_id="c1", format=2, paused_since=SINCE),
    ]
    assert reconciliation._uncountersigned(answers, lambda *_: True) is None
    forged = reconciliation._uncountersigned(answers, lambda message, _: message != b"c2")
    assert forged is not None
    assert (forged.number, "answer about c2 does not hold" in forged.what) == (5, True)
    unasked = [*answers, entry(ResumeEntry, 7, change_id="c2", format=2, paused_since=LATER)]
    found = reconciliation._uncountersigned(unasked, lambda *_: True)
    assert found is not None
    assert (found.number, "no approver has countersigned" in found.what) == (7, True)
