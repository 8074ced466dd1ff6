"""The approvals topic: one subscription per approver, for what is addressed to that person alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clinrisk.aws import clients
from clinrisk.aws.settings import settings

if TYPE_CHECKING:
    from clinrisk.core.mails import Mail

_ADDRESSEE = "approver"


def subscribe(mail: str, approver_id: str) -> str:
    """Subscribe an address to the mails to one approver and return the subscription's ARN; may be repeated.

    AWS then mails the address a request to confirm. Until that is done nothing else is delivered.
    """
    return clients.sns().subscribe(
        TopicArn=settings().approvals_topic,
        Protocol="email",
        Endpoint=mail,
        Attributes={"FilterPolicy": json.dumps({_ADDRESSEE: [approver_id]})},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]


def confirm(token: str) -> None:
    """Confirm a subscription with the token of AWS's mail so that only this account can end it.

    Whoever follows the link in that mail confirms too, but then every mail has a link that ends it unasked.
    """
    clients.sns().confirm_subscription(
        TopicArn=settings().approvals_topic, Token=token, AuthenticateOnUnsubscribe="true"
    )


def confirmed() -> set[str]:
    """Return the subscriptions to which mail is delivered."""
    pages = clients.sns().get_paginator("list_subscriptions_by_topic")
    return {
        one["SubscriptionArn"]
        for page in pages.paginate(TopicArn=settings().approvals_topic)
        for one in page["Subscriptions"]
        if one["SubscriptionArn"].startswith("arn:")  # else PendingConfirmation, or Deleted
    }


def end(subscription: str) -> None:
    """End a subscription; one that was never confirmed ends by itself after two days."""
    sns = clients.sns()
    try:
        sns.unsubscribe(SubscriptionArn=subscription)
    except (sns.exceptions.NotFoundException, sns.exceptions.InvalidParameterException):
        return


def send(approver_id: str, mail: Mail) -> None:
    """Mail one approver, and nobody else."""
    clients.sns().publish(
        TopicArn=settings().approvals_topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={_ADDRESSEE: {"DataType": "String", "StringValue": approver_id}},
    )
