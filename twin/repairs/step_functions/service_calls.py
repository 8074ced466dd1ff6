"""Direct calls of state machines: SNS with its attributes, child executions with the errors of AWS."""

import json
from typing import Any

from ministack.services import stepfunctions as sfn

from twin.repairs.repair_registry import Original, repair


@repair(
    "ministack.services.stepfunctions._SERVICE_DISPATCH[arn:aws:states:::sns:publish]",
    reason="MessageAttributes are lost, so no filter policy ever matches.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html",
    source_sha256="81ac6228bc14a16a1ce88ddfccfdc68c9f6d024045bb5addf9bef8a54855af3d",
)
def publish_with_attributes(original: Original, resource: str, arguments: dict[str, Any]) -> Any:
    """Publish a message with its attributes, in the form of SNS's query protocol."""
    query = arguments | {}
    for index, (name, value) in enumerate(query.pop("MessageAttributes", {}).items(), 1):
        entry = f"MessageAttributes.entry.{index}"
        query |= {f"{entry}.Name": name} | {f"{entry}.Value.{key}": text for key, text in value.items()}
    if not isinstance(query.get("Message", ""), str):
        query["Message"] = json.dumps(query["Message"])
    return original(resource, query)


@repair(
    "ministack.services.stepfunctions._invoke_nested_start_execution",
    reason="Errors of states:startExecution lack the prefix and suffix that Catch names on AWS.",
    link="https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html",
    source_sha256="fc2b83eed27ac70b517728ed0277fc5538ef1cb47f4ca38cf2a0b4dd3a63b9cb",
)
def start_child(original: Original, resource: str, arguments: dict[str, Any]) -> Any:
    """Start a child execution; a refusal is named StepFunctions.<name>Exception."""
    try:
        return original(resource, arguments)
    except sfn._ExecutionError as refused:
        raise sfn._ExecutionError(_name_on_aws(refused.error), refused.cause) from refused


def _name_on_aws(error: str) -> str:
    if "." in error:
        return error
    return f"StepFunctions.{error}" if error.endswith("Exception") else f"StepFunctions.{error}Exception"
