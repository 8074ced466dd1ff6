"""Every metric that every service emits, by name, dimensions and value, for each way that it can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk import use_cases
from clinrisk.aws.tables import approvers
from clinrisk.aws.telemetry import Metric
from clinrisk.core.release.one_time_codes import MOST_WRONG
from clinrisk.errors import EvidenceChanged
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import enrolled
from tests.integration.emitted_metrics import EmittedMetric, emitted, metrics_in
from tests.integration.events import read_event
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.inbox_files import Ingest, csv, heart_rows, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.released_models import roll_back, two_releases
from tests.integration.scored_batches import ScoredBatches
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

TRAINING = "inbox/heart/training/march.csv"
HEADER = ",".join(use_cases.get("heart").header)
BAD_ROW = ",".join(["x"] * 14)


def settled(use_case: str, disposition: str, accepted: int = 0, quarantined: int = 0) -> list[EmittedMetric]:
    """Spell the metrics of one settlement."""
    return [
        emitted(Metric.UPLOADS_SETTLED, 1, use_case, disposition),
        emitted(Metric.UPLOADS_FAILED, disposition == "FAILED", use_case),
        emitted(Metric.ROWS_ACCEPTED, accepted, use_case),
        emitted(Metric.ROWS_QUARANTINED, quarantined, use_case),
    ]


def one(metric: Metric, value: float, use_case: str = "heart") -> list[EmittedMetric]:
    return [emitted(metric, value, use_case)]


APPROVABLE = one(Metric.CANDIDATES_BLOCKED, 0)
ASKED = APPROVABLE + one(Metric.APPROVALS_REQUESTED, 1) + one(Metric.APPROVERS_MISSING, 0)
DECIDED = ASKED + one(Metric.APPROVALS_DECIDED, 1)


def training_file(stack: Stack, *bad_rows: str, good_rows: int = 40) -> Ingest:
    return Ingest.of(stack, TRAINING, csv(HEADER, [*heart_rows(good_rows), *bad_rows]))


def claimed(stack: Stack, key: str, data: bytes) -> None:
    Ingest.of(stack, key, data).claim()


def duplicate(stack: Stack) -> None:
    training_file(stack).run()
    claimed(stack, "inbox/heart/training/copy.csv", csv(HEADER, heart_rows(40)))


def failed(stack: Stack) -> None:
    ingest = training_file(stack)
    ingest.park(ingest.claim()["upload"])


def settled_and_delivered_again(stack: Stack) -> None:
    ingest = training_file(stack)
    upload, _ = ingest.run()
    stack.call("commit_upload", {"upload": upload})
    ingest.park(upload)
    ingest.claim("again")


def judged(stack: Stack, auc: float) -> None:
    judgement = stack.call("judge_candidate", TrainedCandidate(stack, auc=auc).judge_event())
    assert len(judgement["unmet"]) != 1


def decided(stack: Stack, decision: str) -> RequestedApproval:
    approval = RequestedApproval(stack, WaitingExecution(stack).token)
    approval.answer(decision, version="2")  # is refused, and decides nothing
    approval.answer(decision)
    approval.answer(decision)
    return approval


def expired_twice(stack: Stack) -> None:
    event = {"use_case": "heart", "run_id": RequestedApproval(stack).candidate.run_id}
    for _ in range(2):
        stack.call("expire_approval", event)


def rolled_back(stack: Stack) -> None:
    two_releases(stack)
    roll_back(stack)


def not_promoted(stack: Stack) -> None:
    approval = decided(stack, "approve")
    approval.candidate.change("model", b"changed")
    with pytest.raises(EvidenceChanged):
        approval.promote()


def scored(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/today.csv", stroke_batch(20)).run()
    stack.call("publish_results", publish_event(stack, upload))


def finding(check: str, verdict: str, statistic: float | None, batch: str = "a") -> dict[str, Any]:
    facts = {"check": check, "batch": batch, "verdict": verdict, "statistic": statistic}
    return facts | {"threshold": 0.25, "detail": "Counts and shares."}


def monitored(stack: Stack, *findings: dict[str, Any]) -> None:
    stack.call(
        "record_findings",
        {"use_case": "heart", "live_version": 1, "new_training_rows": 9, "findings": list(findings)},
    )


def checked(check: str, alert: int, unjudged: int) -> list[EmittedMetric]:
    values = ((Metric.CHECK_RAN, 1), (Metric.CHECK_ALERT, alert), (Metric.CHECK_NOT_EVALUATED, unjudged))
    return [emitted(metric, value, "heart", check) for metric, value in values]


def shadows(compared: int, broken: int) -> list[EmittedMetric]:
    return one(Metric.SHADOWS_COMPARED, compared) + one(Metric.SHADOWS_FAILED, broken)


def at_the_door(stack: Stack, case: str) -> None:
    ScoredBatches(stack)
    stack.call("judge_batch", read_event(f"judge_batch.{case}") | {"execution": "run-1"})


def asked_of_nobody(stack: Stack) -> None:
    enrolled(stack, state=approvers.INVITED)
    RequestedApproval(stack)


def locked(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    for _ in range(MOST_WRONG):
        asked.answer(code="no code")


ENDINGS: dict[str, tuple[Callable[[Stack], object], list[EmittedMetric]]] = {
    "accepted": (lambda stack: training_file(stack).run(), settled("heart", "ACCEPTED", 40)),
    "partial": (lambda stack: training_file(stack, BAD_ROW).run(), settled("heart", "PARTIAL", 40, 1)),
    "all rows bad": (
        lambda stack: training_file(stack, *[BAD_ROW] * 30, good_rows=0).run(),
        settled("heart", "REJECTED", 0, 30),
    ),
    "empty": (lambda stack: claimed(stack, TRAINING, b""), settled("heart", "REJECTED")),
    "unknown use case": (
        lambda stack: claimed(stack, "inbox/hart/training/march.csv", b"a"),
        settled("unknown", "REJECTED"),
    ),
    "folder": (lambda stack: claimed(stack, "inbox/heart/training/", b""), settled("unknown", "IGNORED")),
    "duplicate": (duplicate, settled("heart", "ACCEPTED", 40) + settled("heart", "DUPLICATE")),
    "failed": (failed, settled("heart", "FAILED")),
    "settled, and delivered again": (settled_and_delivered_again, settled("heart", "ACCEPTED", 40)),
    "above the bar": (lambda stack: judged(stack, 0.9), APPROVABLE),
    "below the bar in several ways": (lambda stack: judged(stack, 0.7), one(Metric.CANDIDATES_BLOCKED, 1)),
    "asked": (RequestedApproval, ASKED),
    "asked, and nobody has enrolled": (
        asked_of_nobody,
        APPROVABLE + one(Metric.APPROVALS_REQUESTED, 1) + one(Metric.APPROVERS_MISSING, 1),
    ),
    "locked": (locked, [*ASKED, emitted(Metric.APPROVERS_LOCKED, 1)]),
    "approved": (lambda stack: decided(stack, "approve"), DECIDED),
    "rejected": (lambda stack: decided(stack, "reject"), DECIDED),
    "expired": (
        expired_twice,
        ASKED + one(Metric.APPROVALS_EXPIRED, 1) + one(Metric.APPROVALS_EXPIRED, 0),
    ),
    "promoted": (
        lambda stack: decided(stack, "approve").promote(),
        DECIDED + one(Metric.MODELS_PROMOTED, 1),
    ),
    "rolled back": (
        rolled_back,
        2 * (DECIDED + one(Metric.MODELS_PROMOTED, 1)) + one(Metric.MODELS_ROLLED_BACK, 1),
    ),
    "paused": (
        lambda stack: stack.call("set_pause", read_event("set_pause.heart")),
        one(Metric.SCORING_PAUSED, 1),
    ),
    "not promoted": (not_promoted, DECIDED),
    "scored": (scored, settled("stroke", "ACCEPTED", 20) + one(Metric.ROWS_SCORED, 20, "stroke")),
    "fit to be scored": (lambda stack: at_the_door(stack, "like_training"), one(Metric.BATCHES_HELD, 0)),
    "held at the door": (lambda stack: at_the_door(stack, "other_hospital"), one(Metric.BATCHES_HELD, 1)),
    "shadow compared": (
        lambda stack: stack.call("record_shadow", read_event("record_shadow.compared")),
        shadows(1, 0),
    ),
    "nothing to compare": (
        lambda stack: stack.call("record_shadow", read_event("record_shadow.nothing")),
        shadows(0, 0),
    ),
    "shadow failed": (
        lambda stack: stack.call("record_shadow", read_event("record_shadow.failed")),
        shadows(0, 1),
    ),
    "monitored: one batch of two alerts, or is judged": (
        lambda stack: monitored(
            stack,
            finding("quality", "OK", 0.01),
            finding("quality", "NOT_EVALUATED", None, "b"),
            finding("drift", "ALERT", 0.31),
            finding("drift", "OK", 0.07, "b"),
            finding("performance", "NOT_EVALUATED", None),
            finding("bias", "OK", 0.125),
        ),
        [
            *checked("quality", 0, 0),
            *checked("drift", 1, 0),
            emitted(Metric.WORST_DRIFT, 0.31, "heart"),
            *checked("performance", 0, 1),
            *checked("bias", 0, 0),
            emitted(Metric.WORST_BIAS_GAP, 0.125, "heart"),
        ],
    ),
    "monitored: no figure, and three checks that broke": (
        lambda stack: monitored(stack, finding("drift", "NOT_EVALUATED", None)),
        checked("drift", 0, 1),
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_emits_these_metrics_and_no_other(
    stack: Stack, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    FakeFeatureStore().install()
    capsys.readouterr()
    happen, expected = ENDINGS[ending]
    happen(stack)
    assert metrics_in(capsys.readouterr().out) == expected


def test_every_metric_is_emitted_by_some_ending_with_another_value_than_zero() -> None:
    seen = {metric.name for _, expected in ENDINGS.values() for metric in expected if metric.value}
    # How long a queue waits and a job takes, how a use case stands, what stands still, whether the ledger
    # holds, and what outcomes and feedback show are no endings: tests of operations and the page have them.
    measured = {
        *(Metric.LONGEST_WAIT, Metric.JOB_MINUTES, Metric.STUCK, Metric.LEDGER_DIFFERENCES),
        *(Metric.LIVE_VERSION, Metric.LIVE_DAYS, Metric.NEWEST_BATCH_DAYS, Metric.NEWEST_OUTCOMES_DAYS),
        *(Metric.UPLOADS_ON_HOLD, Metric.WAITING_QUESTIONS, Metric.OPEN_FINDINGS),
        Metric.COUNTERSIGNATURES_OVERDUE,
        *(Metric.AUC, Metric.AUC_LIMIT, Metric.OBSERVED_TO_EXPECTED),
        *(Metric.FLAGS_ANSWERED, Metric.FLAGS_OVERRIDDEN),
    }
    assert seen == set(Metric) - measured
