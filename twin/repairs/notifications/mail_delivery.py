"""E-mail subscriptions of SNS topics, delivered to the twin's mailbox.

Other protocols are the engine's.
"""

from typing import Any

from ministack.services import cloudwatch, sns

from twin import mailbox
from twin.repairs.repair_registry import Original, Site, repair


@repair(
    "ministack.services.sns._fanout",
    reason="A mail is a line in the engine's log, and subscriptions wait for a confirmation nobody can give.",
    link="https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html",
    source_sha256="984cdd91d64aa056a4049ec5df248bfee3e5bebcabbc65269f737ba40bf6bb86",
    needs_site=True,
)
def fanout_with_mail(
    original: Original,
    site: Site,
    topic_arn: str,
    msg_id: str,
    message: str,
    subject: str,
    message_structure: str = "",
    message_attributes: dict[str, Any] | None = None,
    *rest: Any,
    **named: Any,
) -> None:
    """Publish a message; every e-mail subscription whose filter policy matches gets a mail."""
    original(topic_arn, msg_id, message, subject, message_structure, message_attributes, *rest, **named)
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
