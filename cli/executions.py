"""Executions of the state machines: their status, the states they went through, and why one failed."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli.command_errors import CliError
from clinrisk.core import failure_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cli.stack import Stack

MACHINES = {
    "ingest": "IngestStateMachine",
    "training": "TrainingStateMachine",
    "release": "ReleaseStateMachine",
    "scoring": "ScoringStateMachine",
    "replay": "ReplayStateMachine",
    "monitoring": "MonitoringStateMachine",
}
HISTORY_PAGE = 1000
POLL_SECONDS = 0.4


@dataclass(frozen=True)
class StateVisit:
    """One stay in one state; `left` is None while it lasts."""

    name: str
    entered: datetime
    left: datetime | None

    def seconds(self, now: datetime) -> float:
        """Return how long the stay lasted, or has lasted so far."""
        return max(0.0, ((self.left or now) - self.entered).total_seconds())


@dataclass(frozen=True)
class Execution:
    """One execution with its history."""

    machine: str
    arn: str
    name: str
    status: str
    started: datetime
    stopped: datetime | None
    use_case: str = ""
    key: str = ""
    visits: tuple[StateVisit, ...] = ()
    error: str = ""
    reason: str = ""

    @property
    def running_states(self) -> tuple[StateVisit, ...]:
        """The states it is in now: several inside a Parallel or a Map."""
        return tuple(visit for visit in self.visits if visit.left is None)

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return the execution for programs; durations in seconds."""
        seconds: dict[str, float] = defaultdict(float)
        for visit in self.visits:
            seconds[visit.name] += visit.seconds(now)
        return {
            "machine": self.machine,
            "name": self.name,
            "arn": self.arn,
            "status": self.status,
            "use_case": self.use_case,
            "key": self.key,
            "started": self.started.isoformat(),
            "stopped": self.stopped.isoformat() if self.stopped else None,
            "seconds": round(((self.stopped or now) - self.started).total_seconds(), 3),
            "running_states": [visit.name for visit in self.running_states],
            "seconds_by_state": {name: round(value, 3) for name, value in seconds.items()},
            "error": self.error,
            "reason": self.reason,
        }


def recent(stack: Stack, machine: str, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest executions of one machine, as Step Functions lists them."""
    arn = stack.output(MACHINES[machine])
    listed = stack.stepfunctions.list_executions(stateMachineArn=arn, maxResults=limit)
    return [dict(one) for one in listed["executions"]]


def await_end(stack: Stack, machine: str, arn: str, patience: float) -> Execution:
    """Return an execution when it has ended; raises CliError when it still runs after so many seconds."""
    deadline = time.monotonic() + patience
    while stack.stepfunctions.describe_execution(executionArn=arn)["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise CliError(
                f"It still runs after {patience:.0f} seconds.", "Follow it: clinrisk status --follow"
            )
        time.sleep(POLL_SECONDS)
    return load(stack, machine, {"executionArn": arn, "name": arn.rpartition(":")[2]})


def load(stack: Stack, machine: str, listed: Mapping[str, Any]) -> Execution:
    """Return a listed execution with its states, what it works on, and why it failed if it did."""
    arn = listed["executionArn"]
    described = stack.stepfunctions.describe_execution(executionArn=arn)
    status = described["status"]
    stopped = described.get("stopDate")
    failed = status not in {"RUNNING", "SUCCEEDED", "PENDING_REDRIVE"}
    events = _history(stack, arn, with_data=failed)
    use_case, key = _subject(_parsed(described.get("input")))
    return Execution(
        machine=machine,
        arn=arn,
        name=described["name"] if "name" in described else listed["name"],
        status=status,
        started=described["startDate"],
        stopped=stopped,
        use_case=use_case,
        key=key,
        visits=visits_of(events, stopped),
        error=described.get("error", ""),
        reason=reason_of(events, described.get("error", ""), described.get("cause", "")) if failed else "",
    )


def _history(stack: Stack, arn: str, *, with_data: bool) -> list[dict[str, Any]]:
    pages = stack.stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=arn, includeExecutionData=with_data, PaginationConfig={"PageSize": HISTORY_PAGE}
    )
    return [dict(event) for page in pages for event in page["events"]]


def visits_of(events: Iterable[Mapping[str, Any]], stopped: datetime | None) -> tuple[StateVisit, ...]:
    """Return every stay in a state, in the order entered; after the execution has stopped, none is open."""
    visits: list[StateVisit] = []
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if kind.endswith("StateEntered"):
            visits.append(StateVisit(event["stateEnteredEventDetails"]["name"], at, None))
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            for index, visit in enumerate(visits):
                if visit.name == name and visit.left is None:
                    visits[index] = StateVisit(name, visit.entered, at)
                    break
    if stopped is None:
        return tuple(visits)
    return tuple(StateVisit(visit.name, visit.entered, visit.left or stopped) for visit in visits)


def reason_of(events: Iterable[Mapping[str, Any]], error: str, cause: str) -> str:
    """Return why an execution failed: its own words, and those of the job or function that failed."""
    own = failure_text.ended(error, cause)
    for event in reversed(list(events)):
        kind = event["type"]
        if not kind.endswith(("Failed", "TimedOut")) or kind.startswith(("Execution", "Map", "Parallel")):
            continue
        details: Mapping[str, Any] = next(
            (value for name, value in event.items() if name.endswith("EventDetails")), {}
        )
        if not details.get("error"):
            continue
        first_hand = failure_text.explained(details["error"], details.get("cause", ""))
        if first_hand not in own and own not in first_hand:
            return f"{own} ({first_hand})"
        return max(first_hand, own, key=len)
    return own


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _subject(given: Mapping[str, Any]) -> tuple[str, str]:
    """Return the use case and the inbox key that an execution works on, from its input."""
    upload, detail = given.get("upload") or {}, given.get("detail") or {}
    key = upload.get("key") or detail.get("object", {}).get("key") or given.get("key") or ""
    use_case = given.get("use_case") or upload.get("use_case") or [*key.split("/"), "", ""][1]
    return str(use_case), str(key)


def snapshot(stack: Stack, *, limit: int, known: Mapping[str, Execution] | None = None) -> list[Execution]:
    """Return the newest executions of all machines, newest first; ended ones in `known` are reused."""
    found: list[Execution] = []
    for machine in MACHINES:
        for listed in recent(stack, machine, limit=limit):
            cached = (known or {}).get(listed["executionArn"])
            ended = cached is not None and cached.status != "RUNNING"
            found.append(cached if cached is not None and ended else load(stack, machine, listed))
    return sorted(found, key=lambda execution: execution.started, reverse=True)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)
