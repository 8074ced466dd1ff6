"""A definition reads like a procedure, leads nowhere by accident, and names only what exists."""

from __future__ import annotations

import ast
import inspect
import re
from typing import TYPE_CHECKING, Any

import jsonata
import pytest
import yaml
from statelint.linter import Linter

from clinrisk import errors
from clinrisk.core.operations import stuck_batches, stuck_questions
from tests.statemachines.definitions import (
    MACHINES,
    LocatedState,
    definition,
    everything,
    inner_machines,
    placeholders,
    substitutions,
    successors,
    text,
    value_of,
    with_plain_limits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCATED = everything()
TASKS = [located for located in LOCATED if located.state["Type"] == "Task"]
ENDS = {"Succeed", "Fail"}
MAIN_LINE = [located for located in LOCATED if located.siblings == definition(located.machine)["States"]]

# Names that Step Functions or the service itself gives (Step Functions developer guide, "Handling errors" and
# the pages of each integration).
FROM_AWS = {
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "SageMaker.AmazonSageMakerException",
    "SageMaker.SageMakerException",
    "SageMaker.SdkClientException",
    "DynamoDB.ConditionalCheckFailedException",
    "DynamoDB.InternalServerErrorException",
    "DynamoDB.ProvisionedThroughputExceededException",
    "DynamoDB.RequestLimitExceededException",
    "DynamoDB.ThrottlingException",
    "DynamoDB.SdkClientException",
    "StepFunctions.ExecutionAlreadyExistsException",
}
OURS = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.ClinriskError)
}


def every_string(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from every_string(item)
    elif isinstance(value, list):
        for item in value:
            yield from every_string(item)


@pytest.mark.parametrize("machine", MACHINES)
def test_statelint_finds_nothing(machine: str) -> None:
    assert Linter.validate(with_plain_limits(definition(machine))) == []


def test_statelint_would_find_a_fault() -> None:
    given = definition("scoring")
    given["States"]["Compare With Champion"]["Nxet"] = given["States"]["Compare With Champion"].pop("Next")
    assert Linter.validate(given) != []


@pytest.mark.parametrize("machine", MACHINES)
def test_the_second_line_says_jsonata(machine: str) -> None:
    assert text(machine).splitlines()[1] == "QueryLanguage: JSONata"


@pytest.mark.parametrize("machine", MACHINES)
def test_every_placeholder_is_substituted_and_every_substitution_is_used(machine: str) -> None:
    assert placeholders(machine) == set(substitutions(machine))


@pytest.mark.parametrize("machine", MACHINES)
def test_nothing_is_left_unsubstituted(machine: str) -> None:
    assert [text for text in every_string(definition(machine)) if "${" in text] == []


@pytest.mark.parametrize("machine", MACHINES)
def test_every_expression_parses(machine: str) -> None:
    for expression in every_string(definition(machine)):
        if expression.startswith("{%"):
            assert expression.endswith("%}")
            jsonata.Jsonata.jsonata(expression[2:-2].strip())
        else:
            assert "%}" not in expression


@pytest.mark.parametrize("located", LOCATED, ids=str)
def test_every_next_exists(located: LocatedState) -> None:
    assert set(successors(located.state)) <= set(located.siblings)


@pytest.mark.parametrize("located", LOCATED, ids=str)
def test_every_state_says_where_it_goes(located: LocatedState) -> None:
    state = located.state
    ways = ("Next" in state) + bool(state.get("End")) + (state["Type"] in ENDS) + (state["Type"] == "Choice")
    assert ways == 1


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_reached(machine: str) -> None:
    def check(inner: dict[str, Any]) -> None:
        states: dict[str, dict[str, Any]] = inner["States"]
        reached, waiting = {inner["StartAt"]}, [inner["StartAt"]]
        while waiting:
            following = set(successors(states[waiting.pop()])) - reached
            reached |= following
            waiting += following
        assert reached == set(states)
        for state in states.values():
            for deeper in inner_machines(state):
                check(deeper)

    check(definition(machine))


@pytest.mark.parametrize("located", TASKS, ids=str)
def test_every_task_says_why_and_for_how_long(located: LocatedState) -> None:
    assert located.state["Comment"].endswith((".", "?"))
    assert located.state["TimeoutSeconds"]


@pytest.mark.parametrize("located", TASKS, ids=str)
def test_every_task_retries_what_may_pass(located: LocatedState) -> None:
    if located.state["Resource"].endswith(".sync"):
        # A job that came to nothing asks for another turn: whether it may have one is the core's to say.
        again = located.state["Catch"][0]
        assert again["ErrorEquals"] == ["States.TaskFailed"]
        wait = located.siblings[again["Next"]]
        assert again["Next"].startswith("Wait To ")
        assert wait["Next"] == located.name
        return
    tries = [retrier for retrier in located.state["Retry"] if retrier.get("MaxAttempts") != 0]
    assert tries
    assert all(retrier["JitterStrategy"] == "FULL" for retrier in tries)


@pytest.mark.parametrize("located", [p for p in TASKS if ":lambda:invoke" in p.state["Resource"]], ids=str)
def test_every_call_of_a_function_waits_while_the_account_is_busy(located: LocatedState) -> None:
    [busy] = [
        one for one in located.state["Retry"] if "Lambda.TooManyRequestsException" in one["ErrorEquals"]
    ]
    assert busy["MaxAttempts"] * busy["MaxDelaySeconds"] >= 2 * 3600


@pytest.mark.parametrize("located", TASKS, ids=str)
def test_every_error_name_is_one_that_somebody_raises(located: LocatedState) -> None:
    handled = [*located.state.get("Retry", []), *located.state.get("Catch", [])]
    named = {name for handler in handled for name in handler["ErrorEquals"]}
    assert named <= FROM_AWS | OURS


def test_the_wait_for_the_same_bytes_ends_long_before_the_execution_times_out() -> None:
    """A timeout of the execution is caught by nobody: the upload would end without a receipt."""
    ingest = definition("ingest")
    claim = ingest["States"]["Claim Upload"]
    [wait] = [retrier for retrier in claim["Retry"] if retrier["ErrorEquals"] == ["SameBytesInProgress"]]
    # The first look reads the whole file; each one after it finds the digest beside the claim.
    longest_look, later_look = claim["TimeoutSeconds"], 10
    longest = longest_look + wait["MaxAttempts"] * (wait["MaxDelaySeconds"] + later_look)
    assert longest < 0.75 * ingest["TimeoutSeconds"]


def test_error_names_inside_expressions_are_ours_too() -> None:
    found = {
        name
        for machine in MACHINES
        for names in re.findall(r"\.Error (?:in|=) (\[.*?\]|'\w+')", text(machine))
        for name in re.findall(r"'(\w+)'", names)
    }
    assert found == {"ApprovalRejected", "ApprovalExpired", "ChampionChanged", "ScoringPaused"}
    assert found <= OURS


@pytest.mark.parametrize("located", [p for p in MAIN_LINE if p.state["Type"] == "Task"], ids=str)
def test_no_task_of_a_main_line_fails_unannounced(located: LocatedState) -> None:
    assert located.state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("located", [p for p in LOCATED if p.state["Type"] in {"Map", "Parallel"}], ids=str)
def test_no_branch_fails_unannounced(located: LocatedState) -> None:
    assert any("States.ALL" in catcher["ErrorEquals"] for catcher in located.state["Catch"])


@pytest.mark.parametrize("located", [p for p in LOCATED if p.state["Type"] == "Fail"], ids=str)
def test_no_bad_end_takes_over_the_name_of_an_error(located: LocatedState) -> None:
    # It may begin with States., which AWS reserves: a Fail state that says so breaks the execution itself.
    error = str(located.state["Error"])
    assert ".Error" not in error
    assert not error.startswith("States.")


def before(located: LocatedState, name: str) -> set[str]:
    return {other for other, state in located.siblings.items() if name in successors(state)}


# A Map catches what fails in it. Results Unannounced follows an announcement that failed inside a
# branch, which a question remembers (test_play_scoring). What is refused answers the command, which waits.
ANSWERED = {"Results Unannounced", "Decision Refused", "Change Refused", "Not Replayed"}
BAD_ENDS = [p for p in MAIN_LINE if p.state["Type"] == "Fail" and p.name not in ANSWERED]


@pytest.mark.parametrize("located", BAD_ENDS, ids=str)
def test_every_bad_end_comes_after_an_announcement(located: LocatedState) -> None:
    questions = {name for name in before(located, located.name) if name.endswith("?")}
    announcements = before(located, located.name) - questions
    announcements |= {name for question in questions for name in before(located, question)}
    assert announcements
    assert all(name.startswith("Announce") for name in announcements)


@pytest.mark.parametrize(
    "located", [p for p in TASKS if ":::sagemaker:create" in p.state["Resource"]], ids=str
)
def test_a_job_or_model_that_is_tried_again_gets_another_name(located: LocatedState) -> None:
    # A transform job also names the model that it uses.
    own = "ModelName" if located.state["Resource"].endswith("createModel") else "JobName"
    [name] = [value for member, value in located.state["Arguments"].items() if member.endswith(own)]
    made = "$states.input.job_name" if located.state["Resource"].endswith(".sync") else "State.RetryCount"
    assert made in name


def test_a_registration_that_is_tried_again_is_the_same_by_its_token() -> None:
    [located] = [p for p in TASKS if p.state["Resource"].endswith(":createModelPackage")]
    assert "RetryCount" not in located.state["Arguments"]["ClientToken"]


@pytest.mark.parametrize("located", LOCATED, ids=str)
def test_choices_ask_and_tasks_do(located: LocatedState) -> None:
    assert located.name.endswith("?") == (located.state["Type"] == "Choice")


INVOCATIONS = [located for located in TASKS if ":lambda:invoke" in located.state["Resource"]]


@pytest.mark.parametrize("located", INVOCATIONS, ids=str)
def test_a_state_is_called_as_its_function(located: LocatedState) -> None:
    # A large file's chunks go through the same functions, each in an execution of its own.
    name = located.name.removesuffix(" Of A Large File").replace(" ", "")
    # A state that awaits is named for what the workflow does while the function has asked; Judge Batch judges
    # the risks too, and Replay Batch is asked twice.
    name = {
        "AwaitApproval": "RequestApproval",
        "AwaitCountersignature": "SetPause",
        "JudgeRisks": "JudgeBatch",
        "PlanReplay": "ReplayBatch",
        "CompareResults": "ReplayBatch",
        "GiveTurnBack": "FreeSlots",
    }.get(name, name)
    name = "RequestSlot" if name.startswith("WaitTo") else name
    assert located.state["Arguments"]["FunctionName"] == value_of(f"{name}Function")


@pytest.mark.parametrize(
    "located", [p for p in INVOCATIONS if isinstance(p.state["Arguments"]["Payload"], dict)], ids=str
)
def test_every_payload_names_its_execution(located: LocatedState) -> None:
    assert located.state["Arguments"]["Payload"]["execution"] == "{% $states.context.Execution.Id %}"


def test_the_reconciler_knows_where_a_release_waits_and_where_a_scoring_mails() -> None:
    waiting = definition("release")["States"][stuck_questions.AWAITS]
    assert waiting["Resource"].endswith(".waitForTaskToken")
    branch = definition("scoring")["States"]["Score Batch"]["Branches"][0]["States"]
    assert branch[stuck_batches.PUBLISHES]["Next"] == stuck_batches.ANNOUNCES
    announcing = branch[stuck_batches.ANNOUNCES]
    assert [one["Next"] for one in announcing["Catch"]] == [stuck_batches.SILENT]
    # A history says which states were left, not whether a mail was sent.
    assert "Next" not in announcing


def test_the_errors_module_is_what_we_think() -> None:
    tree = ast.parse(inspect.getsource(errors))
    assert {node.name for node in tree.body if isinstance(node, ast.ClassDef)} == OURS


@pytest.mark.parametrize("machine", MACHINES)
def test_a_definition_has_no_anchors_which_cloudformation_would_not_resolve(machine: str) -> None:
    events = yaml.parse(text(machine), Loader=yaml.SafeLoader)
    assert [event for event in events if getattr(event, "anchor", None)] == []
