"""Roll Back Model: an earlier version's model is live again under the next number, or there is a reason."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals, change_questions, deployments
from clinrisk.core import object_keys
from clinrisk.errors import ChangeRefused, DecisionForged, ReleaseAltered, TrainingFileWithdrawn
from clinrisk.services.release.approvers import overtaken_questions
from clinrisk.services.release.proofs import released
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import events_of, read_event
from tests.integration.released_models import FIRST, SECOND, release, roll_back, two_releases
from tests.integration.scored_batches import settle
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

THIRD = "heart-3333333333"
BATCH, OTHER_BATCH = "a" * 20, "b" * 20


def publish(stack: Stack, upload_id: str, live_version: int) -> None:
    """Leave results as Publish Results does: a file and its sidecar."""
    settle(upload_id, "2026-03-01T00:00:00.000Z", 9)
    stack.put("results", object_keys.results("heart", "2026-03-01", upload_id), b"id,risk\n")
    sidecar = {"model": {"live_version": live_version}, "upload": {"upload_id": upload_id}}
    stack.put("results", object_keys.sidecar("heart", "2026-03-01", upload_id), json.dumps(sidecar).encode())


def recalled(stack: Stack) -> list[str]:
    found = [key.rpartition("/")[2] for key in stack.keys("results") if key.endswith(".RECALLED.txt")]
    return [name.partition(".")[0] for name in found]


@pytest.mark.parametrize("name", events_of("roll_back_model"))
def test_the_earlier_model_is_live_again_under_the_next_number(stack: Stack, name: str) -> None:
    two_releases(stack)
    before = deployments.version("heart", 1)
    answer = stack.call("roll_back_model", read_event(name))
    live = deployments.live("heart")
    assert (live.live_version, live.previous_version, live.run_id) == (3, 2, FIRST)
    assert before is not None
    assert (live.digests, live.decision) == (before.digests, before.decision)
    assert live.rollback is not None
    assert live.rollback.restores == 1
    assert "live version 2 was rolled back" in answer["subject"]
    assert "clinrisk history heart" in answer["message"]
    assert "An approver has to countersign it until" in answer["message"]
    [asked] = change_questions.of_use_case("heart")
    assert (asked.change_id, asked.status, asked.person) == (
        "heart.rollback.00000003",
        "OPEN",
        live.rollback.person,
    )
    released.check(live)


def test_the_ledger_states_who_rolled_back_and_why(stack: Stack) -> None:
    two_releases(stack)
    roll_back(stack)
    [entry] = stack.ledger("rolled back")
    facts = {name: entry["body"][name] for name in ("restores", "live_version", "previous_version", "reason")}
    assert facts == {
        "restores": 1,
        "live_version": 3,
        "previous_version": 2,
        "reason": "Version 2 flags too few women.",
    }
    assert entry["body"]["person"].endswith("/kim")


def test_a_repeated_call_finds_its_rollback_and_changes_nothing(stack: Stack) -> None:
    two_releases(stack)
    publish(stack, BATCH, 2)
    first = roll_back(stack)
    kept = stack.ledger()
    assert roll_back(stack) == first
    assert (deployments.live("heart").live_version, stack.ledger()) == (3, kept)


@pytest.mark.parametrize("breaks", [(ledger, "write_release"), (overtaken_questions, "close")])
def test_a_rollback_that_broke_off_is_completed_by_its_repetition(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, breaks: tuple[Any, str]
) -> None:
    two_releases(stack)
    publish(stack, BATCH, 2)
    with monkeypatch.context() as broken:
        broken.setattr(*breaks, lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(Exception, match="MemoryError"):
            roll_back(stack)
    roll_back(stack)
    assert deployments.live("heart").live_version == 3
    assert len(stack.ledger("rolled back")) == 1
    assert recalled(stack) == [BATCH]


def test_results_of_later_versions_are_recalled_and_those_of_the_restored_one_stay(stack: Stack) -> None:
    two_releases(stack)
    publish(stack, BATCH, 2)
    publish(stack, OTHER_BATCH, 1)
    answer = roll_back(stack)
    assert recalled(stack) == [BATCH]
    assert BATCH in answer["message"]
    assert OTHER_BATCH not in answer["message"]
    assert "clinrisk redrive --all" in answer["message"]


def test_a_question_about_a_candidate_that_was_compared_with_the_faulty_model_is_closed(stack: Stack) -> None:
    two_releases(stack)
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token, THIRD, champion=2)
    roll_back(stack)
    assert approvals.find(asked.approval_id).status == "OVERTAKEN"
    assert waiting.end()["error"] == "ChampionChanged"


def test_after_a_rollback_a_candidate_is_compared_with_it_and_released_under_the_next_number(
    stack: Stack,
) -> None:
    two_releases(stack)
    roll_back(stack)
    release(stack, THIRD, 3)
    live = deployments.live("heart")
    assert (live.live_version, live.previous_version, live.rollback) == (4, 3, None)


def test_the_faulty_version_can_be_restored_as_well(stack: Stack) -> None:
    two_releases(stack)
    roll_back(stack)
    roll_back(stack, execution="another", to_version=2, from_version=3)
    live = deployments.live("heart")
    assert (live.live_version, live.run_id) == (4, SECOND)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"to_version": 2}, "no live version 2"),
        ({"to_version": 3, "from_version": 3}, "no live version 3"),
        ({"from_version": 3}, "Version 3 is not live"),
    ],
    ids=str,
)
def test_what_cannot_be_restored_is_refused_with_the_reason(
    stack: Stack, changes: dict[str, int], why: str
) -> None:
    two_releases(stack)
    with pytest.raises(ChangeRefused, match=why):
        roll_back(stack, **changes)
    assert deployments.live("heart").live_version == 2


def test_bytes_that_were_altered_since_are_not_restored(stack: Stack) -> None:
    first = release(stack, FIRST)
    release(stack, SECOND, 1)
    first.candidate.change("model", b"another model")
    with pytest.raises(ReleaseAltered, match="the model has other bytes"):
        roll_back(stack)
    assert deployments.live("heart").live_version == 2


def test_a_history_that_was_edited_is_not_restored(stack: Stack) -> None:
    two_releases(stack)
    before = deployments.version("heart", 1)
    assert before is not None
    table = stack.tables.Table(stack.environment["DEPLOYMENTS_TABLE"])
    key = {"pk": "USE_CASE#heart", "sk": "VERSION#00000001"}
    table.update_item(
        Key=key, UpdateExpression="SET package_version = :v", ExpressionAttributeValues={":v": 9}
    )
    with pytest.raises(DecisionForged):
        roll_back(stack)


def test_a_model_that_learned_from_a_withdrawn_file_is_not_restored(stack: Stack) -> None:
    file = "c" * 20
    settle(file, "2026-03-01T00:00:00.000Z", 9, "training")
    release(stack, FIRST, sources={file: "inbox/heart/training/2026-03-01.csv"})
    release(stack, SECOND, 1)
    word = {"decision": "WITHDRAW", "person": "anna", "reason": "Another unit.", "execution": "run-1"}
    assert stack.call("decide_upload", word | {"upload_id": file})["refused"] == ""
    with pytest.raises(TrainingFileWithdrawn, match=r"2026-03-01\.csv"):
        roll_back(stack)


def test_of_two_rollbacks_at_once_one_is_made_and_the_other_is_refused(stack: Stack) -> None:
    two_releases(stack)

    def attempt(execution: str) -> str:
        try:
            roll_back(stack, execution=execution)
        except ChangeRefused as refused:
            return str(refused)
        return "made"

    with ThreadPoolExecutor(2) as actors:
        found = sorted(actors.map(attempt, ["one", "other"]))
    assert found == ["Version 2 is not live. See which one is: clinrisk live heart", "made"]
    assert len(stack.ledger("rolled back")) == 1


def test_an_earlier_pointer_that_is_put_back_by_hand_is_not_followed(stack: Stack) -> None:
    two_releases(stack)
    before = deployments.version("heart", 1)
    assert before is not None
    with pytest.raises(ReleaseAltered, match="version 2 was released after it"):
        released.check(before)


def test_a_pointer_that_claims_a_rollback_which_the_ledger_does_not_state_is_not_followed(
    stack: Stack,
) -> None:
    two_releases(stack)
    roll_back(stack)
    live = deployments.live("heart")
    assert live.rollback is not None
    other = live.model_copy(update={"rollback": live.rollback.model_copy(update={"restores": 2})})
    with pytest.raises(ReleaseAltered, match="restores"):
        released.check(other)


def newest_card(stack: Stack, run_id: str) -> Any:
    keys = [key for key in stack.keys("results") if key.startswith(f"reports/heart/{run_id}/editions/")]
    return stack.read_json(f"s3://clinrisk-results/{max(key for key in keys if key.endswith('.json'))}")


def test_both_cards_state_what_is_live_now_and_what_is_not_any_more(stack: Stack) -> None:
    release(stack, FIRST)
    stack.call("write_card", {"use_case": "heart", "live_version": 1})
    release(stack, SECOND, 1)
    stack.call("write_card", {"use_case": "heart", "live_version": 2})
    assert newest_card(stack, FIRST)["since"]["release"][0].startswith("NOT LIVE any more: version 2 took")
    assert newest_card(stack, SECOND)["since"]["release"][0].startswith("Released on ")
    live_version = roll_back(stack)["live_version"]
    for _ in range(2):
        stack.call("write_card", {"use_case": "heart", "live_version": live_version})
        restored, taken_out = (newest_card(stack, run)["since"]["release"] for run in (FIRST, SECOND))
        assert restored[0].startswith("Live again since ")
        assert "restored from version 1, as live version 3, in place of version 2" in restored[0]
        assert restored[1].endswith("/kim gave the reason: Version 2 flags too few women.")
        assert taken_out[0].startswith("NOT LIVE any more: rolled back on ")
        assert "in favour of version 3" in taken_out[0]
        assert "Version 2 flags too few women." in taken_out[0]
    assert newest_card(stack, FIRST)["edition"] == 4


def test_while_results_are_paused_no_mail_promises_that_batches_are_scored(stack: Stack) -> None:
    two_releases(stack)
    publish(stack, BATCH, 2)
    stack.call("set_pause", read_event("set_pause.heart"))
    text = roll_back(stack)["message"]
    assert "so nothing goes out yet" in text
    assert "clinrisk resume heart --reason TEXT" in text
    assert "From now on" not in text
    assert "within the hour" not in text
