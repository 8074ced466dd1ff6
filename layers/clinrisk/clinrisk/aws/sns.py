"""Mails by SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import clients

if TYPE_CHECKING:
    from clinrisk.core.mails import Mail


def send(topic: str, mail: Mail) -> None:
    """Publish a mail to a topic's subscribers."""
    clients.sns().publish(TopicArn=topic, Subject=mail.subject, Message=mail.text)
