"""What CloudFormation makes of a SAM template: routes, definitions in YAML, addresses that answer."""

import json
import re
from typing import Any

import yaml
from ministack.services import apigateway, lambda_svc
from ministack.services.cloudformation import provisioners, stacks

from twin.repairs.registry import Site

_API_ADDRESS = re.compile(r"https?://([a-f0-9]{8})\.execute-api\.[A-Za-z0-9.:-]+")


def apply(site: Site) -> None:
    """Repair how stacks are resolved and provisioned."""
    _reachable_addresses(site)
    _http_api_body()
    _definitions_in_yaml()
    _code_within_limit()


def _reachable_addresses(site: Site) -> None:
    """Turn an API's address on AWS into one that any browser and any client can open on this laptop.

    `https://<id>.execute-api.<region>.amazonaws.com` leads out to the internet, and
    `<id>.execute-api.localhost` needs a resolver that not every system has. The engine serves the same API
    under a path on loopback.
    """
    resolve = stacks._resolve_refs

    def resolve_reachable(*arguments: Any, **named: Any) -> Any:
        return _rewritten(resolve(*arguments, **named), rf"{site.endpoint_url}/_aws/execute-api/\1")

    stacks._resolve_refs = resolve_reachable


def _rewritten(value: Any, replacement: str) -> Any:
    if isinstance(value, str):
        return _API_ADDRESS.sub(replacement, value) if ".execute-api." in value else value
    if isinstance(value, list):
        return [_rewritten(entry, replacement) for entry in value]
    if isinstance(value, dict):
        return {key: _rewritten(entry, replacement) for key, entry in value.items()}
    return value


def _http_api_body() -> None:
    """Give an HTTP API the routes of its OpenAPI body: SAM's HttpApi is written so, the engine ignores it."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers["create"], handlers["update"]

    def create_with_routes(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        api_id, attributes = create(logical_id, _named(properties, logical_id), stack)
        _add_routes(api_id, properties.get("Body"), stack)
        return api_id, attributes

    def update_with_routes(api_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        updated = update(api_id, old, _named(new, api_id), *rest)
        if new.get("Body"):
            apigateway._routes[updated[0]] = {}
            apigateway._integrations[updated[0]] = {}
            _add_routes(updated[0], new["Body"], rest[0])
        return updated

    handlers |= {"create": create_with_routes, "update": update_with_routes}


def _named(properties: dict[str, Any], logical_id: str) -> dict[str, Any]:
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


def _definitions_in_yaml() -> None:
    """Read a definition as YAML as well, after its substitutions, as AWS does; the engine wants JSON."""
    define = provisioners._sfn_definition

    def define_from_yaml(properties: dict[str, Any]) -> str:
        text = str(define(properties))
        return text if text.lstrip().startswith("{") else json.dumps(yaml.safe_load(text), default=str)

    provisioners._sfn_definition = define_from_yaml


def _code_within_limit() -> None:
    """Refuse a function that unpacks to more than AWS takes, layers included, when it is created as well.

    The engine checks it on updates only, so a stack might deploy here that never deploys on AWS.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers["create"]

    def create_within_limit(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        physical_id, attributes = create(logical_id, properties, stack)
        function = lambda_svc._functions[physical_id]
        refusal = lambda_svc._validate_total_unzipped_size(function["code_zip"], properties.get("Layers"))
        if refusal is not None:
            raise ValueError(f"The code and the layers together: {json.loads(refusal[2])['message']}")
        return physical_id, attributes

    handlers["create"] = create_within_limit
