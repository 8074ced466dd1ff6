"""The requests that the engine answers: signed ones, for which loopback counts as secure transport.

Which resources a caller may use is the engine's own evaluation of policies.
"""

from typing import Any

from ministack import app

from twin.repairs.repair_registry import Original, repair

_REFUSAL = b"<Error><Code>AccessDenied</Code><Message>The twin serves signed requests only</Message></Error>"


@repair(
    "ministack.app.pin_request_origin",
    reason="A TLS-only bucket policy refuses every request over plain HTTP, on loopback as well.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport",
    source_sha256="de819c1bd9ac2be4b8dd3c7a66d2c3c690fe74d95b4d42519ec581ac9ebf3b36",
)
def loopback_is_secure(original: Original, source_ip: str, _secure: bool) -> Any:
    """Make aws:SecureTransport true for every request.

    The twin listens on 127.0.0.1 only: no wire carries the request, and a certificate would have to be
    trusted by every tool.
    """
    return original(source_ip, True)


@repair(
    "ministack.app._dispatch_service_request",
    reason="A caller without a signature gets the names of all buckets.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html",
    source_sha256="17e5ef6dcfa0d4e6f646c075a4396cd5a0d306b5bcc1ecc48285855a57f92cc7",
)
async def signed_requests_only(
    original: Original,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, Any],
    request_id: str,
) -> Any:
    """Refuse any service call without an access key.

    Here every call is signed or presigned; only the Approval API, which is not a service call, takes
    unsigned requests.
    """
    if not app.extract_access_key_id(headers, query_params):
        return 403, {"Content-Type": "application/xml", "x-amzn-requestid": request_id}, _REFUSAL
    return await original(method, path, headers, body, query_params, request_id)
