"""The ingest workflow, run by the second interpreter on its own definition, its functions on moto."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.integration.conftest import Context, handler_of
from tests.statemachines.interpreter import Call, Ending, Scene, ServiceError, played

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.integration.conftest import Stack
    from tests.integration.fake_feature_store import FakeFeatureStore

NOW = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)


class Killed(BaseException):
    """The end of a worker: nothing in a function may catch it."""


@dataclass
class Faults:
    """What befalls the AWS calls of functions, numbered from 1: an exception after a call, or instead."""

    after: Callable[[int], None] = lambda _: None
    instead: Callable[[int, str], None] = lambda _number, _operation: None
    calls: int = 0
    armed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between every client and its service."""
        real = BaseClient._make_api_call  # type: ignore[attr-defined]  # botocore's one door to every service

        def make_api_call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if not self.armed:
                return real(client, operation, arguments)
            with self._lock:
                self.calls += 1
                number = self.calls
            self.instead(number, operation)
            answer = real(client, operation, arguments)
            self.after(number)
            return answer

        monkeypatch.setattr(BaseClient, "_make_api_call", make_api_call)

    def none(self) -> None:
        """End all faults."""
        self.after, self.instead, self.calls = (lambda _: None), (lambda _number, _operation: None), 0


def answers_with(code: str) -> Callable[[str], None]:
    """Make a call end with an error of AWS."""

    def refuse(operation: str) -> None:
        error = {"Error": {"Code": code, "Message": "canary-of-the-service"}}
        raise ClientError(error, operation)  # type: ignore[arg-type]  # as much of a response as our code reads

    return refuse


class Frozen(dt.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Frozen:
        """Give the one moment there is."""
        return cls.fromtimestamp(NOW.timestamp(), tz)


@dataclass
class IngestWorkflow:
    """Runs executions; what they told others is kept."""

    stack: Stack
    faults: Faults
    monkeypatch: pytest.MonkeyPatch
    mails: list[str] = field(default_factory=list)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    _handlers: dict[str, Any] = field(default_factory=dict)
    _scene: Scene | None = None

    def run(self, event: dict[str, Any], name: str = "execution-1") -> Ending:
        """Run one execution of the ingest workflow to its end."""
        if self._scene is None:
            self._scene = played(self.monkeypatch, _Everyone(self))
        self._scene.stage.calls.clear()
        self.faults.armed = True
        try:
            return self._scene.run("ingest", event, name)
        finally:
            self.faults.armed = False

    def answer(self, call: Call) -> Any:
        """Do what a Task asks for."""
        if ":lambda:invoke" in call.resource:
            return self._invoke(call.arguments["FunctionName"], call.payload)
        if ":sqs:sendMessage" in call.resource:
            self.dead_letters.append(json.loads(call.arguments["MessageBody"]))
            self.reasons.append(call.arguments["MessageAttributes"]["reason"]["StringValue"])
        elif ":dynamodb:updateItem" in call.resource:
            self._update(call.arguments)
        elif ":sns:publish" in call.resource:
            self.mails.append(json.dumps(call.arguments))
        else:
            self.started.append(call.arguments)
        return {"MessageId": "m", "ExecutionArn": "arn"}

    def use(self, folder: str, handler: Any) -> None:
        """Answer a function by this handler, with the clock stood still."""
        handler.__wrapped__.__globals__.update(datetime=Frozen)
        self._handlers[folder] = handler

    def _update(self, arguments: dict[str, Any]) -> None:
        try:
            boto3.client("dynamodb").update_item(**arguments | {"TableName": "clinrisk-uploads"})
        except ClientError as error:
            raise ServiceError(f"DynamoDB.{error.response['Error']['Code']}") from error

    def _invoke(self, function: str, payload: dict[str, Any]) -> Any:
        folder = re.sub(r"(?<!^)(?=[A-Z])", "_", function.rpartition("-")[2].removesuffix("Function")).lower()
        if folder not in self._handlers:
            self.use(folder, handler_of(folder))
        try:
            given = self._handlers[folder](json.loads(json.dumps(payload)), Context(folder))
        except Killed:
            raise ServiceError("Runtime.ExitError", "{}") from None
        except Exception as error:
            self.causes.append(str(error))
            raise ServiceError(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error
        return json.loads(json.dumps(given))


class _Everyone(dict[str, Any]):
    """The answers of a stage on which every state is answered by the workflow."""

    def __init__(self, workflow: IngestWorkflow) -> None:
        super().__init__()
        self._workflow = workflow

    def __missing__(self, state: str) -> Any:
        return self._workflow.answer


def event_of(key: str, version: str, size: int, sequencer: str = "0055AED6DCD90281E5") -> dict[str, Any]:
    """Give the event of an upload, as S3 sends it through EventBridge."""
    item = {"key": key, "size": size, "version-id": version, "sequencer": sequencer}
    detail = {"bucket": {"name": "clinrisk-inbox"}, "object": item}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def drop(stack: Stack, key: str, data: bytes, sequencer: str = "0055AED6DCD90281E5") -> dict[str, Any]:
    """Put a file into the inbox and give its event."""
    return event_of(key, stack.put("inbox", key, data), len(data), sequencer)


def stored_state(stack: Stack, store: FakeFeatureStore) -> dict[str, Any]:
    """Give everything that uploads leave: objects, items (but for who claimed them), and records.

    The Feature Store's own files have names by chance; its records are compared instead.
    """
    found: dict[str, Any] = {}
    for bucket in ("lake", "results"):
        keys = [key for key in stack.keys(bucket) if not key.startswith("offline-store/")]
        found |= {f"{bucket}/{key}": stack.read(f"s3://clinrisk-{bucket}/{key}") for key in keys}
    for item in stack.tables.Table("clinrisk-uploads").scan()["Items"]:
        kept = {name: value for name, value in item.items() if name not in {"execution", "claimed_at"}}
        found[f"table/{item['pk']}/{item['sk']}"] = kept
    found["records"] = sorted({json.dumps(record, sort_keys=True) for record in store.records})
    return found


def forget(stack: Stack, store: FakeFeatureStore) -> None:
    """Take everything away that uploads leave; the inbox stays."""
    for bucket in ("lake", "results"):
        listed: Any = boto3.resource("s3").Bucket(f"clinrisk-{bucket}")
        listed.object_versions.delete()
    table = stack.tables.Table("clinrisk-uploads")
    for item in table.scan()["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    store.records.clear()
