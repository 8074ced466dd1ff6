"""The metrics that AWS publishes by itself, and those that it finds in logs."""

import json
from typing import Any

from ministack.services import apigateway, cloudwatch, lambda_svc

from twin.repairs.registry import Site

_UNIT = "None"


def apply(site: Site) -> None:
    """Publish the metrics of every invocation: Lambda's own, and those embedded in the log."""
    del site
    emit, count = lambda_svc._emit_lambda_logs, lambda_svc._emit_lambda_metrics

    def emit_with_metrics(
        func: dict[str, Any],
        request_id: str,
        log_text: str,
        error: bool,
        duration_ms: int,
        **named: Any,
    ) -> None:
        emit(func, request_id, log_text, error, duration_ms, **named)
        # The engine counts calls through the API only: what state machines and events invoke would be
        # invisible.
        count((func.get("config") or func)["FunctionName"], duration_ms, error, False)
        for line in log_text.splitlines():
            if line.startswith("{") and '"_aws"' in line:
                record_embedded(line)

    def count_throttles(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
        if throttle:
            count(function_name, duration_ms, error, throttle)

    lambda_svc._emit_lambda_logs = emit_with_metrics
    lambda_svc._emit_lambda_metrics = count_throttles
    _requests()


def _requests() -> None:
    """Count the requests to an API, and those that were refused or failed; the engine counts none."""
    execute = apigateway.handle_execute

    async def execute_and_count(api_id: str, *rest: Any, **named: Any) -> Any:
        answer = await execute(api_id, *rest, **named)
        for name, counted in (("Count", True), ("4xx", 400 <= answer[0] < 500), ("5xx", answer[0] >= 500)):
            cloudwatch.record_metric("AWS/ApiGateway", name, int(counted), "Count", {"ApiId": api_id})
        return answer

    apigateway.handle_execute = execute_and_count


def record_embedded(line: str) -> None:
    """Record the metrics of one log line.

    The engine keeps embedded metric format as text, so every alarm and dashboard on a function's own metrics
    is blind.
    """
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
