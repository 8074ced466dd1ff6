"""Write Page: an edition per run, from counts alone, with what is known and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import dynamodb, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric
from tests.integration.emitted_metrics import metrics_in
from tests.integration.events import events_of, read_event
from tests.integration.scored_batches import LIKE_TRAINING, ScoredBatches
from tests.integration.test_metrics import finding, monitored
from tests.unit.page_text import text_of

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

RUN = "arn:aws:states:eu-central-1:123456789012:execution:monitoring:run-1"
STARTED = "2026-04-03T06:00:00.123Z"


def keep_history(scored: ScoredBatches) -> None:
    """Let the live version be in the history, as a promotion writes it."""
    table = settings().deployments_table
    item = dynamodb.read(table, ("USE_CASE#heart", "LIVE"))
    assert item is not None
    dynamodb.write(table, item | {"sk": "VERSION#00000001"})


@pytest.fixture
def scored(stack: Stack) -> ScoredBatches:
    found = ScoredBatches(stack)
    keep_history(found)
    return found


def write(scored: ScoredBatches, run: str = RUN, **changes: Any) -> Any:
    findings = {"findings": [finding("drift", "ALERT", 3.1, "inbox/heart/inference/2026-03-03.csv")]}
    kept = s3.store_json("clinrisk-lake", "findings/heart/run-1.json", findings)
    event = {
        "execution": run,
        "started": STARTED,
        "selection": scored.select(),
        "findings": kept.model_dump(),
    }
    return scored.stack.call("write_page", event | changes)["page"]


@pytest.mark.parametrize("name", events_of("write_page"))
def test_the_example_event_gives_a_page(scored: ScoredBatches, name: str) -> None:
    findings = s3.store_json("clinrisk-lake", "findings/heart/run-1.json", {"findings": []})
    event = read_event(name) | {"findings": findings.model_dump()}
    assert scored.stack.call("write_page", event)["page"]["uri"].endswith(".html")


def test_a_run_keeps_one_edition_and_its_retry_finds_it(scored: ScoredBatches) -> None:
    page = write(scored)
    assert page["uri"] == "s3://clinrisk-results/model-pages/heart/2026-04-03T06-00-00-run-1.html"
    first = scored.stack.read(page["uri"])
    monitored(scored.stack, finding("drift", "ALERT", 0.31))
    assert write(scored) == page
    assert scored.stack.read(page["uri"]) == first
    other = write(scored, RUN.replace("run-1", "run-2"))
    assert other["uri"] != page["uri"]
    assert "1 finding is open" in text_of(scored.stack.read(other["uri"]).decode())


def test_without_outcomes_the_page_teaches_how_to_bring_them(
    scored: ScoredBatches, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    text = text_of(scored.stack.read(write(scored)["uri"]).decode())
    assert metrics_in(capsys.readouterr().out) == []
    assert "No outcomes yet" in text
    assert "clinrisk drop FILE --as heart/outcomes --wait" in text
    assert "2026-03-03.csv | 200 | not checked | alert | not checked | not checked" in text


def test_a_pause_is_on_the_page(scored: ScoredBatches) -> None:
    facts = {"use_case": "heart", "change": "PAUSE", "person": "ada", "reason": "The units have changed."}
    scored.stack.call("set_pause", facts | {"execution": "pause-1"})
    assert "by ada: The units have changed." in text_of(scored.stack.read(write(scored)["uri"]).decode())


def test_known_outcomes_are_on_the_page_and_in_the_metrics(
    scored: ScoredBatches, capsys: pytest.CaptureFixture[str]
) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    capsys.readouterr()
    html = scored.stack.read(write(scored)["uri"]).decode()
    emitted = {one.name: one.value for one in metrics_in(capsys.readouterr().out)}
    assert emitted.keys() == {Metric.AUC, Metric.AUC_LIMIT, Metric.OBSERVED_TO_EXPECTED}
    assert emitted[Metric.AUC_LIMIT] == 0.87
    line = next(one for one in text_of(html).splitlines() if one.startswith("2026-03 |"))
    assert line.startswith("2026-03 | 200 | 100% |")
    assert f"| {emitted[Metric.AUC]:.2f} (" in line
    assert html.count("<svg") > 20


def test_a_batch_whose_counts_cannot_be_read_is_listed_without_a_picture(scored: ScoredBatches) -> None:
    selection = scored.select()
    [newest, *_] = selection["batches"]
    s3.store_json("clinrisk-lake", newest["profile"].removeprefix("s3://clinrisk-lake/"), {})
    text = text_of(scored.stack.read(write(scored)["uri"]).decode())
    assert "Oldest batch on the left, 1 in all." in text
    assert "2026-03-03.csv | 200" in text


def test_a_version_that_cannot_be_read_any_more_is_listed_without_figures(scored: ScoredBatches) -> None:
    item = dynamodb.read(settings().deployments_table, ("USE_CASE#heart", "LIVE"))
    assert item is not None
    gone = {
        "sk": "VERSION#00000002",
        "live_version": 2,
        "evaluation_uri": "s3://clinrisk-lake/candidates/gone.json",
    }
    dynamodb.write(settings().deployments_table, item | gone)
    text = text_of(scored.stack.read(write(scored)["uri"]).decode())
    assert "2 | 1 February 2026 | heart-0123456789 | not evaluated | not evaluated" in text
