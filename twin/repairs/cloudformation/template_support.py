"""SAM templates in CloudFormation: routes, addresses, definitions in YAML, a size limit."""

import json
import re
from typing import Any

import yaml
from ministack.services import apigateway, lambda_svc
from ministack.services.cloudformation import provisioners

from twin.repairs.repair_registry import Original, Site, repair

_API_ADDRESS = re.compile(r"https?://([a-f0-9]{8})\.execute-api\.[A-Za-z0-9.:-]+")


@repair(
    "ministack.services.cloudformation.stacks._resolve_refs",
    reason="An API's address in an output leads to the internet, or needs a resolver for *.localhost.",
    link="https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html",
    source_sha256="e8c53253cae619fccd1292460699634ceb6909bfa57ee97ba6269081502f4e55",
    needs_site=True,
)
def resolve_reachable(original: Original, site: Site, *arguments: Any, **named: Any) -> Any:
    """Return a resolved value in which an API's address on AWS is its path on loopback."""
    return _rewritten(original(*arguments, **named), rf"{site.endpoint_url}/_aws/execute-api/\1")


def _rewritten(value: Any, replacement: str) -> Any:
    if isinstance(value, str):
        return _API_ADDRESS.sub(replacement, value) if ".execute-api." in value else value
    if isinstance(value, list):
        return [_rewritten(entry, replacement) for entry in value]
    if isinstance(value, dict):
        return {key: _rewritten(entry, replacement) for key, entry in value.items()}
    return value


_API = "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS[AWS::ApiGatewayV2::Api]"
_API_LINK = (
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-apigatewayv2-api.html"
)


@repair(
    f"{_API}[create]",
    reason="The OpenAPI body of an HTTP API is ignored: SAM's HttpApi has no routes.",
    link=_API_LINK,
    source_sha256="0002e18b419844346cb0e2ec253f6229cc383b014389eb3709482f9904c84389",
)
def create_with_routes(original: Original, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """Create an HTTP API with the routes of its body."""
    api_id, attributes = original(logical_id, _with_name(properties, logical_id), stack)
    _add_routes(api_id, properties.get("Body"), stack)
    return api_id, attributes


@repair(
    f"{_API}[update]",
    reason="The OpenAPI body of an HTTP API is ignored on updates as well.",
    link=_API_LINK,
    source_sha256="d12d60c12ed7d9aa4399d500d041ece3fab3308f46800cc3d7d03ba738862a12",
)
def update_with_routes(
    original: Original, api_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any
) -> Any:
    """Update an HTTP API; the routes of a new body replace the old ones."""
    updated = original(api_id, old, _with_name(new, api_id), *rest)
    if new.get("Body"):
        apigateway._routes[updated[0]] = {}
        apigateway._integrations[updated[0]] = {}
        _add_routes(updated[0], new["Body"], rest[0])
    return updated


def _with_name(properties: dict[str, Any], logical_id: str) -> dict[str, Any]:
    if not (body := properties.get("Body")):
        return properties
    title = body.get("info", {}).get("title")
    return {"Name": title if isinstance(title, str) else logical_id, "ProtocolType": "HTTP"} | properties


def _add_routes(api_id: str, body: dict[str, Any] | None, stack: str) -> None:
    types = provisioners._RESOURCE_HANDLERS
    for path, methods in (body or {}).get("paths", {}).items():
        for method, operation in methods.items():
            declared = operation["x-amazon-apigateway-integration"]
            function = declared["uri"].split("/functions/")[1].rsplit("/invocations", 1)[0]
            integration_id, _ = types["AWS::ApiGatewayV2::Integration"]["create"](
                "Integration",
                {
                    "ApiId": api_id,
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": function,
                    "PayloadFormatVersion": declared.get("payloadFormatVersion", "2.0"),
                },
                stack,
            )
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            key = "$default" if path == "/$default" else f"{verb} {path}"
            route = {"ApiId": api_id, "RouteKey": key, "Target": f"integrations/{integration_id}"}
            types["AWS::ApiGatewayV2::Route"]["create"]("Route", route, stack)


@repair(
    "ministack.services.cloudformation.provisioners._sfn_definition",
    reason="A definition in YAML is deployed, and its executions fail with InvalidDefinition.",
    link="https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-statemachine.html",
    source_sha256="e29ae22959e7b7cf2a542d50adf07af70306e9944b3c72b20be2eef24a6a89ed",
)
def define_from_yaml(original: Original, properties: dict[str, Any]) -> str:
    """Return a definition as JSON, read as YAML after its substitutions if it is that."""
    text = str(original(properties))
    return text if text.lstrip().startswith("{") else json.dumps(yaml.safe_load(text), default=str)


@repair(
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS[AWS::Lambda::Function][create]",
    reason="Code and layers above 250 MB are refused on updates only, so a stack deploys that AWS refuses.",
    link="https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    source_sha256="8b2cf80e961d92ee1f17e7570805cc653c366df5724cf7424bcf19d6d475c8ce",
)
def create_within_limit(original: Original, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """Create a function unless it unpacks to more than AWS takes, layers included."""
    physical_id, attributes = original(logical_id, properties, stack)
    function = lambda_svc._functions[physical_id]
    refusal = lambda_svc._validate_total_unzipped_size(function["code_zip"], properties.get("Layers"))
    if refusal is not None:
        raise ValueError(f"The code and the layers together: {json.loads(refusal[2])['message']}")
    return physical_id, attributes
