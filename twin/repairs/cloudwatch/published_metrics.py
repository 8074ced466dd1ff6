"""The metrics that AWS publishes by itself, and those that it finds in a function's log.

Step Functions publishes its own in `twin.repairs.step_functions.execution_life`.
"""

import json
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from twin.repairs.repair_registry import Original, repair

_UNIT = "None"


@repair(
    "ministack.services.lambda_svc._emit_lambda_logs",
    reason="Calls by state machines and events are not counted, and metrics in a log stay text.",
    link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html",
    source_sha256="111efbf06968bb207427d25f6070f8048962a56385e2f7c62bb76b5f9d051720",
)
def metrics_of_an_invocation(
    original: Original,
    func: dict[str, Any],
    request_id: str,
    log_text: str,
    error: bool,
    duration_ms: int,
    **named: Any,
) -> None:
    """Write the log of an invocation, count it, and record the metrics embedded in the log."""
    original(func, request_id, log_text, error, duration_ms, **named)
    name = (func.get("config") or func)["FunctionName"]
    lambda_svc._emit_lambda_metrics(name, duration_ms, error, False, has_log=True)
    for line in log_text.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            record_embedded(line)


@repair(
    "ministack.services.lambda_svc._emit_lambda_metrics",
    reason="Calls through the API are counted apart from their logs: they would be counted twice.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
    source_sha256="3b6689d77cf6f1e4a34bbc802897ae14238f517ac62b96bb499be027b1846957",
)
def count_once(
    original: Original,
    function_name: str,
    duration_ms: float,
    error: bool,
    throttle: bool,
    *,
    has_log: bool = False,
) -> None:
    """Count what has a log, and what was throttled and so never has one."""
    if throttle or has_log:
        original(function_name, duration_ms, error, throttle)


@repair(
    "ministack.services.apigateway.handle_execute",
    reason="No request to an API is counted, so no alarm on refused or failed ones can work.",
    link="https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html",
    source_sha256="c7a2f92d7eb6b8d55141e5a6b39fbc12d974c0f1e3c1af5bf2d984020688d5b6",
)
async def count_requests(original: Original, api_id: str, *rest: Any, **named: Any) -> Any:
    """Answer a request to an API, and count it with its kind of status."""
    answer = await original(api_id, *rest, **named)
    for name, counted in (("Count", True), ("4xx", 400 <= answer[0] < 500), ("5xx", answer[0] >= 500)):
        cloudwatch.record_metric("AWS/ApiGateway", name, int(counted), "Count", {"ApiId": api_id})
    return answer


def record_embedded(line: str) -> None:
    """Record the metrics of one log line in embedded metric format."""
    try:
        document = json.loads(line)
        directives = document["_aws"]["CloudWatchMetrics"]
    except (ValueError, KeyError, TypeError):
        return  # a log line that only looks like one; CloudWatch ignores it as well
    for directive in directives:
        for names in directive.get("Dimensions", [[]]):
            dimensions = {name: str(document[name]) for name in names if name in document}
            for metric in directive.get("Metrics", []):
                recorded = document.get(metric["Name"], [])
                for value in recorded if isinstance(recorded, list) else [recorded]:
                    unit = metric.get("Unit", _UNIT)
                    cloudwatch.record_metric(directive["Namespace"], metric["Name"], value, unit, dimensions)
