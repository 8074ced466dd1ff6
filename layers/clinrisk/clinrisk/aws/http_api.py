"""A Lambda behind the HTTP API: the request as plain values, the answer as a page with its headers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from clinrisk.aws.telemetry import logger
from clinrisk.core.release.page import approval_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from clinrisk.core.release.page.approval_page import Page

# The page's form has one short text; whatever is longer was not sent by it.
LONGEST_BODY = 20_000


@dataclass(frozen=True)
class WebRequest:
    """What a browser asked for; a field given twice is dropped, since one of them would win unseen."""

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]


def request_of(event: Mapping[str, Any]) -> WebRequest:
    """Return the request in an HTTP API event (payload format 2.0)."""
    given = APIGatewayProxyEventV2(dict(event))
    try:
        body = given.decoded_body or ""
    except ValueError:
        body = ""  # neither base64 nor UTF-8: no form of ours
    return WebRequest(
        method=given.http_method,
        path=given.path_parameters,
        query=_fields(given.raw_query_string or ""),
        form=_fields(body) if len(body) <= LONGEST_BODY else {},
    )


def web(serve: Callable[[WebRequest], Page]) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """Make a function from request to page a Lambda handler; a fault becomes a page in plain words too."""

    def run(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        request = request_of(event)
        try:
            answer = serve(request)
        except Exception as error:  # noqa: BLE001 - a browser must never see a trace; the log names the error
            logger().error("page failed", extra={"error": type(error).__name__})
            # It may have broken after a decision was recorded: then the same answer again only completes it.
            text = (
                "Please open the link again in a while: it shows whether anything was decided, and has a "
                "button where that was not passed on. Sending the same answer again is safe too."
            )
            answer = approval_page.notice(500, "Something went wrong", text)
        html = "" if request.method == "HEAD" else answer.html
        return {
            "statusCode": answer.status,
            "headers": approval_page.headers(of_job=answer.of_job),
            "body": html,
        }

    @wraps(serve)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        traced = logger().inject_lambda_context(
            run, correlation_id_path="requestContext.requestId", clear_state=True
        )
        response: dict[str, Any] = traced(event, context)
        return response

    return handler


def _fields(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=50)
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}
