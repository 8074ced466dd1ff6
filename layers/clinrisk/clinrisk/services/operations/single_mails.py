"""Single Mails: what is mailed once, whoever tries, and however often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import clients
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import stops

if TYPE_CHECKING:
    from clinrisk.core.mails import Mail


def send(what: str, at: str, mail: Mail, audience: str) -> bool:
    """Send the mail about an end, named by what has ended and when; return False where it was sent before."""
    if not stops.note(what, at):
        return False
    try:
        clients.sns().publish(
            TopicArn=settings().alerts_topic,
            Subject=mail.subject,
            Message=mail.text,
            MessageAttributes={"audience": {"DataType": "String", "StringValue": audience}},
        )
    except BaseException:
        # The next try must find the mail still to be sent.
        stops.forget(what, at)
        raise
    return True
