"""The paths of the engine's gateway that can be reached without a signature."""

from typing import Any

# The engine's own back doors (reset, runtime configuration, message dumps, code downloads) ask for no
# signature. Only the answers of custom resources are needed, and their links hold an unguessable token.
_OPEN = ("/_ministack/health", "/_ministack/ready", "/_ministack/cfn-response/", "/_aws/execute-api/")
_CLOSED = ("/_ministack/", "/_localstack/", "/_aws/")


def close_back_doors(application: Any) -> Any:
    """Return the application with the engine's back doors closed: any web page could otherwise use them."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path.startswith(_CLOSED) and not path.startswith(_OPEN):
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await application(scope, receive, send)

    return guarded
