"""From scored batches to findings: what is selected, what each check says, what is recorded and asked for."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk.aws import s3
from clinrisk.core.monitoring.findings import SINCE_RELEASE, TOGETHER
from clinrisk.errors import NoLiveModel
from clinrisk.services.monitoring import scored_batches
from clinrisk.services.monitoring.select_batches import NEWEST
from tests.integration.events import events_of, read_event
from tests.integration.scored_batches import (
    AROUND_PROMOTION,
    LIKE_TRAINING,
    OTHER_HOSPITAL,
    OUTCOMES,
    ScoredBatches,
    go_live,
    settle,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FUNCTIONS = ("select_batches", "join_outcomes", "run_check", "record_findings")
FROM_HERE, FROM_OTHER_HOSPITAL = (
    "inbox/heart/inference/2026-03-02.csv",
    "inbox/heart/inference/2026-03-03.csv",
)


@pytest.fixture
def scored(stack: Stack) -> ScoredBatches:
    return ScoredBatches(stack)


def verdicts(answer: Any) -> dict[str, str]:
    return {finding["batch"]: finding["verdict"] for finding in answer["findings"]}


def check(scored: ScoredBatches, name: str, selection: Any = None) -> Any:
    """Run one check; gives its answer."""
    event = {"check": name, "selection": selection or scored.select()}
    return scored.stack.call("run_check", event)


def everything(scored: ScoredBatches) -> list[dict[str, Any]]:
    """Run all checks; gives their findings."""
    selection = scored.select()
    answers = [check(scored, name, selection) for name in selection["checks"]]
    return [finding for answer in answers for finding in answer["findings"]]


def test_the_batches_that_the_live_model_scored_are_selected_newest_first(scored: ScoredBatches) -> None:
    selection = scored.select()
    assert [batch["upload_id"] for batch in selection["batches"]] == [OTHER_HOSPITAL, LIKE_TRAINING]
    newest = selection["batches"][0]
    assert newest["profile"] == f"s3://clinrisk-lake/profiles/heart/{OTHER_HOSPITAL}.json"
    assert newest["score_profile"] == f"s3://clinrisk-lake/score-profiles/heart/{OTHER_HOSPITAL}.json"
    assert newest["joined"] is None
    assert (newest["rows"], newest["rows_quarantined"]) == (200, 2)


@pytest.mark.parametrize("count", [NEWEST - 1, NEWEST, NEWEST + 1])
def test_the_newest_batches_are_selected_up_to_the_limit(stack: Stack, count: int) -> None:
    go_live(stack)
    uploads = [f"{number:020x}" for number in range(count)]
    for number, upload in enumerate(uploads):
        settle(upload, f"2026-03-01T09:30:{number:02d}.000Z", rows=10)
    selected = stack.call("select_batches", {"use_case": "heart"})["batches"]
    assert [batch["upload_id"] for batch in selected] == uploads[::-1][:20]
    assert [batch["number"] for batch in selected] == list(range(count, max(count - 20, 0), -1))


def test_labelled_patients_who_arrived_since_the_approval_are_counted(stack: Stack) -> None:
    go_live(stack)
    for upload, day in (("a", "2026-01-31"), ("b", "2026-02-02"), ("c", "2026-03-01")):
        settle(upload * 20, f"{day}T00:00:00.000Z", 40, "training", labelled=40)
    settle("d" * 20, "2026-03-02T00:00:00.000Z", 40)
    assert stack.call("select_batches", {"use_case": "heart"})["new_training_rows"] == 80


def test_a_batch_is_selected_from_the_moment_on_at_which_the_model_went_live(stack: Stack) -> None:
    go_live(stack)
    for upload, settled_at in zip("abc", AROUND_PROMOTION, strict=True):
        settle(upload * 20, settled_at, rows=10)
    selected = stack.call("select_batches", {"use_case": "heart"})["batches"]
    assert [batch["upload_id"] for batch in selected] == ["c" * 20, "b" * 20]


def test_without_a_live_model_there_is_nothing_to_monitor(stack: Stack) -> None:
    with pytest.raises(NoLiveModel):
        stack.call("select_batches", {"use_case": "heart"})


def test_the_batch_of_another_hospital_drifts_and_lacks_columns_and_the_other_does_not(
    scored: ScoredBatches,
) -> None:
    selection = scored.select()
    for name in ("drift", "quality"):
        assert verdicts(check(scored, name, selection)) == {FROM_HERE: "OK", FROM_OTHER_HOSPITAL: "ALERT"}


def test_a_repeated_check_gives_the_same_findings(scored: ScoredBatches) -> None:
    assert everything(scored) == everything(scored)


def test_before_outcomes_arrive_performance_is_not_judged_and_bias_by_flags(scored: ScoredBatches) -> None:
    selection = scored.select()
    performance = check(scored, "performance", selection)
    assert set(verdicts(performance).values()) == {"NOT_EVALUATED"}
    bias = check(scored, "bias", selection)["findings"]
    assert all("share flagged" in finding["detail"] for finding in bias)


def test_outcomes_are_joined_and_performance_and_bias_are_judged_by_them(scored: ScoredBatches) -> None:
    stranger = pl.DataFrame({"record_id": ["f" * 32], "label": [1]}, schema_overrides={"label": pl.Int8})
    known = pl.concat(
        [scored.labels[LIKE_TRAINING].head(150).with_columns(pl.col("label").cast(pl.Int8)), stranger]
    )
    scored.arrive(known)
    assert scored.join() == {"joined": 150, "unmatched": 1}
    selection = scored.select()
    assert selection["batches"][1]["joined"] == f"s3://clinrisk-lake/joined/heart/{LIKE_TRAINING}.json"
    performance = check(scored, "performance", selection)
    assert verdicts(performance) == {
        FROM_HERE: "OK",
        FROM_OTHER_HOSPITAL: "NOT_EVALUATED",
        SINCE_RELEASE: "OK",
    }
    bias = {f["batch"]: f["detail"] for f in check(scored, "bias", selection)["findings"]}
    assert "share of cases found" in bias[FROM_HERE]
    assert "share flagged" in bias[FROM_OTHER_HOSPITAL]


def test_batches_with_outcomes_are_judged_together_as_well(scored: ScoredBatches) -> None:
    for day, (upload_id, outcomes_id) in enumerate(
        ((LIKE_TRAINING, OUTCOMES), (OTHER_HOSPITAL, "e" * 20)), start=1
    ):
        scored.arrive(scored.labels[upload_id], outcomes_id, f"2026-04-0{day}")
        scored.join(outcomes_id)
    found = check(scored, "performance")["findings"]
    details = {finding["batch"]: finding["detail"] for finding in found}
    assert "In 400 predictions with known outcome" in details[SINCE_RELEASE]
    # How wide an interval is depends on how often one has looked.
    assert "hold for all looks while outcomes arrive" in details[SINCE_RELEASE]
    assert "hold for all looks over 2 batches" in details[FROM_OTHER_HOSPITAL]
    assert "hold for all looks" not in details[FROM_HERE]


def test_a_patient_who_was_predicted_twice_counts_with_the_first_prediction(scored: ScoredBatches) -> None:
    labels = scored.labels[LIKE_TRAINING]
    again = "1" * 20
    scored.score(again, "2026-03-05", seed=2)
    scored.arrive(labels)
    scored.join()
    [first, second] = (
        scored.stack.read_json(f"s3://clinrisk-lake/joined/heart/{upload}.json")
        for upload in (LIKE_TRAINING, again)
    )
    assert first["scores"]["all"]["all"]["n"] == first["predicted"][0] == len(labels)
    # Both files have an outcome of each patient, and only one of them a prediction that counts.
    assert second["outcomes"]["joined"] == len(labels)
    assert (second["scores"], second["predicted"]) == (None, [0, 0])
    found = {one["batch"]: one["detail"] for one in check(scored, "performance")["findings"]}
    assert f"In {len(labels)} predictions with known outcome" in found[SINCE_RELEASE]


def test_patients_whom_the_model_learned_from_prove_nothing_and_the_others_do(scored: ScoredBatches) -> None:
    training_again, mixed = "1" * 20, "2" * 20
    files = {training_again: (6, 200, 200), mixed: (7, 300, 100)}
    for number, (upload, (seed, rows, learned)) in enumerate(files.items()):
        labels = scored.score(upload, f"2026-03-0{5 + number}", seed=seed, rows=rows, learned=learned)
        scored.arrive(labels, f"{number:020x}")
    assert scored.join(f"{0:020x}") == {"learned": 200}
    assert scored.join(f"{1:020x}") == {"joined": 200, "learned": 100}
    selection = scored.select()
    found = {one["batch"]: one for one in check(scored, "performance", selection)["findings"]}
    of_training, of_mixed = (found[f"inbox/heart/inference/2026-03-0{day}.csv"] for day in (5, 6))
    assert of_training["verdict"] == "NOT_EVALUATED"
    assert "the model learned from all 200 patients whose outcomes are known" in of_training["detail"]
    assert "In 200 predictions" in of_mixed["detail"]
    assert "100% of 200 predictions" in of_mixed["detail"]
    assert "not in these figures: 100 of patients whom the model learned from" in of_mixed["detail"]
    assert "In 200 predictions with known outcome" in found[SINCE_RELEASE]["detail"]
    for name in ("bias", "drift"):
        words = {one["batch"]: one["detail"] for one in check(scored, name, selection)["findings"]}
        assert "100 patients whom the model learned from are not in" in words[of_mixed["batch"]]


def test_every_batch_since_the_release_counts_however_long_ago_it_was_scored(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    for day in range(NEWEST):
        settle(f"{day:020x}", f"2026-05-{day + 1:02d}T00:00:00.000Z", rows=10)
        store_unscored(scored, f"{day:020x}")
    selection = scored.select()
    assert LIKE_TRAINING not in {batch["upload_id"] for batch in selection["batches"]}
    listed = scored.stack.read_json(selection["with_outcomes"]["uri"])["batches"]
    assert listed == [{"upload_id": LIKE_TRAINING, "month": "2026-03"}]
    found = {one["batch"]: one for one in check(scored, "performance", selection)["findings"]}
    assert "In 200 predictions with known outcome" in found[SINCE_RELEASE]["detail"]


def store_unscored(scored: ScoredBatches, upload_id: str) -> None:
    """Give a batch the profile of another one."""
    profile = scored.stack.read_json(f"s3://clinrisk-lake/profiles/heart/{LIKE_TRAINING}.json")
    s3.store_json("clinrisk-lake", f"profiles/heart/{upload_id}.json", profile)


def test_months_of_prediction_are_judged_each_the_newest_three(scored: ScoredBatches) -> None:
    for number, month in enumerate(("04", "05", "06", "07")):
        upload = f"{number + 1:020x}"
        labels = scored.score(upload, f"2026-{month}-02", seed=20 + number, rows=120)
        scored.arrive(labels, f"{number + 10:020x}", "2026-08-01")
    scored.join()
    found = verdicts(check(scored, "performance"))
    assert [name for name in found if name.startswith("predictions of")] == [
        f"predictions of 2026-{month}" for month in ("05", "06", "07")
    ]


def test_stored_counts_of_another_form_are_not_evaluated_and_the_others_are(scored: ScoredBatches) -> None:
    broken = {
        "drift": f"profiles/heart/{OTHER_HOSPITAL}.json",
        "bias": f"score-profiles/heart/{OTHER_HOSPITAL}.json",
    }
    for name, key in broken.items():
        s3.store_json("clinrisk-lake", key, {"form": "of another time"})
        found = {one["batch"]: one for one in check(scored, name)["findings"]}
        assert found[FROM_OTHER_HOSPITAL]["verdict"] == "NOT_EVALUATED"
        assert "cannot read" in found[FROM_OTHER_HOSPITAL]["detail"]
        assert found[FROM_HERE]["verdict"] == "OK"


def test_many_batches_are_added_up_in_parts_and_one_that_cannot_be_read_is_left_out(
    scored: ScoredBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    for upload, outcomes in ((LIKE_TRAINING, OUTCOMES), (OTHER_HOSPITAL, "e" * 20)):
        scored.arrive(scored.labels[upload], outcomes)
    scored.join()
    selection = scored.select()
    found = check(scored, "performance", selection)["findings"]
    monkeypatch.setattr(scored_batches, "_SUMMED", 1)
    assert check(scored, "performance", selection)["findings"] == found
    s3.store_json("clinrisk-lake", f"joined/heart/{OTHER_HOSPITAL}.json", {"form": "of another time"})
    left = {one["batch"]: one for one in check(scored, "performance", selection)["findings"]}
    assert left[FROM_OTHER_HOSPITAL]["verdict"] == "NOT_EVALUATED"
    assert "In 200 predictions with known outcome" in left[SINCE_RELEASE]["detail"]


def test_a_profile_of_another_contract_is_not_evaluated_and_not_among_the_others(
    scored: ScoredBatches,
) -> None:
    scored.score("1" * 20, "2026-03-05", seed=5)
    uri = f"s3://clinrisk-lake/profiles/heart/{OTHER_HOSPITAL}.json"
    document = scored.stack.read_json(uri) | {"schema_version": 0}
    s3.store_json("clinrisk-lake", uri.removeprefix("s3://clinrisk-lake/"), document)
    for name in ("quality", "drift"):
        found = {one["batch"]: one for one in check(scored, name)["findings"]}
        assert found[FROM_OTHER_HOSPITAL]["verdict"] == "NOT_EVALUATED"
        assert "cannot read" in found[FROM_OTHER_HOSPITAL]["detail"]
    assert "figures of 400 rows" in found[TOGETHER]["detail"]


def test_predictions_of_an_earlier_version_that_do_not_state_who_was_learned_from_count(
    scored: ScoredBatches,
) -> None:
    key = f"predictions/heart/{LIKE_TRAINING}.parquet"
    predictions = pl.read_parquet(scored.stack.read(f"s3://clinrisk-lake/{key}")).drop("learned")
    stream = io.BytesIO()
    predictions.write_parquet(stream)
    s3.store("clinrisk-lake", key, stream.getvalue())
    scored.arrive(scored.labels[LIKE_TRAINING])
    assert scored.join() == {"joined": 200}


def test_outcomes_that_were_joined_by_an_earlier_version_count(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    uri = f"s3://clinrisk-lake/joined/heart/{LIKE_TRAINING}.json"
    document = scored.stack.read_json(uri)
    del document["predicted"]
    s3.store_json("clinrisk-lake", uri.removeprefix("s3://clinrisk-lake/"), document)
    detail = {one["batch"]: one["detail"] for one in check(scored, "performance")["findings"]}[FROM_HERE]
    assert "Outcomes are known of 100% of 200 predictions" in detail


def test_calm_batches_are_judged_together_for_drift_and_others_are_not_among_them(
    scored: ScoredBatches,
) -> None:
    scored.score("1" * 20, "2026-03-05", seed=5)
    found = {one["batch"]: one for one in check(scored, "drift")["findings"]}
    assert found[FROM_OTHER_HOSPITAL]["verdict"] == "ALERT"
    assert found[TOGETHER]["verdict"] == "OK"
    assert "figures of 400 rows" in found[TOGETHER]["detail"]


def test_with_no_batch_at_all_each_check_is_not_evaluated(scored: ScoredBatches) -> None:
    selection = scored.select() | {"batches": []}
    for name in selection["checks"]:
        answer = check(scored, name, selection)
        assert (answer["check"], verdicts(answer)) == (name, {"none": "NOT_EVALUATED"})
        [finding] = answer["findings"]
        assert (finding["check"], finding["statistic"], finding["threshold"]) == (name, None, 0)
        assert finding["detail"] == (
            f"The {name} check had nothing to judge: the live model has scored no batch of the present "
            "contract yet."
        )


def test_findings_are_kept_and_answered(scored: ScoredBatches) -> None:
    arn = "arn:aws:states:eu-central-1:123456789012:execution:Monitoring:morning"
    event = {
        "use_case": "heart",
        "live_version": 1,
        "new_training_rows": 9,
        "findings": everything(scored),
        "execution": arn,
    }
    answer = scored.stack.call("record_findings", event)
    assert answer["response"] == "INVESTIGATE"
    assert answer["findings"]["uri"] == "s3://clinrisk-lake/findings/heart/morning.json"
    kept = scored.stack.read_json(answer["findings"]["uri"])
    assert (kept["findings"], kept["response"]) == (event["findings"], "INVESTIGATE")
    assert "- heart-drift, " in answer["message"]


def test_a_run_that_alerts_is_in_the_ledger_once_with_the_digest_of_its_findings(
    scored: ScoredBatches,
) -> None:
    event = read_event("record_findings.worse") | {"execution": "arn:execution:Monitoring:morning"}
    answer = scored.stack.call("record_findings", event)
    scored.stack.call("record_findings", event)
    [entry] = scored.stack.ledger("alerted")
    alerting = {one["check"] for one in event["findings"] if one["verdict"] == "ALERT"}
    assert (entry["event"], entry["identity"]) == ("alerted", "heart/alerts/morning")
    assert entry["body"]["checks"] == sorted(alerting)
    assert entry["body"]["response"] == "PROPOSE_RETRAINING"
    assert entry["body"]["findings_sha256"] == answer["findings"]["sha256"]
    assert "detail" not in str(entry["body"])


def test_a_run_without_an_alert_is_not_in_the_ledger(scored: ScoredBatches) -> None:
    calm = [one for one in everything(scored) if one["verdict"] != "ALERT"]
    answer = scored.stack.call(
        "record_findings", {"use_case": "heart", "live_version": 1, "new_training_rows": 9, "findings": calm}
    )
    assert (answer["response"], scored.stack.ledger("alerted")) == ("NOTHING", [])


@pytest.mark.parametrize("name", events_of(*FUNCTIONS))
def test_the_example_events_run(scored: ScoredBatches, name: str) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    function, _, case = name.partition(".")
    answer = scored.stack.call(function, read_event(name))
    if function == "run_check":
        judged = {"drifted": "ALERT", "incomplete": "ALERT", "too_early": "NOT_EVALUATED"}
        expected = (
            "NOT_EVALUATED" if case == "performance_too_early" else judged.get(case.partition("_")[2], "OK")
        )
        assert set(verdicts(answer).values()) == {expected}
    if function == "select_batches":
        assert [batch["upload_id"] for batch in answer["batches"]] == [OTHER_HOSPITAL, LIKE_TRAINING]
    if function == "join_outcomes":
        assert answer["joined"] == len(scored.labels[LIKE_TRAINING])
    if function == "record_findings":
        expected = {"drifted": "INVESTIGATE", "worse": "PROPOSE_RETRAINING"}.get(case, "NOTHING")
        assert answer["response"] == expected
