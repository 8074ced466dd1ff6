"""Loopback is a private wire, and nobody unsigned may use it."""

from typing import Any

from ministack import app

from twin.repairs.registry import Site

_REFUSAL = b"<Error><Code>AccessDenied</Code><Message>The twin serves signed requests only</Message></Error>"


def apply(site: Site) -> None:
    """Count loopback as secure transport; refuse callers without a signature."""
    del site
    _secure_transport()
    _refuse_unsigned()


def _secure_transport() -> None:
    """Make aws:SecureTransport true for every request.

    The engine evaluates it honestly, so a TLS-only bucket policy refuses everything over plain HTTP. The twin
    listens on 127.0.0.1 only: no wire carries the request, and a certificate would have to be trusted by
    every tool.
    """
    pin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)


def _refuse_unsigned() -> None:
    """Refuse any service call without an access key.

    The engine tells the names of all buckets to anybody, and decides per service whom else to answer. Here
    every call is signed or presigned; only the Approval API, which is not a service call, takes strangers.
    """
    dispatch = app._dispatch_service_request

    async def signed_only(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        request_id: str,
    ) -> Any:
        if not app.extract_access_key_id(headers, query_params):
            return 403, {"Content-Type": "application/xml", "x-amzn-requestid": request_id}, _REFUSAL
        return await dispatch(method, path, headers, body, query_params, request_id)

    app._dispatch_service_request = signed_only
