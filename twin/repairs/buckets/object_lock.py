"""Object Lock of a bucket that a template declares, and writes that a bucket policy takes only once."""

from typing import Any

from ministack.services import s3

from twin.repairs.repair_registry import Original, repair

_LOCK = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3-bucket-objectlockconfiguration.html"
_HANDLER = "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS[AWS::S3::Bucket]"


@repair(
    f"{_HANDLER}[create]",
    reason="A bucket's ObjectLockConfiguration is ignored: every version can be deleted at once.",
    link=_LOCK,
    source_sha256="477b78a3cb150dfd8ccc3077f7d3fd0c7f6001594c972201ab0ea40d8c1ee043",
)
def create_locked(original: Original, logical_id: str, properties: dict[str, Any], stack: str) -> Any:
    """Create a bucket with its lock."""
    name, attributes = original(logical_id, properties, stack)
    _lock(name, properties)
    return name, attributes


@repair(
    f"{_HANDLER}[update]",
    reason="A deploy that changes the default retention of a bucket changes nothing.",
    link=_LOCK,
    source_sha256="1d4f3f6390bb209c2c943f338a740a5678fde4c57635114b963ef8b2303eb11c",
)
def update_locked(
    original: Original, physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str
) -> Any:
    """Update a bucket and its lock."""
    name, attributes = original(physical_id, old, new, stack)
    _lock(name, new)
    return name, attributes


def _lock(bucket: str, properties: dict[str, Any]) -> None:
    if str(properties.get("ObjectLockEnabled", "")).lower() != "true":
        return
    rule = properties.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    retention = rule and {
        name: value if name == "Mode" else int(value) for name, value in rule.items() if value
    }
    s3._bucket_object_lock[bucket] = {"enabled": True, "default_retention": retention}


@repair(
    "ministack.core.iam_actions.s3_service_context",
    reason="s3:if-none-match is unknown: a policy that asks for conditional writes refuses all, or none.",
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html",
    source_sha256="83e53d14d02c3a916deffcd06258848ee893d7e6110c8110484ae5a8c00ddc69",
)
def context_of_conditional_write(
    original: Original,
    iam_action: str,
    query_params: dict[str, Any] | None,
    path: str = "",
    headers: dict[str, str] | None = None,
) -> Any:
    """Return the condition keys of a request, with the condition that a write carries."""
    context = original(iam_action, query_params, path, headers)
    condition = (headers or {}).get("if-none-match")
    if iam_action == "s3:PutObject" and condition:
        context["s3:if-none-match"] = condition
    return context


@repair(
    "ministack.core.iam_actions.s3_additional_checks",
    reason="Whoever may write an object chooses how long it is locked: a default retention is passed by.",
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-configure.html",
    source_sha256="26e5e5602d74314091cf170f8bfb71718e498af2af215da54fb00b975eb6f261",
)
def checks_of_own_retention(
    original: Original,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, Any],
) -> Any:
    """Return what a request needs besides its action: the right to a retention or hold that it brings."""
    checks = original(method, path, headers, body, query_params)
    bucket, _, key = path.lstrip("/").partition("/")
    if method in {"PUT", "POST"} and key:
        resource = f"arn:aws:s3:::{bucket}/{key}"
        checks += [(action, resource) for header, action in _BROUGHT.items() if headers.get(header)]
    return checks


_BROUGHT = {
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
