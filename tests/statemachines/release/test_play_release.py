"""The release workflow, played: released, rejected, expired, overtaken, broken off, and asked again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.core.release.obstacles import outdated
from clinrisk.messages.live_changes import RollBackRequest, SetPauseRequest
from clinrisk.messages.release import ApprovalRequest, PromoteRequest, WriteCardRequest
from tests.statemachines.calls import ServiceError
from tests.statemachines.explaining import explain
from tests.statemachines.interpreter import TOKEN, NeverAnswersError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

RUN = "heart-0123456789"
PACKAGE = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/clinrisk-heart/7"
DIGESTS = {
    "model": "a" * 64,
    "manifest": "b" * 64,
    "evaluation": "d" * 64,
    "report": "c" * 64,
    "model_card": "1" * 64,
    "model_card_chai": "2" * 64,
    "model_card_hti1": "3" * 64,
    "code": "e" * 64,
    "features": "f" * 64,
    "image": "xgboost:3.2-0",
    "threshold": "0.31",
    "champion_version": "1",
}
CANDIDATE = {
    "use_case": "heart",
    "run_id": RUN,
    "package_arn": PACKAGE,
    "package_version": 7,
    "model_name": f"{RUN}-model-0",
    "digests": DIGESTS,
    "threshold": 0.31,
    "summary": "AUC .90",
    "unmet": [],
    "model_uri": f"s3://lake/models/heart/{RUN}/xgboost/{RUN}-xgboost-0/output/model.tar.gz",
    "reference_uri": f"s3://lake/training/heart/{RUN}/set/reference.json",
    "evaluation_uri": f"s3://lake/evaluation/heart/{RUN}/evaluation.json",
    "report_uri": f"s3://results/reports/heart/{RUN}/report.html",
}
OUTDATED = outdated(1, 2, RUN)


def cast(**changes: Any) -> dict[str, Any]:
    answers = {
        "Create Shadow Model": {"ModelArn": "arn"},
        "Plan Shadow": {"champion_version": 0, "batches": [], "reason": "No model is live yet."},
        "Name Shadow": {},
        "Replay Batch": {"TransformJobStatus": "Completed"},
        "Compare With Champion": {"ProcessingJobStatus": "Completed"},
        "Record Shadow": {"announce": False, "subject": "Shadow", "message": "It failed."},
        "Announce Failed Shadow": {"MessageId": "m"},
        "Retire Shadow": {},
        "Await Approval": {
            "approval_id": "ap-1",
            "decision": "APPROVED",
            "decided_at": "t",
            "reason": "fine",
        },
        "Verify Answer": {"genuine": True, "seconds_left": 0, "message": ""},
        "Announce Forged Answer": {"MessageId": "m"},
        "Expire Approval": {"reason": "Nobody decided in time."},
        "Roll Back Model": {
            "live_version": 3,
            "subject": "Rolled back",
            "message": "Version 1 is live again.",
        },
        "Await Countersignature": {},
        "Set Pause": {"live_version": 0, "subject": "Paused", "message": "Nothing goes out."},
        "Announce Change": {"MessageId": "m"},
        "Promote Candidate": {"live_version": 1, "subject": "Released", "message": "Version 1 is live."},
        "Mark Approved": {"ModelPackageArn": PACKAGE},
        "Announce Promotion": {"MessageId": "m"},
        "Write Card": {"edition": 2, "page": "s3://results/c", "new": True},
        "Withdraw Candidate": {"ModelPackageArn": PACKAGE},
        "Explain Failure": explain,
        "Announce Failed Release": {"MessageId": "m"},
    }
    return answers | {name.replace("_", " "): answer for name, answer in changes.items()}


def message(scene: Scene, state: str = "Announce Failed Release") -> str:
    [mail] = scene.stage.to(state)
    return str(mail.arguments["Message"])


def test_an_approved_candidate_is_released(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("release", CANDIDATE, RUN).status == "SUCCEEDED"
    [promote] = stage.stage.to("Promote Candidate")
    assert promote.payload == {
        "execution": f"arn:aws:states:eu-central-1:123456789012:execution:release:{RUN}",
        "use_case": "heart",
        "run_id": RUN,
        "package_arn": PACKAGE,
        "package_version": 7,
        "model_name": f"{RUN}-model-0",
        "digests": DIGESTS,
        "threshold": 0.31,
        "approval_id": "ap-1",
        "model_uri": f"s3://lake/models/heart/{RUN}/xgboost/{RUN}-xgboost-0/output/model.tar.gz",
        "reference_uri": f"s3://lake/training/heart/{RUN}/set/reference.json",
        "evaluation_uri": f"s3://lake/evaluation/heart/{RUN}/evaluation.json",
    }
    assert stage.stage.states[-3:] == ["Mark Approved", "Announce Promotion", "Write Card"]


def test_the_approver_gets_a_week_and_the_token_goes_to_the_function_alone(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("release", CANDIDATE, RUN)
    assert stage.stage.timeouts["Await Approval"] == 168 * 3600
    assert [call.state for call in stage.stage.calls if TOKEN in str(call.arguments)] == ["Await Approval"]


def test_a_no_withdraws_the_candidate(scene: Setting) -> None:
    stage = scene(cast(Await_Approval=ServiceError("ApprovalRejected", "Version 7 was rejected.")))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.error, end.cause) == ("CandidateRejected", "The approver said no.")
    [withdraw] = stage.stage.to("Withdraw Candidate")
    assert withdraw.arguments["ModelApprovalStatus"] == "Rejected"
    assert "Promote Candidate" not in stage.stage.states


FORGED = {"genuine": False, "seconds_left": 3600, "message": "Nobody has decided so."}
YES = {"approval_id": "ap-1", "decision": "APPROVED", "decided_at": "t", "reason": "fine"}


@pytest.mark.parametrize("made_up", [YES, ServiceError("ApprovalRejected", "No.")], ids=["yes", "no"])
def test_an_answer_that_nobody_gave_is_announced_and_the_question_asked_again(
    scene: Setting, made_up: Any
) -> None:
    genuine = cast()["Verify Answer"]
    stage = scene(cast(Await_Approval=[made_up, YES], Verify_Answer=[FORGED, genuine]))
    assert stage.run("release", CANDIDATE, RUN).status == "SUCCEEDED"
    [mail] = stage.stage.to("Announce Forged Answer")
    assert mail.arguments["Message"].startswith("Nobody has decided so.")
    assert [one.payload["error"]["Error"] for one in stage.stage.to("Verify Answer")] == [
        getattr(made_up, "error", ""),
        "",
    ]
    assert stage.stage.timeouts["Await Approval"] == 3600
    assert "Withdraw Candidate" not in stage.stage.states


def test_a_no_that_cannot_be_verified_is_not_reported_as_one(scene: Setting) -> None:
    no = ServiceError("ApprovalRejected", "No.")
    stage = scene(cast(Await_Approval=no, Verify_Answer=ServiceError("Lambda.Unknown")))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.status, end.error) == ("FAILED", "Lambda.Unknown")
    assert "said no" not in message(stage)


def test_a_silence_expires_and_withdraws_the_candidate(scene: Setting) -> None:
    stage = scene(cast(Await_Approval=NeverAnswersError()))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.error, end.cause) == ("ApprovalExpired", "Nobody decided in time.")
    expired = ["Expire Approval", "Withdraw Candidate", "Explain Failure", "Announce Failed Release"]
    assert stage.stage.states[-4:] == expired


def test_an_expiry_that_breaks_still_withdraws_and_expires(scene: Setting) -> None:
    stage = scene(cast(Await_Approval=NeverAnswersError(), Expire_Approval=ServiceError("DecisionMissing")))
    end = stage.run("release", CANDIDATE, RUN)
    # Whether anybody decided is what could not be found out.
    assert (end.error, end.cause) == ("ApprovalExpired", "No decision arrived in time.")
    assert "Withdraw Candidate" in stage.stage.states


def test_the_mail_does_not_deny_a_decision_that_was_recorded(scene: Setting) -> None:
    sentence = "A decision was recorded, but it did not reach the workflow in time."
    stage = scene(cast(Await_Approval=NeverAnswersError(), Expire_Approval={"reason": sentence}))
    assert stage.run("release", CANDIDATE, RUN).error == "ApprovalExpired"
    assert message(stage).startswith(f"{sentence} What is live stays as it is: clinrisk live heart")


def test_a_question_that_could_not_be_asked_leaves_nothing_pending(scene: Setting) -> None:
    stage = scene(cast(Await_Approval=ServiceError("KMSInternalException")))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.error, end.cause) == ("KMSInternalException", "It ended with KMSInternalException.")
    assert "Withdraw Candidate" in stage.stage.states


@pytest.mark.parametrize("error", ["EvidenceChanged", "DecisionMissing"])
def test_evidence_that_changed_after_the_decision_releases_nothing(scene: Setting, error: str) -> None:
    changed = ServiceError(error, json.dumps({"errorMessage": "The report changed."}))
    stage = scene(cast(Promote_Candidate=changed))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.error, end.cause) == (error, "The report changed.")
    assert "Withdraw Candidate" in stage.stage.states
    assert "Mark Approved" not in stage.stage.states


def test_a_candidate_that_another_release_overtook_is_withdrawn_with_the_reason_in_words(
    scene: Setting,
) -> None:
    overtaken = ServiceError("ChampionChanged", json.dumps({"errorMessage": OUTDATED}))
    stage = scene(cast(Promote_Candidate=overtaken))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.status, end.error, end.cause) == ("FAILED", "ChampionChanged", OUTDATED)
    assert len(stage.stage.to("Promote Candidate")) == 1
    [withdraw] = stage.stage.to("Withdraw Candidate")
    assert withdraw.arguments["ModelApprovalStatus"] == "Rejected"
    assert withdraw.arguments["ApprovalDescription"] == "Withdrawn: ChampionChanged"
    assert message(stage).startswith(f"{OUTDATED} What is live stays as it is: clinrisk live heart")
    [mail] = stage.stage.to("Announce Failed Release")
    assert "data_manager" in mail.arguments["MessageAttributes"]["audience"]["StringValue"]
    assert not {"Mark Approved", "Announce Promotion"} & set(stage.stage.states)


def test_nobody_is_asked_about_a_candidate_that_another_release_overtook(scene: Setting) -> None:
    overtaken = ServiceError("ChampionChanged", json.dumps({"errorMessage": OUTDATED}))
    stage = scene(cast(Await_Approval=overtaken))
    end = stage.run("release", CANDIDATE, RUN)
    assert (end.error, end.cause) == ("ChampionChanged", OUTDATED)
    [mail] = stage.stage.to("Announce Failed Release")
    assert mail.arguments["Subject"] == "A candidate was overtaken by another release: heart"
    assert f"clinrisk evaluate {RUN} --reason TEXT" in mail.arguments["Message"]
    assert {"Retire Shadow", "Withdraw Candidate"} <= set(stage.stage.states)
    assert "Promote Candidate" not in stage.stage.states


@pytest.mark.parametrize("state", ["Promote_Candidate", "Mark_Approved"])
def test_a_release_that_breaks_half_way_is_not_called_withdrawn(scene: Setting, state: str) -> None:
    # The live pointer may have moved already: the registry must not say the opposite.
    broken = {state: ServiceError("Lambda.Unknown")}
    stage = scene(cast(**broken))
    assert stage.run("release", CANDIDATE, RUN).status == "FAILED"
    assert "Withdraw Candidate" not in stage.stage.states
    assert message(stage).startswith(
        "It ended with Lambda.Unknown. Look with clinrisk live which model is live. Execution: "
    )
    [mail] = stage.stage.to("Announce Failed Release")
    assert mail.arguments["Subject"] == "The release broke off: heart"


@pytest.mark.parametrize(
    "error", ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout", "ServiceRefused"]
)
def test_a_promotion_that_breaks_half_way_is_completed_by_its_repetition(scene: Setting, error: str) -> None:
    answer = cast()["Promote Candidate"]
    stage = scene(cast(Promote_Candidate=[ServiceError(error), ServiceError(error), answer]))
    assert stage.run("release", CANDIDATE, RUN).status == "SUCCEEDED"
    assert stage.stage.states[-3:] == ["Mark Approved", "Announce Promotion", "Write Card"]


def test_a_mail_that_cannot_be_sent_does_not_hide_how_it_ended(scene: Setting) -> None:
    silent = cast(
        Await_Approval=ServiceError("ApprovalRejected"), Announce_Failed_Release=ServiceError("SNS.Down")
    )
    assert scene(silent).run("release", CANDIDATE, RUN).error == "CandidateRejected"


def test_a_withdrawal_that_breaks_does_not_hide_how_it_ended(scene: Setting) -> None:
    stuck = cast(
        Await_Approval=ServiceError("ApprovalRejected"), Withdraw_Candidate=ServiceError("SageMaker.Down")
    )
    assert scene(stuck).run("release", CANDIDATE, RUN).error == "CandidateRejected"


def test_a_release_that_cannot_be_announced_is_not_silently_fine(scene: Setting) -> None:
    stage = scene(cast(Announce_Promotion=ServiceError("SNS.Down")))
    assert stage.run("release", CANDIDATE, RUN).error == "PromotionUnannounced"


@pytest.mark.parametrize(
    ("answer", "subject"),
    [
        (ServiceError("ApprovalRejected"), "No new model for heart"),
        (NeverAnswersError(), "No new model for heart"),
    ],
)
def test_a_decision_against_it_is_mailed_under_a_subject_that_says_so(
    scene: Setting, answer: Exception, subject: str
) -> None:
    stage = scene(cast(Await_Approval=answer))
    stage.run("release", CANDIDATE, RUN)
    [mail] = stage.stage.to("Announce Failed Release")
    assert mail.arguments["Subject"] == subject


def test_the_words_of_whoever_answered_the_task_token_are_not_mailed(scene: Setting) -> None:
    forged = ServiceError("ApprovalRejected", json.dumps({"errorMessage": ""}) + "patient 4711")
    stage = scene(cast(Await_Approval=forged))
    assert stage.run("release", CANDIDATE, RUN).cause == "The approver said no."
    assert "4711" not in message(stage)


def test_what_it_asks_and_promotes_fits_the_functions_that_are_asked(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("release", CANDIDATE, RUN)
    [ask], [promote] = stage.stage.to("Await Approval"), stage.stage.to("Promote Candidate")
    asked = ApprovalRequest.model_validate_json(json.dumps(ask.payload))
    promoted = PromoteRequest.model_validate_json(json.dumps(promote.payload))
    assert asked.digests == promoted.digests
    assert (asked.report_uri, promoted.model_uri) == (CANDIDATE["report_uri"], CANDIDATE["model_uri"])


def test_a_question_is_asked_again_with_the_same_input_under_another_name(scene: Setting) -> None:
    """The names of the first release's jobs are used up; all that belongs to the candidate stays the same."""
    batch = {
        "upload_id": "1" * 20,
        "rows": 90,
        "predictions": "s3://lake/predictions/heart/11111111111111111111.parquet",
    }
    planned = {"champion_version": 1, "batches": [batch], "reason": ""}
    states = ("Create Shadow Model", "Replay Batch", "Compare With Champion")
    members = ("ModelName", "TransformJobName", "ProcessingJobName")
    names: list[set[str]] = []
    asked: list[dict[str, Any]] = []
    for execution in (RUN, f"{RUN}-2"):
        stage = scene(cast(Plan_Shadow=planned))
        assert stage.run("release", CANDIDATE, execution).status == "SUCCEEDED"
        names.append(
            {
                stage.stage.to(state)[0].arguments[member]
                for state, member in zip(states, members, strict=True)
            }
        )
        [ask] = stage.stage.to("Await Approval")
        asked.append({name: value for name, value in ask.payload.items() if name != "execution"})
    assert not names[0] & names[1]
    assert asked[0] == asked[1]


def test_no_name_of_a_job_is_longer_than_sagemaker_takes(scene: Setting) -> None:
    longest = "a-use-case-with-a-long-na-0123456789abcd"
    batches = [
        {"upload_id": f"{n}" * 20, "rows": 9, "predictions": f"s3://lake/predictions/heart/{n}.parquet"}
        for n in range(8)
    ]
    stage = scene(cast(Plan_Shadow={"champion_version": 1, "batches": batches, "reason": ""}))
    run = CANDIDATE | {"run_id": longest}
    assert len(longest) == 40
    assert stage.run("release", run, longest).status == "SUCCEEDED"
    calls = [*stage.stage.to("Replay Batch"), *stage.stage.to("Compare With Champion")]
    names = [
        value for call in calls for name, value in call.arguments.items() if name.endswith("JobName")
    ] + [call.arguments["ModelName"] for call in stage.stage.to("Create Shadow Model")]
    assert len(names) == 10
    assert max(map(len, names)) <= 63


def test_the_card_states_the_release_under_its_live_version(scene: Setting) -> None:
    stage = scene(cast(Promote_Candidate={"live_version": 4, "subject": "Released", "message": "Live."}))
    stage.run("release", CANDIDATE, RUN)
    [card] = stage.stage.to("Write Card")
    assert WriteCardRequest.model_validate(card.payload).live_version == 4


@pytest.mark.parametrize("announced", [{"MessageId": "m"}, ServiceError("SNS.Down")])
def test_a_card_that_cannot_be_written_fails_the_run_and_is_announced(scene: Setting, announced: Any) -> None:
    stage = scene(cast(Write_Card=ServiceError("Lambda.Down"), Announce_Unwritten_Card=announced))
    assert stage.run("release", CANDIDATE, RUN).error == "CardUnwritten"
    assert "Announce Promotion" in stage.stage.states
    sent = stage.stage.to("Announce Unwritten Card")[0].arguments
    assert sent["Message"].startswith("Live version 1 is live, but no edition of its model card states so.")


PERSON = {"person": "arn:aws:iam::1:user/kim", "reason": "Too few women are flagged.", "use_case": "heart"}
CHANGES: dict[str, dict[str, Any]] = {
    "Roll Back Model": {"change": "ROLL_BACK", "to_version": 1, "from_version": 2, **PERSON},
    "Set Pause": {"change": "PAUSE", **PERSON},
}
RESUME = {"change": "RESUME", **PERSON}


@pytest.mark.parametrize("state", CHANGES)
def test_what_people_change_is_made_and_announced_and_nobody_is_asked_about_a_candidate(
    scene: Setting, state: str
) -> None:
    stage = scene(cast())
    assert stage.run("release", CHANGES[state], "change-1").status == "SUCCEEDED"
    card = ["Write Card"] if state == "Roll Back Model" else []
    assert stage.stage.states == [state, "Announce Change", *card]
    assert [one.payload["live_version"] for one in stage.stage.to("Write Card")] == [3 for _ in card]
    [mail] = stage.stage.to("Announce Change")
    assert mail.arguments["Message"] == cast()[state]["message"]
    assert "data_manager" in str(mail.arguments["MessageAttributes"])


@pytest.mark.parametrize("state", CHANGES)
def test_a_change_that_is_refused_ends_with_the_reason_and_a_mail(scene: Setting, state: str) -> None:
    refused = ServiceError("ChangeRefused", json.dumps({"errorMessage": "Version 2 is not live."}))
    stage = scene(cast(**{state: refused}))
    end = stage.run("release", CHANGES[state], "change-1")
    assert (end.error, end.cause) == ("ChangeRefused", "Version 2 is not live.")
    assert message(stage).startswith("Version 2 is not live. See ")


@pytest.mark.parametrize("state", CHANGES)
def test_a_change_that_no_mail_announces_is_not_silently_fine(scene: Setting, state: str) -> None:
    stage = scene(cast(Announce_Change=ServiceError("SNS.InternalErrorException")))
    assert stage.run("release", CHANGES[state], "change-1").error == "ChangeUnannounced"


def test_changes_fit_the_messages_of_their_functions(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("release", CHANGES["Roll Back Model"], "change-1")
    stage.run("release", RESUME, "change-2")
    [rollback], [ask] = stage.stage.to("Roll Back Model"), stage.stage.to("Await Countersignature")
    [resume] = stage.stage.to("Set Pause")
    assert RollBackRequest.model_validate(rollback.payload).from_version == 2
    asked = SetPauseRequest.model_validate(ask.payload)
    assert (asked.change, asked.task_token) == ("ASK_RESUME", TOKEN)
    assert SetPauseRequest.model_validate(resume.payload).change == "RESUME"
    assert resume.payload["execution"] == ask.payload["execution"]


def test_a_pause_ends_after_an_approver_was_asked_for_a_week(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("release", RESUME, "change-1").status == "SUCCEEDED"
    assert stage.stage.states == ["Await Countersignature", "Set Pause", "Announce Change"]
    assert stage.stage.timeouts["Await Countersignature"] == 7 * 24 * 3600


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            ServiceError("ChangeRefused", json.dumps({"errorMessage": "Refused by Ann Lee."})),
            "ChangeRefused",
            "Refused by Ann Lee.",
        ),
        (NeverAnswersError(), "ApprovalExpired", "No decision arrived in time."),
    ],
    ids=["refused", "silent"],
)
def test_without_an_approvers_word_a_pause_goes_on_and_a_mail_says_so(
    scene: Setting, answer: Any, error: str, words: str
) -> None:
    stage = scene(cast(Await_Countersignature=answer))
    assert stage.run("release", RESUME, "change-1").error == error
    assert "Set Pause" not in stage.stage.states
    [mail] = stage.stage.to("Announce Failed Release")
    assert mail.arguments["Subject"] == "Results stay paused: heart"
    assert message(stage).startswith(f"{words} To ask again: clinrisk resume heart --reason TEXT")
