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
from tests.statemachines.definitions import (
    MACHINES,
    Place,
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

PLACES = everything()
TASKS = [place for place in PLACES if place.state["Type"] == "Task"]
ENDS = {"Succeed", "Fail"}

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


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_every_next_exists(place: Place) -> None:
    assert set(successors(place.state)) <= set(place.siblings)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_every_state_says_where_it_goes(place: Place) -> None:
    state = place.state
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


@pytest.mark.parametrize("place", TASKS, ids=str)
def test_every_task_says_why_and_for_how_long(place: Place) -> None:
    assert place.state["Comment"].endswith((".", "?"))
    assert place.state["TimeoutSeconds"]


@pytest.mark.parametrize("place", TASKS, ids=str)
def test_every_task_retries_what_may_pass(place: Place) -> None:
    tries = [retrier for retrier in place.state["Retry"] if retrier.get("MaxAttempts") != 0]
    assert tries
    assert all(retrier["JitterStrategy"] == "FULL" for retrier in tries)


@pytest.mark.parametrize("place", TASKS, ids=str)
def test_every_error_name_is_one_that_somebody_raises(place: Place) -> None:
    handled = [*place.state.get("Retry", []), *place.state.get("Catch", [])]
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
    for machine in MACHINES:
        for names in re.findall(r"\$error\.Error (?:in|=) (\[.*?\]|'\w+')", text(machine)):
            said = yaml.safe_load(names)
            assert set(said if isinstance(said, list) else [said]) <= OURS


@pytest.mark.parametrize("place", TASKS, ids=str)
def test_no_task_of_a_main_line_fails_unannounced(place: Place) -> None:
    caught = {name for catcher in place.state.get("Catch", []) for name in catcher["ErrorEquals"]}
    inside = place.name not in definition(place.machine)["States"]
    assert inside or "States.ALL" in caught


@pytest.mark.parametrize("place", [p for p in PLACES if p.state["Type"] in {"Map", "Parallel"}], ids=str)
def test_no_branch_fails_unannounced(place: Place) -> None:
    assert any("States.ALL" in catcher["ErrorEquals"] for catcher in place.state["Catch"])


@pytest.mark.parametrize("place", [p for p in PLACES if p.state["Type"] == "Fail"], ids=str)
def test_no_bad_end_takes_over_the_name_of_an_error(place: Place) -> None:
    # It may begin with States., which AWS reserves: a Fail state that says so breaks the execution itself.
    error = str(place.state["Error"])
    assert ".Error" not in error
    assert not error.startswith("States.")


@pytest.mark.parametrize("place", [p for p in PLACES if p.state["Type"] == "Fail"], ids=str)
def test_every_bad_end_comes_after_an_announcement(place: Place) -> None:
    if place.name not in definition(place.machine)["States"]:
        return  # the Map around it catches whatever fails in there: the test above
    # Results Unannounced follows an announcement that failed inside a branch, which a question remembers.
    before = {
        name: state
        for name, state in place.siblings.items()
        if place.name in successors(state) and name != "Was It Announced?"
    }
    announced = all(
        name.startswith("Announce")
        or all(n.startswith("Announce") for n, s in place.siblings.items() if name in successors(s))
        for name in before
    )
    assert announced


@pytest.mark.parametrize("place", [p for p in TASKS if "sagemaker:create" in p.state["Resource"]], ids=str)
def test_a_job_that_is_tried_again_gets_another_name(place: Place) -> None:
    arguments = place.state["Arguments"]
    names = [value for name, value in arguments.items() if name.endswith(("JobName", "ModelName"))]
    fresh = [name for name in names if "$states.context.State.RetryCount" in name]
    assert fresh or "ClientToken" in arguments


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_choices_ask_and_tasks_do(place: Place) -> None:
    assert place.name.endswith("?") == (place.state["Type"] == "Choice")


@pytest.mark.parametrize("place", TASKS, ids=str)
def test_a_state_is_called_as_its_function(place: Place) -> None:
    function = str(place.state.get("Arguments", {}).get("FunctionName", ""))
    # Await Approval is named for what the workflow does while Request Approval has asked.
    # A large file's chunks go through the same functions, each in an execution of its own.
    name = place.name.removesuffix(" Of A Large File")
    if function and name != "Await Approval":
        assert function == value_of(name.replace(" ", "") + "Function")


def test_every_payload_names_its_execution() -> None:
    for place in TASKS:
        payload = place.state.get("Arguments", {}).get("Payload")
        if isinstance(payload, dict):
            assert payload["execution"] == "{% $states.context.Execution.Id %}", str(place)


def test_the_errors_module_is_what_we_think() -> None:
    tree = ast.parse(inspect.getsource(errors))
    assert {node.name for node in tree.body if isinstance(node, ast.ClassDef)} == OURS


@pytest.mark.parametrize("machine", MACHINES)
def test_a_definition_has_no_anchors_which_cloudformation_would_not_resolve(machine: str) -> None:
    events = yaml.parse(text(machine), Loader=yaml.SafeLoader)
    assert [event for event in events if getattr(event, "anchor", None)] == []
