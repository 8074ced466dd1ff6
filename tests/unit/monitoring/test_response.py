from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.monitoring.response import Response, announcement, choose_response, response_to

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase
    from tests.unit.conftest import Snapshot

Q, D, P, B = Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.BIAS
SETS = [set(some) for size in range(5) for some in itertools.combinations(Check, size)]


def finding(check: Check, verdict: CheckVerdict = CheckVerdict.ALERT) -> CheckFinding:
    return CheckFinding(check, verdict, 0.5, 0.25, f"The {check} sentence.")


@pytest.mark.parametrize(
    ("alerts", "response"),
    [
        (set(), Response.NOTHING),
        ({D}, Response.INVESTIGATE),
        ({B}, Response.INVESTIGATE),
        ({D, B}, Response.PROPOSE_RETRAINING),
        ({P}, Response.PROPOSE_RETRAINING),
        ({P, D}, Response.PROPOSE_RETRAINING),
        ({Q}, Response.INVESTIGATE),
    ],
)
def test_the_table_says_what_an_alert_asks_for(alerts: set[Check], response: Response) -> None:
    assert response_to(alerts) is response


@pytest.mark.parametrize("alerts", [some for some in SETS if Q in some])
def test_a_broken_feed_never_trains_a_model(alerts: set[Check]) -> None:
    assert response_to(alerts) is Response.INVESTIGATE


@pytest.mark.parametrize("alerts", [some for some in SETS if some])
def test_no_alert_is_answered_with_nothing(alerts: set[Check]) -> None:
    assert response_to(alerts) is not Response.NOTHING


def test_alerts_of_different_batches_are_not_mixed_and_the_strongest_counts() -> None:
    assert choose_response([("a", finding(D)), ("b", finding(B))]) is Response.INVESTIGATE
    assert choose_response([("a", finding(D)), ("a", finding(B))]) is Response.PROPOSE_RETRAINING
    assert choose_response([("a", finding(Q)), ("b", finding(P))]) is Response.PROPOSE_RETRAINING


def test_what_could_not_be_judged_asks_for_nothing() -> None:
    assert choose_response([("a", not_evaluated(P, 0.8, "No outcomes."))]) is Response.NOTHING
    assert choose_response([]) is Response.NOTHING


def test_the_mail_lists_alerts_first_and_names_the_command(heart: UseCase, snapshot: Snapshot) -> None:
    findings = [
        ("may.csv", finding(Q, CheckVerdict.OK)),
        ("may.csv", finding(D)),
        ("may.csv", not_evaluated(P, 0.8, "No outcomes.")),
    ]
    mail = announcement(heart, findings, Response.INVESTIGATE)
    drift, performance, quality = (
        mail.text.index(f"- {check}, may.csv: ") for check in ("drift", "performance", "quality")
    )
    assert drift < performance < quality
    snapshot("findings", f"{mail.subject}\n\n{mail.text}")


@pytest.mark.parametrize(("alerts", "counted"), [(0, "0 alerts"), (1, "1 alert,"), (2, "2 alerts")])
def test_the_subject_counts_alerts_and_names_the_response(heart: UseCase, alerts: int, counted: str) -> None:
    findings = [("a", finding(D)), ("b", finding(B))][:alerts]
    subject = announcement(heart, findings, Response.PROPOSE_RETRAINING).subject
    assert subject.startswith(heart.title)
    assert counted in subject
    assert "propose retraining" in subject


def test_every_response_asks_for_something_else(heart: UseCase) -> None:
    texts = {announcement(heart, [("a", finding(D))], response).text for response in Response}
    assert len(texts) == len(Response)
