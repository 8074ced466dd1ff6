"""Judge Batch on the stored profiles: what is believed, what is held, and what nobody can judge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import s3
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.errors import ClaimLost, LedgerAltered, ObjectMissing
from clinrisk.messages.ingest import Disposition
from tests.integration.events import events_of, read_event
from tests.integration.scored_batches import (
    LAKE,
    LIKE_TRAINING,
    OTHER_HOSPITAL,
    OUTCOMES,
    RUN,
    ScoredBatches,
    settle,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

VERDICTS = {"like_training": "FIT", "other_hospital": "HELD", "risks": "FIT"}


def judge(stack: Stack, case: str, **changes: Any) -> Any:
    return stack.call("judge_batch", read_event(f"judge_batch.{case}") | {"execution": "run-1"} | changes)


def earlier_results(stack: Stack) -> str:
    """Publish results of the other hospital's batch, and return how its file is called in them."""
    ScoredBatches(stack)
    upload = read_event("judge_batch.other_hospital")["upload"]
    stem = str(upload["key"].rpartition("/")[2].removesuffix(".csv"))
    s3.store("clinrisk-results", object_keys.results("heart", stem, OTHER_HOSPITAL), b"row,id\n")
    return stem


def disposition(upload_id: str) -> Disposition:
    settled = uploads.settlement_of(upload_id)
    assert settled is not None
    return settled.disposition


@pytest.mark.parametrize("name", events_of("judge_batch"))
def test_a_batch_is_judged_as_its_event_promises(stack: Stack, name: str) -> None:
    ScoredBatches(stack)
    case = name.partition(".")[2]
    assert judge(stack, case)["verdict"] == VERDICTS[case]


def test_a_held_batch_counts_nowhere_and_its_mail_has_reasons_and_commands(stack: Stack) -> None:
    scored = ScoredBatches(stack)
    found = judge(stack, "other_hospital")
    assert "(restecg) has the code for" in found["message"]
    assert f"clinrisk let-through {OTHER_HOSPITAL} --reason" in found["message"]
    assert f"clinrisk withdraw {OTHER_HOSPITAL} --reason" in found["message"]
    assert disposition(OTHER_HOSPITAL) == Disposition.HELD
    assert [batch["upload_id"] for batch in scored.select()["batches"]] == [LIKE_TRAINING]


def test_a_repeated_call_finds_the_batch_held_once(stack: Stack) -> None:
    ScoredBatches(stack)
    assert judge(stack, "other_hospital") == judge(stack, "other_hospital")
    settled = uploads.settlement_of(OTHER_HOSPITAL)
    assert settled is not None
    assert [one.decision for one in settled.decisions] == ["HELD"]
    [entry] = stack.ledger("upload decided")
    assert entry["body"]["decision"] == "HELD"
    assert entry["body"]["person"] == "clinrisk"
    assert entry["body"]["reason"] == settled.decisions[0].reason


def test_a_ledger_that_was_altered_stops_the_batch_after_its_results_are_recalled(stack: Stack) -> None:
    stem = earlier_results(stack)
    stack.put("audit", "ledger/000000000002.json", b"{}")
    with pytest.raises(LedgerAltered):
        judge(stack, "other_hospital")
    assert disposition(OTHER_HOSPITAL) == Disposition.HELD
    assert object_keys.recalled("heart", stem, OTHER_HOSPITAL) in stack.keys("results")


def test_what_was_held_when_it_was_read_stays_held_without_another_entry(stack: Stack) -> None:
    ScoredBatches(stack)
    settle(OUTCOMES, "2026-03-05T00:00:00.000Z", 9, "inference", disposition=Disposition.HELD)
    document = stack.read_json(f"s3://clinrisk-lake/{object_keys.profile('heart', OTHER_HOSPITAL)}")
    s3.store_json("clinrisk-lake", object_keys.profile("heart", OUTCOMES), document)
    event = read_event("judge_batch.other_hospital")
    found = judge(stack, "other_hospital", upload=event["upload"] | {"upload_id": OUTCOMES})
    assert (found["verdict"], stack.ledger("upload decided")) == ("HELD", [])


def let_through(stack: Stack, upload_id: str) -> None:
    word = {"decision": "LET_THROUGH", "person": "anna", "reason": "No fluoroscopy there."}
    assert stack.call("decide_upload", word | {"upload_id": upload_id, "execution": "run-2"})["refused"] == ""


def test_what_was_let_through_is_not_held_again_and_says_who_did_it(stack: Stack) -> None:
    ScoredBatches(stack)
    judge(stack, "other_hospital")
    let_through(stack, OTHER_HOSPITAL)
    for about in ("columns", "risks"):
        found = judge(stack, "other_hospital", about=about)
        assert found["verdict"] == "CAUTION"
        assert found["cautions"][0] == "Let through by anna: No fluoroscopy there."
    assert disposition(OTHER_HOSPITAL) == Disposition.PARTIAL


def test_nobody_is_named_who_did_not_let_the_batch_through(stack: Stack) -> None:
    ScoredBatches(stack)
    assert judge(stack, "like_training") == {"verdict": "FIT", "cautions": [], "subject": "", "message": ""}


def test_for_what_a_file_was_held_when_it_was_read_stands_in_its_results(stack: Stack) -> None:
    ScoredBatches(stack)
    receipt = json.dumps({"disposition": "HELD", "explanation": ["The column oldpeak is damaged."]})
    settle(
        OUTCOMES, "2026-03-05T00:00:00.000Z", 9, "inference", disposition=Disposition.HELD, receipt=receipt
    )
    let_through(stack, OUTCOMES)
    for key in (object_keys.profile, object_keys.score_profile):
        document = stack.read_json(f"s3://clinrisk-lake/{key('heart', LIKE_TRAINING)}")
        s3.store_json("clinrisk-lake", key("heart", OUTCOMES), document)
    event = read_event("judge_batch.like_training")
    found = judge(stack, "like_training", upload=event["upload"] | {"upload_id": OUTCOMES})
    by = "Let through by anna: No fluoroscopy there."
    assert found["cautions"][:2] == [by, "The column oldpeak is damaged."]


def test_results_of_an_earlier_scoring_are_recalled_when_the_batch_is_held(stack: Stack) -> None:
    stem = earlier_results(stack)
    found = judge(stack, "other_hospital")
    assert found["subject"].endswith("its results are recalled")
    assert "nothing was published" not in found["subject"] + found["message"]
    notice = stack.read(f"s3://clinrisk-results/{object_keys.recalled('heart', stem, OTHER_HOSPITAL)}")
    assert b"do not use its risks" in notice


@pytest.mark.parametrize(("file", "case"), [("reference", "like_training"), ("evaluation", "risks")])
def test_without_anything_to_hold_it_against_no_batch_is_judged(stack: Stack, file: str, case: str) -> None:
    ScoredBatches(stack)
    stack.s3.delete_object(Bucket=LAKE, Key=object_keys.candidate("heart", RUN, f"{file}.json"))
    with pytest.raises(ObjectMissing):
        judge(stack, case)


def test_a_batch_that_was_withdrawn_meanwhile_is_not_held_but_given_up(stack: Stack) -> None:
    ScoredBatches(stack)
    withdraw = read_event("decide_upload.withdraw") | {"upload_id": OTHER_HOSPITAL, "execution": "run-9"}
    stack.call("decide_upload", withdraw)
    with pytest.raises(ClaimLost):
        judge(stack, "other_hospital")


def test_patients_without_a_risk_and_flags_for_all_hold_the_results(stack: Stack) -> None:
    ScoredBatches(stack)
    key = object_keys.score_profile("heart", LIKE_TRAINING)
    stored = s3.fetch_json_now(s3.uri_of(LAKE, key))
    everyone = stored["all"]["all"]
    everyone |= {"flagged": everyone["n"], "not_scored": everyone["n"]}
    s3.store_json(LAKE, key, stored)
    found = judge(stack, "risks")
    assert found["verdict"] == "HELD"
    assert "200 of 400 patients (50%) have no risk" in found["message"]
    assert "200 of 200 patients (100%) are flagged" in found["message"]
