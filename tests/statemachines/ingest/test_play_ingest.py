"""The ingest workflow, played: every disposition, every purpose, and whatever may break on the way."""

from __future__ import annotations

import io
import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import resource_eval_s3

from clinrisk.messages.ingest import DecideRequest
from tests.statemachines.calls import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

UPLOAD_ID = "0123456789abcdef0123"
EVENT = {
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {
        "bucket": {"name": "inbox"},
        "object": {
            "key": "inbox/heart/training/march.csv",
            "size": 900,
            "version-id": "v1",
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}
THROTTLED = ServiceError("Lambda.TooManyRequestsException", "Rate exceeded")


def upload(purpose: str = "training") -> dict[str, Any]:
    return {
        "bucket": "inbox",
        "key": f"inbox/heart/{purpose}/march.csv",
        "version_id": "v1",
        "size": 900,
        "use_case": "heart",
        "purpose": purpose,
        "upload_id": UPLOAD_ID,
        "sha256": "a" * 64,
    }


def claimed(purpose: str = "training", **changes: Any) -> dict[str, Any]:
    base = {"disposition": "CLAIMED", "upload": upload(purpose), "receipt": None}
    return base | {"subject": None, "message": None} | changes


def settled(**changes: Any) -> dict[str, Any]:
    base = {"disposition": "ACCEPTED", "rows_accepted": 9, "rows_quarantined": 0, "labelled_rows": 9}
    mail = {
        "receipt": {"uri": "s3://results/r", "sha256": "b" * 64},
        "subject": "March",
        "message": "9 rows.",
    }
    return base | mail | {"train": True, "announce": False} | changes


def cast(purpose: str = "training", **changes: Any) -> dict[str, Any]:
    """Everybody does well, but for the changes."""
    chunks = [{"index": n, "start": n, "end": n + 1, "first_row": n + 1} for n in range(3)]
    answers = {
        "Claim Upload": claimed(purpose),
        "Plan Chunks": {"refused": False, "large": False, "chunks": chunks, "header": ["age", "sex"]},
        "Build Features": lambda call: {"index": call.payload["chunk"]["index"]},
        "Build Features Of A Large File": lambda call: {"index": call.payload["chunk"]["index"]},
        "Reconcile Chunks": {"used": True, "finish": True},
        "Write Features": lambda call: {"index": call.payload["chunk"]["index"]},
        "Write Features Of A Large File": lambda call: {"index": call.payload["chunk"]["index"]},
        "Commit Upload": settled(),
        "Park Upload": {"subject": "Upload failed", "message": "It broke.", "reason": "It.", "receipt": None},
        "Keep Why It Was Not Built": {},
        "Keep Why It Was Not Written": {},
        "Keep Event": {"MessageId": "m"},
        "Join Outcomes": JOINED,
        "Start Training": {"ExecutionArn": "arn"},
        "Start Scoring": {"ExecutionArn": "arn"},
    }
    announcements = (
        "Receipt",
        "Rejected Upload",
        "Held Upload",
        "Failed Upload",
        "Stalled Upload",
        "Failed Decision",
    )
    mails = {f"Announce {what}": {"MessageId": "m"} for what in announcements}
    return answers | mails | {name.replace("_", " "): answer for name, answer in changes.items()}


JOINED = {"joined": 9, "announce": False, "subject": "Outcomes", "message": "Two exclude one another."}


def audience(arguments: dict[str, Any]) -> str:
    return str(arguments["MessageAttributes"]["audience"]["StringValue"])


def test_an_accepted_training_file_starts_a_training(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    [start] = stage.stage.to("Start Training")
    assert start.arguments["Name"] == "heart-0123456789"
    assert start.arguments["Input"] == {"use_case": "heart", "reason": f"upload {UPLOAD_ID}"}
    assert not [name for name in stage.stage.states if name.startswith("Announce")]


def test_the_claim_gets_the_facts_of_the_event(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("ingest", EVENT)
    facts = {"bucket": "inbox", "key": "inbox/heart/training/march.csv", "version_id": "v1", "size": 900}
    facts |= {"sequencer": "0055AED6DCD90281E5"}
    [claim] = stage.stage.to("Claim Upload")
    execution = claim.payload.pop("execution")
    assert claim.payload == facts
    assert execution.endswith(":execution-1")


def test_every_chunk_is_built_and_then_written(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("ingest", EVENT)
    for state in ("Build Features", "Write Features"):
        calls = stage.stage.to(state)
        assert sorted(call.payload["chunk"]["index"] for call in calls) == [0, 1, 2]
        for call in calls:
            assert (call.payload["upload"], call.payload["header"]) == (upload(), ["age", "sex"])
            assert call.payload["execution"].endswith(":execution-1")
    assert all(call.payload["used"] for call in stage.stage.to("Write Features"))
    order = list(dict.fromkeys(stage.stage.states))
    assert order[2:6] == ["Build Features", "Reconcile Chunks", "Write Features", "Commit Upload"]
    [commit] = stage.stage.to("Commit Upload")
    assert commit.payload.keys() == {"execution", "upload", "refused"}


@pytest.mark.parametrize(("used", "finish", "written"), [(False, False, 0), (False, True, 3)])
def test_a_file_that_will_be_rejected_is_written_nowhere(
    scene: Setting, *, used: bool, finish: bool, written: int
) -> None:
    rejected = settled(disposition="REJECTED", subject="Too many bad rows")
    stage = scene(cast(Reconcile_Chunks={"used": used, "finish": finish}, Commit_Upload=rejected))
    assert stage.run("ingest", EVENT).error == "UploadRejected"
    # Chunks that share ids are built again, so that the receipt counts rightly; nothing else happens.
    calls = stage.stage.to("Write Features")
    assert [call.payload["used"] for call in calls] == [False] * written


LARGE = {"refused": False, "large": True, "chunks": [], "header": ["age", "sex"]}


def stored_plan(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Store a plan of 50 chunks; gives where it is looked for."""
    chunks = [{"index": n, "start": n, "end": n + 1, "first_row": n + 1} for n in range(50)]
    asked = []

    def read(**located: str) -> dict[str, Any]:
        asked.append(located)
        return {"Body": io.BytesIO(json.dumps(chunks).encode())}

    monkeypatch.setattr(resource_eval_s3, "boto_client_for", lambda **_: SimpleNamespace(get_object=read))
    return asked


def test_the_chunks_of_a_large_file_come_from_the_stored_plan(
    scene: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = stored_plan(monkeypatch)
    stage = scene(cast(Plan_Chunks=LARGE))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert asked == [{"Bucket": "lake", "Key": f"chunks/heart/{UPLOAD_ID}/plan.json"}] * 2
    for state in ("Build Features Of A Large File", "Write Features Of A Large File"):
        calls = stage.stage.to(state)
        assert sorted(call.payload["chunk"]["index"] for call in calls) == list(range(50))
        assert all(call.payload["upload"] == upload() for call in calls)
    assert not stage.stage.to("Build Features")


@pytest.mark.parametrize(
    ("state", "keeps"),
    [
        ("Build Features Of A Large File", "Keep Why It Was Not Built"),
        ("Write Features Of A Large File", "Keep Why It Was Not Written"),
    ],
)
@pytest.mark.parametrize("kept", [{}, ServiceError("DynamoDB.ConditionalCheckFailedException")])
def test_a_chunk_of_a_large_file_that_fails_leaves_its_error_with_the_claim(
    scene: Setting, monkeypatch: pytest.MonkeyPatch, state: str, keeps: str, kept: Any
) -> None:
    stored_plan(monkeypatch)

    def answer(call: Any) -> Any:
        if call.payload["chunk"]["index"] == 7:
            raise ServiceError("CountsDisagree", "It says why." + "x" * 5000)
        return {"index": call.payload["chunk"]["index"]}

    stage = scene(cast(Plan_Chunks=LARGE) | {state: answer, keeps: kept})
    assert stage.run("ingest", EVENT).error == "UploadFailed"
    [keep] = stage.stage.to(keeps)
    assert keep.arguments["Key"] == {"pk": {"S": f"UPLOAD#{UPLOAD_ID}"}, "sk": {"S": "STATE"}}
    values = keep.arguments["ExpressionAttributeValues"]
    assert values[":why"]["M"]["Error"] == {"S": "CountsDisagree"}
    assert values[":why"]["M"]["Cause"]["S"] == ("It says why." + "x" * 5000)[:2000]
    assert values[":execution"]["S"].endswith(":execution-1")
    [park] = stage.stage.to("Park Upload")
    assert park.payload["error"]["Error"] == "States.ExceedToleratedFailureThreshold"


def test_an_upload_waits_while_the_same_bytes_are_read_from_another(scene: Setting) -> None:
    busy = ServiceError("SameBytesInProgress")
    stage = scene(cast(Claim_Upload=[busy] * 9 + [claimed(disposition="DUPLICATE", upload=None)]))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert stage.stage.states == ["Claim Upload"] * 10


def test_an_upload_whose_bytes_are_read_for_too_long_is_parked(scene: Setting) -> None:
    stage = scene(cast(Claim_Upload=ServiceError("SameBytesInProgress")))
    assert stage.run("ingest", EVENT).error == "UploadFailed"
    assert len(stage.stage.to("Claim Upload")) == 121
    [park] = stage.stage.to("Park Upload")
    assert park.payload["error"]["Error"] == "SameBytesInProgress"


def test_the_commit_waits_for_the_offline_store(scene: Setting) -> None:
    behind = ServiceError("OfflineStoreBehind")
    stage = scene(cast(Commit_Upload=[behind] * 3 + [settled()]))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert len(stage.stage.to("Commit Upload")) == 4


def test_too_few_labels_start_nothing(scene: Setting) -> None:
    stage = scene(cast(Commit_Upload=settled(train=False)))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert "Start Training" not in stage.stage.states


def test_an_inference_file_starts_scoring_under_its_own_name(scene: Setting) -> None:
    stage = scene(cast("inference"))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    [start] = stage.stage.to("Start Scoring")
    assert start.arguments["Name"] == f"heart-{UPLOAD_ID}"
    assert start.arguments["Input"] == {
        "upload": upload("inference"),
        "rows_accepted": 9,
        "attempt": "",
    }


@pytest.mark.parametrize("purpose", ["outcomes", "feedback"])
def test_what_answers_predictions_is_joined_to_them(scene: Setting, purpose: str) -> None:
    stage = scene(cast(purpose))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert stage.stage.states[-1] == "Join Outcomes"


@pytest.mark.parametrize(
    ("announced", "subject", "message"),
    [
        (False, "Outcomes", "Two exclude one another."),
        (True, "March was used in part", "Rows used: 9.\n\nTwo exclude one another."),
    ],
)
def test_unclear_outcomes_are_mailed_once_with_what_the_receipt_says(
    scene: Setting, *, announced: bool, subject: str, message: str
) -> None:
    receipt = settled(announce=announced, subject="March was used in part", message="Rows used: 9.")
    unclear = JOINED | {"announce": True}
    stage = scene(cast("outcomes", Commit_Upload=receipt, Join_Outcomes=unclear))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    [mail] = stage.stage.to("Announce Receipt")
    assert (mail.arguments["Subject"], mail.arguments["Message"]) == (subject, message)


@pytest.mark.parametrize("disposition", ["IGNORED", "DUPLICATE", "REPEATED"])
def test_what_needs_nothing_done_ends_well_and_quietly(scene: Setting, disposition: str) -> None:
    stage = scene(cast(Claim_Upload=claimed(disposition=disposition, upload=None)))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert stage.stage.states == ["Claim Upload"]


def test_a_file_rejected_at_the_door_ends_failed_after_a_mail_to_the_data_manager(scene: Setting) -> None:
    rejected = claimed(disposition="REJECTED", upload=None, subject="March was rejected", message="Header.")
    stage = scene(cast(Claim_Upload=rejected))
    end = stage.run("ingest", EVENT)
    assert (end.status, end.error, end.cause) == ("FAILED", "UploadRejected", "March was rejected")
    [mail] = stage.stage.to("Announce Rejected Upload")
    assert (mail.arguments["Message"], audience(mail.arguments)) == ("Header.", "data_manager")


def test_a_file_rejected_at_commit_starts_nothing(scene: Setting) -> None:
    stage = scene(cast(Commit_Upload=settled(disposition="REJECTED", subject="Too many bad rows")))
    assert stage.run("ingest", EVENT).error == "UploadRejected"
    assert "Start Training" not in stage.stage.states


def test_a_table_that_its_reading_refuses_is_settled_without_a_chunk(scene: Setting) -> None:
    refused = {"refused": True, "large": False, "chunks": [], "header": []}
    stage = scene(cast(Plan_Chunks=refused, Commit_Upload=settled(disposition="REJECTED")))
    assert stage.run("ingest", EVENT).error == "UploadRejected"
    assert {"Build Features", "Reconcile Chunks"}.isdisjoint(stage.stage.states)
    [commit] = [call for call in stage.stage.calls if call.state == "Commit Upload"]
    assert commit.payload["refused"]


def test_a_partly_used_file_is_used_and_announced(scene: Setting) -> None:
    stage = scene(cast(Commit_Upload=settled(disposition="PARTIAL", announce=True)))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert stage.stage.states[-2:] == ["Start Training", "Announce Receipt"]


def test_an_unknown_disposition_is_never_silently_fine(scene: Setting) -> None:
    odd = claimed(disposition="ODD", upload=None)
    stage = scene(cast(Claim_Upload=odd, Plan_Chunks=ServiceError("ValidationError", "upload")))
    assert stage.run("ingest", EVENT).error == "UploadFailed"


@pytest.mark.parametrize(
    "state",
    ["Claim Upload", "Plan Chunks", "Build Features", "Reconcile Chunks", "Write Features", "Commit Upload"],
)
def test_whatever_breaks_is_parked_announced_and_failed(scene: Setting, state: str) -> None:
    stage = scene(cast() | {state: ServiceError("CountsDisagree", "{}")})
    end = stage.run("ingest", EVENT)
    assert (end.status, end.error) == ("FAILED", "UploadFailed")
    assert end.cause == "It. Upload failed"
    [park] = stage.stage.to("Park Upload")
    assert park.payload["error"] == {"Error": "CountsDisagree", "Cause": "{}"}
    assert park.payload["upload"] == (None if state == "Claim Upload" else upload())
    assert (park.payload["bucket"], park.payload["version_id"]) == ("inbox", "v1")
    [kept] = stage.stage.to("Keep Event")
    assert json.loads(kept.arguments["MessageBody"]) == EVENT
    assert kept.arguments["MessageAttributes"]["reason"]["StringValue"] == "It."
    [mail] = stage.stage.to("Announce Failed Upload")
    assert audience(mail.arguments) == '["operator", "data_manager"]'


def test_a_throttled_call_is_tried_again_with_growing_pauses(scene: Setting) -> None:
    stage = scene(cast(Claim_Upload=[THROTTLED, THROTTLED, claimed()]))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert len(stage.stage.to("Claim Upload")) == 3
    assert len(stage.stage.pauses) == 2
    assert all(pause <= 10 for pause in stage.stage.pauses)


def test_tries_are_bounded(scene: Setting) -> None:
    """A busy account is waited for, some hours at most; a service that is broken is not."""
    for error, tries in (THROTTLED, 200), (ServiceError("Lambda.ServiceException"), 5):
        stage = scene(cast(Plan_Chunks=error))
        assert stage.run("ingest", EVENT).error == "UploadFailed"
        assert len(stage.stage.to("Plan Chunks")) == 1 + tries


def test_our_own_refusals_are_not_tried_again(scene: Setting) -> None:
    stage = scene(cast(Commit_Upload=ServiceError("CountsDisagree")))
    stage.run("ingest", EVENT)
    assert len(stage.stage.to("Commit Upload")) == 1


def test_a_park_that_breaks_still_ends_announced_and_failed(scene: Setting) -> None:
    stage = scene(cast(Plan_Chunks=ServiceError("ObjectMissing"), Park_Upload=ServiceError("KMSInternal")))
    assert stage.run("ingest", EVENT).error == "UploadFailed"
    [mail] = stage.stage.to("Announce Failed Upload")
    assert "ObjectMissing" in mail.arguments["Message"]
    assert "KMSInternal" in mail.arguments["Message"]
    assert stage.stage.to("Keep Event")


def test_an_event_without_version_or_sequencer_is_still_claimed(scene: Setting) -> None:
    stage = scene(cast())
    bare = {"key": "inbox/heart/training/march.csv", "size": 900}
    stage.run("ingest", EVENT | {"detail": {"bucket": {"name": "inbox"}, "object": bare}})
    [claim] = stage.stage.to("Claim Upload")
    assert (claim.payload["version_id"], claim.payload["sequencer"]) == ("null", "")


@pytest.mark.parametrize("error", ["Runtime.ExitError", "Sandbox.Timedout", "ServiceRefused"])
def test_a_crash_or_a_refusal_is_tried_twice_more(scene: Setting, error: str) -> None:
    stage = scene(cast(Build_Features=ServiceError(error)))
    assert stage.run("ingest", EVENT).error == "UploadFailed"
    assert len(stage.stage.to("Build Features")) >= 1 + 2


def test_a_mail_that_cannot_be_sent_does_not_hide_the_failure(scene: Setting) -> None:
    stage = scene(
        cast(Plan_Chunks=ServiceError("ObjectMissing"), Announce_Failed_Upload=ServiceError("SNS.Down"))
    )
    assert stage.run("ingest", EVENT).error == "UploadFailed"
    assert len(stage.stage.to("Announce Failed Upload")) == 1 + 5


def test_a_receipt_that_cannot_be_mailed_is_not_silently_fine(scene: Setting) -> None:
    partial = settled(disposition="PARTIAL", announce=True)
    stage = scene(cast(Commit_Upload=partial, Announce_Receipt=ServiceError("SNS.Down")))
    assert stage.run("ingest", EVENT).error == "ReceiptUnannounced"


def test_a_training_that_runs_already_is_the_one_that_was_wanted(scene: Setting) -> None:
    exists = ServiceError("StepFunctions.ExecutionAlreadyExistsException")
    stage = scene(cast(Start_Training=exists))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert len(stage.stage.to("Start Training")) == 1


@pytest.mark.parametrize(
    ("purpose", "state"),
    [("training", "Start Training"), ("inference", "Start Scoring"), ("outcomes", "Join Outcomes")],
)
def test_a_committed_upload_is_never_parked(scene: Setting, purpose: str, state: str) -> None:
    stage = scene(cast(purpose) | {state: ServiceError("StepFunctions.Down")})
    end = stage.run("ingest", EVENT)
    assert (end.status, end.error) == ("FAILED", "UploadStalled")
    assert "Park Upload" not in stage.stage.states
    [mail] = stage.stage.to("Announce Stalled Upload")
    assert audience(mail.arguments) == "operator"


DECISION = {"upload_id": UPLOAD_ID, "decision": "LET_THROUGH", "person": "anna", "reason": "Checked."}


def decided(purpose: str, **changes: Any) -> dict[str, Any]:
    """Return the answer of Decide Upload."""
    base = {"refused": "", "upload": upload(purpose), "disposition": "ACCEPTED", "rows_accepted": 9}
    base |= {
        "train": True,
        "announce": True,
        "let_through": True,
        "subject": "March",
        "message": "Let through.",
    }
    return base | changes


def test_a_held_file_starts_nothing_and_both_hear_of_it(scene: Setting) -> None:
    stage = scene(cast("inference", Commit_Upload=settled(disposition="HELD", announce=True)))
    end = stage.run("ingest", EVENT)
    assert (end.status, end.error) == ("FAILED", "UploadHeld")
    assert stage.stage.states[-1] == "Announce Held Upload"
    assert audience(stage.stage.calls[-1].arguments) == '["operator", "data_manager"]'


@pytest.mark.parametrize(
    ("purpose", "then"),
    [("inference", "Start Scoring"), ("training", "Start Training"), ("outcomes", "Join Outcomes")],
)
def test_what_is_let_through_goes_on_as_if_it_had_been_accepted(
    scene: Setting, purpose: str, then: str
) -> None:
    stage = scene(cast(Decide_Upload=decided(purpose)))
    assert stage.run("ingest", DECISION).status == "SUCCEEDED"
    assert stage.stage.states == ["Decide Upload", then, "Announce Receipt"]
    [asked] = stage.stage.to("Decide Upload")
    assert DecideRequest.model_validate(asked.payload).reason == "Checked."


def test_each_decision_to_let_a_batch_through_starts_a_scoring_of_its_own(scene: Setting) -> None:
    names = set()
    for execution in ("decide-1", "decide-2"):
        stage = scene(cast(Decide_Upload=decided("inference")))
        stage.run("ingest", DECISION, name=execution)
        [start] = stage.stage.to("Start Scoring")
        assert re.fullmatch(f"heart-{UPLOAD_ID}-let[0-9a-f]{{4}}", start.arguments["Name"])
        assert start.arguments["Name"].endswith(start.arguments["Input"]["attempt"])
        names.add(start.arguments["Name"])
    assert len(names) == 2


@pytest.mark.parametrize(
    ("purpose", "states"),
    [
        ("inference", ["Decide Upload", "Announce Receipt"]),
        ("training", ["Decide Upload", "Announce Receipt"]),
        ("outcomes", ["Decide Upload", "Join Outcomes", "Announce Receipt"]),
        ("feedback", ["Decide Upload", "Join Outcomes", "Announce Receipt"]),
    ],
)
def test_what_is_withdrawn_starts_nothing_but_answers_are_joined_anew(
    scene: Setting, purpose: str, states: list[str]
) -> None:
    withdrawn = decided(purpose, disposition="WITHDRAWN", let_through=False)
    stage = scene(cast(Decide_Upload=withdrawn))
    assert stage.run("ingest", DECISION | {"decision": "WITHDRAW"}).status == "SUCCEEDED"
    assert stage.stage.states == states


def test_a_decision_that_is_refused_says_why_and_mails_nobody(scene: Setting) -> None:
    refusal = decided("inference", refused="The upload is ACCEPTED, not HELD.", upload=None)
    stage = scene(cast(Decide_Upload=refusal))
    end = stage.run("ingest", DECISION)
    assert (end.error, end.cause) == ("DecisionRefused", "The upload is ACCEPTED, not HELD.")
    assert stage.stage.states == ["Decide Upload"]


def test_a_decision_that_breaks_is_announced(scene: Setting) -> None:
    stage = scene(cast(Decide_Upload=ServiceError("Defect")))
    assert stage.run("ingest", DECISION).error == "DecisionFailed"
    assert stage.stage.states[-1] == "Announce Failed Decision"


def test_a_repeated_commit_of_what_was_withdrawn_starts_nothing(scene: Setting) -> None:
    stage = scene(cast("inference", Commit_Upload=settled(disposition="WITHDRAWN")))
    assert stage.run("ingest", EVENT).status == "SUCCEEDED"
    assert "Start Scoring" not in stage.stage.states
