"""What state machines call directly: the errors and the attributes that those services have on AWS."""

import json
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.registry import Site

_PUBLISH = "arn:aws:states:::sns:publish"


def apply(site: Site) -> None:
    """Repair nested executions and published messages."""
    del site
    _message_attributes()
    _nested_start_errors()


def _message_attributes() -> None:
    """Pass MessageAttributes on to SNS: the engine loses them, so no filter policy would ever match."""
    publish = sfn._SERVICE_DISPATCH[_PUBLISH]

    def publish_with_attributes(resource: str, arguments: dict[str, Any]) -> Any:
        named = arguments | {}
        for index, (name, value) in enumerate(named.pop("MessageAttributes", {}).items(), 1):
            entry = f"MessageAttributes.entry.{index}"
            named |= {f"{entry}.Name": name} | {f"{entry}.Value.{key}": text for key, text in value.items()}
        if not isinstance(named.get("Message", ""), str):
            named["Message"] = json.dumps(named["Message"])
        return publish(resource, named)

    sfn._SERVICE_DISPATCH[_PUBLISH] = publish_with_attributes


def _nested_start_errors() -> None:
    """Name the errors of states:startExecution as AWS does (StepFunctions.<name>Exception), for Catch."""
    start = sfn._invoke_nested_start_execution

    def start_with_names(resource: str, arguments: dict[str, Any]) -> Any:
        try:
            return start(resource, arguments)
        except sfn._ExecutionError as refused:
            raise sfn._ExecutionError(_named(refused.error), refused.cause) from refused

    sfn._invoke_nested_start_execution = start_with_names


def _named(error: str) -> str:
    if "." in error:
        return error
    return f"StepFunctions.{error}" if error.endswith("Exception") else f"StepFunctions.{error}Exception"
