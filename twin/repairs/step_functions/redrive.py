"""RedriveExecution: an execution that did not succeed goes on at the state where it stopped.

AWS runs again only the failed branches of a Parallel and the failed items of a Map. Here the state is run
again with all of them.
"""

import contextvars
import copy
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair
from twin.repairs.step_functions import execution_run

Response = tuple[int, dict[str, str], bytes]
_REASON = "There is no RedriveExecution."
_LINK = "https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"
# API_RedriveExecution: how long and how far, and how many client tokens are remembered.
_REDRIVABLE, _OPEN, _EVENTS = timedelta(days=14), timedelta(days=365), 24_999
_TOKENS, _TOKEN_LIFE = 10, timedelta(minutes=15)


@repair(
    "ministack.services.stepfunctions.handle_request",
    reason=_REASON,
    link=_LINK,
    source_sha256="efa6e8c4532a9e05de1d5c451ba1609388c4cb6662e72df46f3fb9158a84e9c4",
)
async def answer_redrive(
    original: Original, method: str, path: str, headers: dict[str, str], body: bytes, query: Any
) -> Any:
    """Answer RedriveExecution, and leave every other request to the engine."""
    if headers.get("x-amz-target", "").rpartition(".")[2] != "RedriveExecution":
        return await original(method, path, headers, body, query)
    return sfn._finalize_response(_redrive(json.loads(body)))


@repair(
    "ministack.services.stepfunctions._describe_execution",
    reason=_REASON,
    link=_LINK,
    source_sha256="c3ad294ad8b5070a8e7ac8d723dce006d64dd49516b4a22f23ee75307cdd8ea6",
)
def describe_with_redrive(original: Original, data: dict[str, Any]) -> Response:
    """Describe an execution, and say whether it can be redriven, or why not."""
    status, headers, body = original(data)
    if status != 200:
        return status, headers, body
    execution = sfn._executions[data["executionArn"]]
    found = json.loads(body) | _redrives(execution) | {"redriveStatus": "REDRIVABLE"}
    if obstacle := _obstacle(execution):
        found |= {"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": obstacle}
    return status, headers, json.dumps(found).encode()


@repair(
    "ministack.services.stepfunctions._list_executions",
    reason=_REASON,
    link=_LINK,
    source_sha256="741208b3007744b324016272100b763372c67a49023302e6a23a215364b6c0c8",
)
def list_with_redrives(original: Original, data: dict[str, Any]) -> Response:
    """List executions, and say how often each was redriven."""
    status, headers, body = original(data)
    found = json.loads(body)
    for listed in found.get("executions", []):
        listed.update(_redrives(sfn._executions[listed["executionArn"]]))
    return status, headers, json.dumps(found).encode()


def _redrives(execution: dict[str, Any]) -> dict[str, Any]:
    found = {"redriveCount": execution.get("redriveCount", 0), "redriveDate": execution.get("redriveDate")}
    return {name: value for name, value in found.items() if value is not None}


def _redrive(data: dict[str, Any]) -> Response:
    arn, token = data.get("executionArn", ""), data.get("clientToken")
    before = sfn._executions.get(arn)
    if before is None:
        return _refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    date = datetime.now(UTC)
    used = before.get("redriveTokens", {})
    recent = {each: moment for each, moment in used.items() if _moment(moment) > date - _TOKEN_LIFE}
    if token in recent:
        return _answer({"redriveDate": recent[token]})
    if obstacle := _obstacle(before):
        return _refused("ExecutionNotRedrivable", obstacle)
    now = sfn.now_iso()
    recent = dict([*recent.items(), *([(token, now)] if token else [])][-_TOKENS:])
    # Another dictionary: threads of the earlier attempt hold the old one, which stays as it ended.
    execution = {name: value for name, value in before.items() if name not in {"error", "cause"}}
    execution |= {"status": "RUNNING", "output": None, "stopDate": None, "events": [*before["events"]]}
    execution |= {"redriveCount": before.get("redriveCount", 0) + 1, "redriveDate": now}
    execution |= {"redriveTokens": recent}
    if "context" in before:
        execution |= {name: copy.deepcopy(before[name]) for name in ("context", "position")}
        execution["context"]["Execution"] |= {"RedriveCount": execution["redriveCount"], "RedriveTime": now}
    details = {"executionRedrivenEventDetails": {"redriveCount": execution["redriveCount"]}}
    sfn._add_event(execution, "ExecutionRedriven", details)
    sfn._executions[arn] = execution
    sfn._emit_execution_status_event(execution)
    work = contextvars.copy_context().run
    threading.Thread(target=work, args=(execution_run.run, execution), daemon=True).start()
    return _answer({"redriveDate": now})


def _obstacle(execution: dict[str, Any]) -> str | None:
    """Return why an execution cannot be redriven, in AWS's words (redriveStatusReason), or None."""
    status, now = execution["status"], datetime.now(UTC)
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    ended = _moment(execution["stopDate"] or sfn.now_iso())
    obstacles = {
        "State machine is in DELETING status": machine is None,
        "RedriveExecution is not supported by EXPRESS state machines": (machine or {}).get("type")
        == "EXPRESS",
        f"Execution is {status} and cannot be redriven": status in {"RUNNING", "SUCCEEDED"},
        "Execution history event limit exceeded": len(execution["events"]) >= _EVENTS,
        "Execution has exceeded the max execution time": now - _moment(execution["startDate"]) > _OPEN,
        "Execution redrivable period exceeded": now - ended > _REDRIVABLE,
    }
    return next((reason for reason, is_so in obstacles.items() if is_so), None)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _answer(found: dict[str, Any]) -> Response:
    answer: Response = sfn.json_response(found)
    return answer


def _refused(code: str, message: str) -> Response:
    answer: Response = sfn.error_response_json(code, message, 400)
    return answer
