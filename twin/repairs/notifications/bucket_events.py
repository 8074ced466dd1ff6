"""The EventBridge events of a versioned bucket, which name the object's version."""

import json
from typing import Any

from twin.repairs.repair_registry import Original, repair

_versions: dict[tuple[str, str, str | None], str] = {}
"""The version by bucket, key and sequencer of each event on its way from S3 to EventBridge."""


@repair(
    "ministack.services.s3._fire_s3_event",
    reason="S3 hands an object's version to queues and topics, not to EventBridge.",
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html",
    source_sha256="2ab38cfade76bf2e1f76f9a467af19a3d5bc3e5f0a6d944a8c879677facbfdc4",
)
def remember_version(
    original: Original, bucket: str, key: str, event_name: str, *rest: Any, **named: Any
) -> None:
    """Fire an event; while it is on its way, its version is known."""
    version_id, entry = named.get("version_id"), (bucket, key, named.get("sequencer"))
    if version_id:
        _versions[entry] = version_id
    try:
        original(bucket, key, event_name, *rest, **named)
    finally:
        _versions.pop(entry, None)


@repair(
    "ministack.services.eventbridge._dispatch_event",
    reason="A bucket event has no version-id, so a claim on bucket, key and version is impossible.",
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html",
    source_sha256="d1bfe064f602d11c9700f4890bde62c7641b4442a9f2d61da81c075c8186416d",
)
def dispatch_with_version(original: Original, event: dict[str, Any], *rest: Any, **named: Any) -> Any:
    """Dispatch an event; one of a versioned bucket carries the version-id."""
    if event.get("Source") == "aws.s3":
        detail = json.loads(event["Detail"])
        entry = (detail["bucket"]["name"], detail["object"]["key"], detail["object"].get("sequencer"))
        if version_id := _versions.get(entry):
            detail["object"]["version-id"] = version_id
            event = event | {"Detail": json.dumps(detail)}
    return original(event, *rest, **named)
