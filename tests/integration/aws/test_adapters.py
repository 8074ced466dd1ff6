"""The smaller adapters: what each makes of the answers, the refusals and the silence of AWS."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError, EndpointConnectionError

from clinrisk.aws import clients, dynamodb, feature_store, http_api, stepfunctions, telemetry
from clinrisk.aws.error_mapping import named_refusals
from clinrisk.errors import CountsDisagree, Defect, ServiceRefused, TransientError
from tests.integration.fake_feature_store import FakeFeatureStore
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

TABLE = "clinrisk-uploads"


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "63,typical angina"}}
    return ClientError(answer | {"ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (refusal("ThrottlingException"), TransientError, "AWS answered PutItem with ThrottlingException."),
        (refusal("AccessDenied"), ServiceRefused, "AWS answered PutItem with AccessDenied."),
        (refusal("NewFault", 499), ServiceRefused, "AWS answered PutItem with NewFault."),
        (refusal("NewFault", 500), TransientError, "AWS answered PutItem with NewFault."),
        (EndpointConnectionError(endpoint_url="u"), TransientError, "EndpointConnectionError"),
        (KeyError("63,typical angina"), Defect, "test_adapters.py:"),
        (CountsDisagree("Chunk 3 is missing."), CountsDisagree, "Chunk 3 is missing."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_leaves_under_the_workflows_name_and_without_anybody_elses_words(
    error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as raised, named_refusals():
        raise error
    assert words in str(raised.value)
    assert "angina" not in str(raised.value)
    assert isinstance(error, CountsDisagree) or raised.value.__suppress_context__


def test_an_execution_has_ended_when_it_neither_runs_nor_waits_for_a_redrive(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    assert not stepfunctions.has_ended(waiting.arn)
    stack.sfn.send_task_failure(taskToken=waiting.token, error="E")
    waiting.end()
    assert stepfunctions.has_ended(waiting.arn)


@pytest.mark.parametrize(
    ("code", "ended"),
    [("ExecutionDoesNotExist", True), ("InvalidArn", False), ("ValidationException", False)],
)
def test_an_execution_that_is_forgotten_has_ended_and_what_is_none_keeps_its_claim(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    ended: bool,  # noqa: FBT001 - expected or given
) -> None:
    def refuse(**_: Any) -> Any:
        raise refusal(code)

    monkeypatch.setattr(clients.stepfunctions(), "describe_execution", refuse)
    assert stepfunctions.has_ended("an execution") is ended


@pytest.mark.parametrize(("status", "ended"), [("PENDING_REDRIVE", False), ("TIMED_OUT", True)])
def test_an_execution_that_waits_for_a_redrive_still_holds_its_claim(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    ended: bool,  # noqa: FBT001 - expected or given
) -> None:
    monkeypatch.setattr(clients.stepfunctions(), "describe_execution", lambda **_: {"status": status})
    assert stepfunctions.has_ended("an execution") is ended


def test_a_refused_question_about_an_execution_is_no_answer(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> Any:
        raise refusal("AccessDeniedException")

    monkeypatch.setattr(clients.stepfunctions(), "describe_execution", refuse)
    with pytest.raises(ClientError):
        stepfunctions.has_ended("an execution")


def test_only_a_failed_condition_is_an_answer_of_a_write(stack: Stack) -> None:
    item = {"pk": "p", "sk": "s", "status": "open"}
    assert dynamodb.write(TABLE, item, unless_exists=True)
    assert not dynamodb.write(TABLE, item, unless_exists=True)
    assert dynamodb.change(TABLE, ("p", "s"), {"status": "closed"}, Attr("status").eq("open"))
    assert not dynamodb.change(TABLE, ("p", "s"), {"status": "open"}, Attr("status").eq("open"))
    puts = [dynamodb.put(TABLE, item | {"sk": sk}, "attribute_not_exists(pk)") for sk in ("t", "s")]
    assert dynamodb.transact(puts) == ["None", "ConditionalCheckFailed"]
    assert dynamodb.read(TABLE, ("p", "t")) is None
    assert dynamodb.transact([dynamodb.delete(TABLE, ("p", "s")), puts[0]]) == []
    assert [found["sk"] for found in dynamodb.query(TABLE, "p")] == ["t"]
    for write in (
        lambda: dynamodb.write("no-such-table", item, unless_exists=True),
        lambda: dynamodb.change("no-such-table", ("p", "s"), {"status": "x"}, Attr("status").eq("open")),
        lambda: dynamodb.transact([dynamodb.delete("no-such-table", ("p", "s"))]),
    ):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            write()


def test_a_transaction_that_met_another_one_is_tried_again_by_the_workflow(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conflict(**_: Any) -> Any:
        answer: Any = {"Error": {"Code": "TransactionCanceledException"}}
        raise ClientError(answer | {"CancellationReasons": [{"Code": "TransactionConflict"}]}, "Transact")

    monkeypatch.setattr(clients.dynamodb().meta.client, "transact_write_items", conflict)
    with pytest.raises(TransientError), named_refusals():
        dynamodb.transact([dynamodb.delete(TABLE, ("p", "s"))])


def event(body: str, *, encoded: bool = False) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawQueryString": "mac=a&mac=b&expires=7&empty=",
        "pathParameters": {"approval_id": "id"},
        "requestContext": {"http": {"method": "POST"}, "requestId": "request-1"},
        "body": body,
        "isBase64Encoded": encoded,
    }


@pytest.mark.parametrize(
    ("body", "encoded", "form"),
    [
        ("reason=Well+calibrated&version=1", False, {"reason": "Well calibrated", "version": "1"}),
        (base64.b64encode("reason=Größe".encode()).decode(), True, {"reason": "Größe"}),
        ("version=1&version=2&nonce=n", False, {"nonce": "n"}),
        ("not base64!", True, {}),
        (base64.b64encode(b"\xff\xfe").decode(), True, {}),
        ("", False, {}),
    ],
)
def test_a_request_is_read_and_a_field_given_twice_is_dropped(
    body: str,
    encoded: bool,  # noqa: FBT001 - expected or given
    form: dict[str, str],
) -> None:
    request = http_api.request_of(event(body, encoded=encoded))
    assert request.form == form
    assert request.query == {"expires": "7", "empty": ""}
    assert (request.method, request.path) == ("POST", {"approval_id": "id"})


def test_a_metric_takes_its_own_dimensions_and_no_others() -> None:
    with pytest.raises(ValueError, match="use_case"):
        telemetry.emit(telemetry.Metric.ROWS_SCORED, 1, use_case="heart", disposition="ACCEPTED")
    with pytest.raises(ValueError, match="disposition"):
        telemetry.emit(telemetry.Metric.UPLOADS_SETTLED, 1, use_case="heart")


class OldClient:
    """A Feature Store client of a runtime that cannot write batches yet."""

    def __init__(self) -> None:
        self.puts: list[dict[str, Any]] = []

    def put_record(self, **given: Any) -> None:
        self.puts.append(given)


def test_a_runtime_without_batches_puts_records_one_by_one(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = OldClient()
    monkeypatch.setattr(clients, "feature_store", lambda _: client)
    records = [feature_store.record({"record_id": str(number)}) for number in range(60)]
    feature_store.write("clinrisk-heart-v1", records, feature_store.ONLINE_ONLY)
    written = {put["Record"][0]["ValueAsString"] for put in client.puts}
    assert written == {str(number) for number in range(60)}
    assert {json.dumps(put["TargetStores"]) for put in client.puts} == {'["OnlineStore"]'}


@pytest.mark.parametrize("refused", [1, 5])
def test_records_are_offered_again_a_bounded_number_of_times(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("clinrisk.aws.feature_store.time.sleep", pauses.append)
    store = FakeFeatureStore(landing=False).install()
    store.unprocessed = refused
    feature_store.write("clinrisk-heart-v1", [feature_store.record({"record_id": "a"})])
    assert [record["record_id"] for record in store.records] == ["a"]
    assert pauses == [0.1 * 2**number for number in range(refused)]


def test_records_that_were_refused_to_the_last_try_are_an_error(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clinrisk.aws.feature_store.time.sleep", lambda _: None)
    store = FakeFeatureStore(landing=False).install()
    store.unprocessed = feature_store.TRIES
    with pytest.raises(TransientError, match="1 records in 6 tries"):
        feature_store.write("clinrisk-heart-v1", [feature_store.record({"record_id": "a"})])
    assert store.records == []
