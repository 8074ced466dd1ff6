"""What clinicians did: from a file of feedback to the page of the live model, by counts alone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import Metric
from clinrisk.core import object_keys
from clinrisk.core.profiles.feedback_profile import FeedbackProfile, Responses
from tests.integration.emitted_metrics import metrics_in
from tests.integration.monitoring.test_write_page import keep_history, write
from tests.integration.scored_batches import (
    BEFORE_GOING_LIVE,
    FEEDBACK,
    LIKE_TRAINING,
    OTHER_HOSPITAL,
    ScoredBatches,
)
from tests.unit.page_text import text_of

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def scored(stack: Stack) -> ScoredBatches:
    found = ScoredBatches(stack)
    keep_history(found)
    return found


def responses_to(patients: list[str], response: str, *, day: str = "2026-03-10") -> pl.DataFrame:
    reason = "already_managed" if response == "overridden" else None
    columns = {"response": response, "reason": reason, "role": "physician"}
    return pl.DataFrame({"patient": patients}).with_columns(
        *(pl.lit(value, pl.String).alias(name) for name, value in columns.items()),
        pl.lit(date.fromisoformat(day)).alias("date"),
    )


def predictions(scored: ScoredBatches, upload: str) -> pl.DataFrame:
    data = scored.stack.read(f"s3://clinrisk-lake/{object_keys.predictions('heart', upload)}")
    return pl.read_parquet(data)


def profile(scored: ScoredBatches, upload: str) -> FeedbackProfile:
    document = scored.stack.read_json(f"s3://clinrisk-lake/{object_keys.joined('heart', upload)}")
    return FeedbackProfile.from_dict(document["feedback"])


def respond(scored: ScoredBatches) -> tuple[int, int]:
    """Accept all flags of a batch but the first thirty, which are overridden; gives how many of each."""
    flagged = predictions(scored, LIKE_TRAINING).filter("flagged")["record_id"].to_list()
    scored.respond(
        pl.concat([responses_to(flagged[:30], "overridden"), responses_to(flagged[30:], "accepted")])
    )
    return 30, len(flagged) - 30


def test_the_page_and_the_metrics_show_what_clinicians_did(
    scored: ScoredBatches,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overridden, accepted = respond(scored)
    answer = scored.stack.call("join_outcomes", {"use_case": "heart", "upload_id": FEEDBACK})
    assert not answer["announce"]
    others = predictions(scored, OTHER_HOSPITAL).filter("flagged").height
    assert profile(scored, LIKE_TRAINING).everyone.flagged == Responses(
        overridden + accepted, accepted, overridden
    )
    assert profile(scored, OTHER_HOSPITAL).everyone.flagged == Responses(others)
    capsys.readouterr()
    text = text_of(scored.stack.read(write(scored)["uri"]).decode())
    emitted = {one.name: one.value for one in metrics_in(capsys.readouterr().out)}
    # What another model scored before is not on the page.
    share = (overridden + accepted) / (overridden + accepted + others)
    assert emitted == {
        Metric.FLAGS_ANSWERED: pytest.approx(share),
        Metric.FLAGS_OVERRIDDEN: pytest.approx(overridden / (overridden + accepted)),
    }
    line = next(line for line in text.splitlines() if line.startswith("all since the release | 400"))
    assert f"{overridden / (overridden + accepted):.0%} (" in line
    assert "Reasons of 30 overridden risks: examined or treated already 100%." in text
    # Outcomes are as unknown as before, and so are the figures about them.
    assert "No outcomes yet" in text


def test_feedback_changes_no_figure_about_outcomes(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    before = joined(scored)
    performance = judged(scored)
    _, accepted = respond(scored)
    scored.join()
    added = {"feedback": None, "acted_on": None}
    assert {name: one | added for name, one in joined(scored).items() if name in before} == {
        name: one | added for name, one in before.items()
    }
    assert judged(scored) == performance
    text = text_of(scored.stack.read(write(scored)["uri"]).decode())
    # Everybody of the batch has an outcome.
    assert f"Clinicians accepted the flag of {accepted} of the 200 patients" in text
    listed = scored.stack.read_json("s3://clinrisk-lake/acted-on/heart.json")
    flagged = predictions(scored, LIKE_TRAINING).filter("flagged")["record_id"].to_list()
    assert listed == sorted(flagged[30:])
    overview = scored.stack.read_json("s3://clinrisk-results/outcome-overviews/heart.json")
    assert [one["upload_id"] for one in overview["batches"]] == [LIKE_TRAINING]


def joined(scored: ScoredBatches) -> dict[str, Any]:
    keys = scored.stack.s3.list_objects_v2(Bucket="clinrisk-lake", Prefix="joined/").get("Contents", [])
    return {one["Key"]: scored.stack.read_json(f"s3://clinrisk-lake/{one['Key']}") for one in keys}


def judged(scored: ScoredBatches) -> Any:
    return [
        scored.stack.call("run_check", {"check": name, "selection": scored.select()})["findings"]
        for name in ("performance", "bias")
    ]


def test_responses_that_answer_no_prediction_are_counted_mailed_and_never_believed(
    scored: ScoredBatches, capsys: pytest.CaptureFixture[str]
) -> None:
    [patient, other, *_] = predictions(scored, LIKE_TRAINING)["record_id"]
    scored.respond(
        pl.concat(
            [
                responses_to([patient], "overridden", day="2026-02-01"),
                responses_to([other], "accepted"),
                responses_to(["0" * 32, "1" * 32], "accepted"),
            ]
        )
    )
    answer = scored.stack.call("join_outcomes", {"use_case": "heart", "upload_id": FEEDBACK})
    assert answer["announce"]
    assert "of whom no batch states a risk: 2" in answer["message"]
    assert "dated before every prediction of their patient: 1" in answer["message"]
    [file] = scored.stack.read_json("s3://clinrisk-results/outcome-overviews/heart.json")["feedback"]
    counts = {"counted": 1, "superseded": 0, "earlier": 1, "unmatched": 2}
    assert {name: file[name] for name in counts} == counts
    assert profile(scored, LIKE_TRAINING).everyone.everyone.known == 1
    assert scored.join(BEFORE_GOING_LIVE) == {}
    capsys.readouterr()
    write(scored)
    # One response is too few for a share of those that were seen.
    assert {one.name for one in metrics_in(capsys.readouterr().out)} == {Metric.FLAGS_ANSWERED}


def test_nothing_is_left_of_feedback_that_was_withdrawn(
    scored: ScoredBatches,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    respond(scored)
    scored.join(FEEDBACK)
    used = uploads.used
    monkeypatch.setattr(
        uploads, "used", lambda case, purpose: [] if purpose == "feedback" else used(case, purpose)
    )
    assert not scored.stack.call("join_outcomes", {"use_case": "heart"})["announce"]
    assert all("feedback" not in one for one in joined(scored).values())
    assert scored.stack.read_json("s3://clinrisk-lake/acted-on/heart.json") == []
    assert "feedback" not in scored.stack.read_json("s3://clinrisk-results/outcome-overviews/heart.json")
