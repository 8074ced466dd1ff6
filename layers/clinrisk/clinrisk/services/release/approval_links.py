"""Approval links: an opaque id, an expiry, and a MAC over both and all digests of the candidate.

The MAC is made by the signing key in KMS. A forged, altered or expired link opens nothing, and a link made
for one candidate and its evidence opens nothing for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from clinrisk.aws import kms
from clinrisk.aws.settings import settings
from clinrisk.core import digests
from clinrisk.errors import DecisionInvalid

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval


def link(approval: Approval) -> str:
    """Return the address of the approval page."""
    query = urlencode({"expires": approval.expires_at, "mac": _mac(approval)})
    return f"{settings().approval_api_url}/approvals/{quote(approval.approval_id)}?{query}"


def check(approval: Approval, expires: str, mac: str) -> None:
    """Pass silently when the link is genuine, expired or not; raises DecisionInvalid."""
    same = hmac.compare_digest(_mac(approval).encode(), mac.encode(errors="surrogatepass"))
    if not same or expires != str(approval.expires_at):
        raise DecisionInvalid("This link is not one that we sent, or it was altered on the way.")


def paper(approval: Approval, name: str, mac: str) -> str:
    """Return the address of a paper behind the same link, relative to the page."""
    return "?" + urlencode({"expires": approval.expires_at, "mac": mac, "paper": name})


def nonce(mac: str, evidence: str) -> str:
    """Return the form's nonce for the evidence on its page: only who holds the link can know it.

    >>> nonce("a", "e") == nonce("a", "e"), nonce("a", "e") in {nonce("b", "e"), nonce("a", "f")}
    (True, False)
    """
    return hmac.new(
        mac.encode(errors="surrogatepass"), f"clinrisk approval form|{evidence}".encode(), hashlib.sha256
    ).hexdigest()


def _mac(approval: Approval) -> str:
    # The prefix keeps these MACs apart from the pseudonym keys that the same key derives.
    about = digests.digest_of(approval.digests.model_dump())
    made = kms.mac(f"approval link|{approval.approval_id}|{approval.expires_at}|{about}")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")
