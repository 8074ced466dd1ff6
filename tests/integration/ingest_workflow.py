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
from tests.statemachines.calls import Call, ServiceError
from tests.statemachines.interpreter import Ending, Scene, played

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.integration.conftest import Stack

NOW = dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC)


class Killed(BaseException):
    """The end of a worker: nothing in a function may catch it."""


@dataclass
class Faults:
    """Exceptions after an AWS call of a function, or instead of it.

    The calls are numbered from 1 and made one at a time, those of several threads as well. What a fake
    service itself asks of AWS during a call is no call of the function.
    """

    after: Callable[[int], None] = lambda _: None
    instead: Callable[[int, str], None] = lambda _number, _operation: None
    calls: int = 0
    armed: bool = False
    _within: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand between every client and its service."""
        real = BaseClient._make_api_call  # type: ignore[attr-defined]  # botocore's one door to every service

        def make_api_call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if not self.armed:
                return real(client, operation, arguments)
            with self._lock:
                if self._within:
                    return real(client, operation, arguments)
                self._within = True
                try:
                    self.calls += 1
                    number = self.calls
                    self.instead(number, operation)
                    answer = real(client, operation, arguments)
                    self.after(number)
                finally:
                    self._within = False
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
        """Return the one moment there is."""
        return cls.fromtimestamp(NOW.timestamp(), tz)


@dataclass
class IngestWorkflow:
    """Runs executions; what they sent to others is kept."""

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

    def call(self, function: str, payload: dict[str, Any]) -> Any:
        """Invoke a function, named by its folder, as Lambda would: JSON in, JSON out, errors as they are."""
        if function not in self._handlers:
            self.use(function, handler_of(function))
        answer = self._handlers[function](json.loads(json.dumps(payload)), Context(function))
        return json.loads(json.dumps(answer))

    def _invoke(self, arn: str, payload: dict[str, Any]) -> Any:
        function = re.sub(r"(?<!^)(?=[A-Z])", "_", arn.rpartition("-")[2].removesuffix("Function")).lower()
        try:
            return self.call(function, payload)
        except Killed:
            raise ServiceError("Runtime.ExitError", "{}") from None
        except Exception as error:
            self.causes.append(str(error))
            raise ServiceError(type(error).__name__, json.dumps({"errorMessage": str(error)})) from error


class _Everyone(dict[str, Any]):
    """The answers of a stage on which every state is answered by the workflow."""

    def __init__(self, workflow: IngestWorkflow) -> None:
        super().__init__()
        self._workflow = workflow

    def __missing__(self, state: str) -> Any:
        return self._workflow.answer


def event_of(key: str, version: str, size: int, sequencer: str = "0055AED6DCD90281E5") -> dict[str, Any]:
    """Return the event of an upload, as S3 sends it through EventBridge."""
    item = {"key": key, "size": size, "version-id": version, "sequencer": sequencer}
    detail = {"bucket": {"name": "clinrisk-inbox"}, "object": item}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def drop(stack: Stack, key: str, data: bytes, sequencer: str = "0055AED6DCD90281E5") -> dict[str, Any]:
    """Put a file into the inbox and return its event."""
    return event_of(key, stack.put("inbox", key, data), len(data), sequencer)
