"""What happened since, as a later edition of a model card states it."""

from __future__ import annotations

from typing import Any

import pytest

from clinrisk.core.monitoring.findings import SINCE_RELEASE
from clinrisk.core.release.card import card_document, editions
from clinrisk.core.release.card.answers import CardAnswer, Source
from clinrisk.core.release.card.card_document import SECTIONS
from clinrisk.core.release.card.source_attributes import ATTRIBUTES

ENTRY: dict[str, Any] = {
    "live_version": 3,
    "previous_version": 2,
    "effective_at": "2026-03-02T09:30:00.000Z",
    "decided_at": "2026-03-01T09:30:00.000Z",
    "reason": "Better <calibrated>.",
}


def finding(check: str, batch: str, verdict: str = "OK") -> dict[str, Any]:
    return {"check": check, "batch": batch, "verdict": verdict, "detail": f"{check} is {verdict}."}


def first() -> dict[str, Any]:
    names = {name for _, _, names in ATTRIBUTES for name in names} | {n for _, ns in SECTIONS for n in ns}
    facts = {"edition": 1, "title": "Heart", "description": "Risk.", "run_id": "heart-1", "blocked": False}
    answers = {name: CardAnswer(name, Source.RUN) for name in names}
    return card_document.answered({**facts, "references": [], "since": {}}, answers)


@pytest.mark.parametrize(
    ("previous", "order"), [(0, "version 3, as the first one;"), (2, "version 3, in place of version 2;")]
)
def test_a_release_states_its_order_its_days_and_the_reason(previous: int, order: str) -> None:
    stated, reason = editions.release(ENTRY | {"previous_version": previous}, [])["release"]
    assert stated.startswith("Released on 2 March 2026 as live ")
    assert order in stated
    assert stated.endswith("decided on 1 March 2026.")
    assert reason == "Reason given: Better <calibrated>."


def test_batches_with_outcomes_speak_together_where_there_are_several() -> None:
    each = [finding(check, batch) for check in ("performance", "bias") for batch in ("a.csv", "b.csv")]
    apart = editions.monitored(each)
    assert apart["results"] == ["a.csv: performance is OK.", "b.csv: performance is OK."]
    assert apart["fairness"] == ["a.csv: bias is OK.", "b.csv: bias is OK."]
    together = editions.monitored(
        [*each, finding("performance", SINCE_RELEASE), finding("bias", SINCE_RELEASE)]
    )
    assert together["results"] == [f"{SINCE_RELEASE}: performance is OK."]
    assert together["fairness"] == [f"{SINCE_RELEASE}: bias is OK."]


def test_what_was_not_evaluated_is_no_result_and_flags_alone_are_no_fairness() -> None:
    found = editions.monitored([finding("performance", "a.csv", "NOT_EVALUATED"), finding("bias", "a.csv")])
    assert found == {"results": [], "fairness": [], "findings": [editions.NONE_OPEN]}


def test_every_alert_is_open_under_its_check_and_a_files_name_is_printable() -> None:
    found = editions.monitored([finding("drift", "march\u202e.csv", "ALERT"), finding("quality", "a.csv")])
    assert found["findings"] == ["Drift. march?.csv: drift is ALERT."]


def test_an_edition_answers_what_the_first_one_could_not_and_escapes_what_people_typed() -> None:
    since = editions.release(ENTRY, ["sex: women"]) | editions.monitored([finding("performance", "a.csv")])
    card = editions.edition(first(), 3, since, 2, "2026-03-03T09:30:00.000Z")
    assert (card["edition"], card["live_version"], card["run_id"]) == (2, 3, "heart-1")
    answers = card_document.answers_of(card)
    assert answers["local_validity"] == CardAnswer("a.csv: performance is OK.", Source.MONITORING)
    assert answers["local_fairness"] == CardAnswer(editions.NOT_JUDGED_NOW, Source.LATER)
    assert card["counts"]["attributes_not_available_yet"] == 1
    page = card_document.page(card)
    assert "Edition 2, made on 3 March 2026" in page
    assert "Reason given: Better &lt;calibrated&gt;." in page
    assert "Fairness observed here" not in page
    assert "What happened since" not in card_document.page(first())


def test_a_run_without_outcomes_does_not_claim_that_there_never_were_any() -> None:
    since = editions.monitored([])
    card = editions.edition(first(), 1, since, 3, "2026-03-01T12:00:00.000Z")
    assert card_document.answers_of(card)["local_validity"].text == editions.NOT_JUDGED_NOW
    before = editions.edition(first(), 1, {"release": ["Released."]}, 2, "2026-03-01T12:00:00.000Z")
    assert card_document.answers_of(before)["local_validity"].text == editions.NOT_JUDGED
