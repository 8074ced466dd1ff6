"""How a use case stands, as the reconciler emits it: what is live, what is how old, what waits for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import Metric
from clinrisk.messages.ingest import Disposition
from clinrisk.services.operations import state_metrics
from tests.integration.asked_change import asked_about_rollback
from tests.integration.emitted_metrics import EmittedMetric, emitted, metrics_in
from tests.integration.scored_batches import LIKE_TRAINING, ScoredBatches
from tests.integration.test_metrics import finding, monitored

if TYPE_CHECKING:
    import pytest

    from tests.integration.conftest import Stack

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)


def state(capsys: pytest.CaptureFixture[str], use_case: str = "heart") -> list[EmittedMetric]:
    capsys.readouterr()
    batches, outcomes = (uploads.settled(use_case, purpose) for purpose in ("inference", "outcomes"))
    state_metrics.emit_state(use_case, batches, outcomes, NOW)
    return metrics_in(capsys.readouterr().out)


def of(use_case: str, **values: float) -> list[EmittedMetric]:
    return [emitted(Metric[name], value, use_case) for name, value in values.items()]


def test_before_the_first_file_nothing_waits_and_nothing_has_an_age(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    del stack
    nothing = of("heart", UPLOADS_ON_HOLD=0, WAITING_QUESTIONS=0, OPEN_FINDINGS=0)
    assert state(capsys) == nothing


def test_a_live_model_its_data_and_what_waits(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    batches = ScoredBatches(stack)
    batches.arrive(batches.labels[LIKE_TRAINING])
    monitored(stack, finding("drift", "ALERT", 0.31), finding("bias", "ALERT", 2.0))
    held = uploads.settled("heart", "inference")[-1]
    uploads.settle(
        held.model_copy(update={"disposition": Disposition.HELD, "upload_id": "e" * 20, "sha256": "5" * 64}),
        "receipts/held.json",
    )
    assert state(capsys) == of(
        "heart",
        LIVE_VERSION=1,
        LIVE_DAYS=61.5,
        NEWEST_BATCH_DAYS=31.5,
        NEWEST_OUTCOMES_DAYS=2.5,
        UPLOADS_ON_HOLD=1,
        WAITING_QUESTIONS=0,
        OPEN_FINDINGS=2,
    )


def test_what_is_to_be_countersigned_waits_for_people_as_well(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asked_about_rollback(stack)
    assert emitted(Metric.WAITING_QUESTIONS, 1, "heart") in state(capsys)
    asked.answer()
    assert emitted(Metric.WAITING_QUESTIONS, 0, "heart") in state(capsys)
