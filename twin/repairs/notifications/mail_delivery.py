"""Mail that can be read, and bucket events that carry what AWS sends."""

import json
from typing import Any

from ministack.services import cloudwatch, eventbridge, s3, sns

from twin import mailbox
from twin.repairs.registry import Site


def apply(site: Site) -> None:
    """Deliver e-mail subscriptions to the mailbox; complete the bucket events."""
    _mail(site)
    _object_versions()


def _mail(site: Site) -> None:
    """Write a letter for every e-mail subscription whose filter policy matches.

    The engine logs that it would have sent one, and waits for a confirmation that nobody can give.
    """
    fanout = sns._fanout

    def fanout_with_mail(
        topic_arn: str,
        msg_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        *rest: Any,
        **named: Any,
    ) -> None:
        fanout(topic_arn, msg_id, message, subject, message_structure, message_attributes, *rest, **named)
        delivered = 0
        for subscription in (sns._topic_by_arn_any_scope(topic_arn) or {}).get("subscriptions", []):
            if subscription.get("protocol") not in ("email", "email-json"):
                continue
            text = sns._resolve_message_for_protocol(message, message_structure, "email")
            if sns._matches_filter_policy(subscription, message_attributes or {}, text):
                title = subject or "AWS Notification Message"
                mailbox.deliver(site.state_dir / "mail", subscription["endpoint"], title, text, topic_arn)
                delivered += 1
        dimensions = {"TopicName": topic_arn.rpartition(":")[2]}
        counts = {"NumberOfMessagesPublished": 1, "NumberOfNotificationsDelivered": delivered}
        for name, count in (counts | {"NumberOfNotificationsFailed": 0}).items():
            cloudwatch.record_metric("AWS/SNS", name, count, "Count", dimensions)

    sns._fanout = fanout_with_mail


def _object_versions() -> None:
    """Put version-id into the EventBridge events of versioned buckets.

    AWS sends it (and a claim on bucket, key and version depends on it); the engine passes it to queues only.
    """
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(bucket: str, key: str, event_name: str, *rest: Any, **named: Any) -> None:
        version_id = named.get("version_id")
        if not version_id:
            fire(bucket, key, event_name, *rest, **named)
            return
        known = _known_versions
        known[(bucket, key, named.get("sequencer"))] = version_id
        try:
            fire(bucket, key, event_name, *rest, **named)
        finally:
            known.pop((bucket, key, named.get("sequencer")), None)

    def dispatch_with_version(event: dict[str, Any], *rest: Any, **named: Any) -> Any:
        if event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            entry = (detail["bucket"]["name"], detail["object"]["key"], detail["object"].get("sequencer"))
            if version_id := _known_versions.get(entry):
                detail["object"]["version-id"] = version_id
                event = event | {"Detail": json.dumps(detail)}
        return dispatch(event, *rest, **named)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


_known_versions: dict[tuple[str, str, str | None], str] = {}
