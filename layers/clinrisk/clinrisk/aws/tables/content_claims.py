"""The claims on the bytes of files, in the Uploads table: of several equal uploads, one is read at a time.

    CONTENT#<use_case>[-v<n>]#<purpose>#<sha256>  STATE   upload_id, and while it is being read: execution

Whoever holds the claim reads the file; others of the same use case and purpose wait until that upload is
settled. Only a settlement that uses the rows takes the execution off the claim (`uploads.settle`, in its
transaction), and from then on they are duplicates. A claim whose upload was settled otherwise, or whose
execution ended without settling it, may be taken over, by one: every change has the holder as its condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.errors import SameBytesInProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.aws.dynamodb import Item


def claim(
    use_case: str,
    purpose: str,
    sha256: str,
    *,
    upload_id: str,
    execution: str,
    abandoned: Callable[[str], bool],
) -> str | None:
    """Claim the bytes for an upload and return None, or return the other upload whose rows they are.

    Raises SameBytesInProgress while another upload of them is being read. The upload itself must have been
    claimed before, by the same execution.
    """
    table = settings().uploads_table
    wanted = uploads.content_item(use_case, purpose, sha256, upload_id) | {"execution": execution}
    if dynamodb.write(table, wanted, unless_exists=True):
        return None
    held = dynamodb.read(table, uploads.content_key(use_case, purpose, sha256))
    if held is None:
        raise SameBytesInProgress("The claim on the bytes has just been given up.")
    if "execution" not in held:
        return None if held["upload_id"] == upload_id else str(held["upload_id"])
    if held["upload_id"] != upload_id and not _given_up(held, abandoned):
        raise SameBytesInProgress("Another upload of the same bytes is being read.")
    condition = "upload_id = :upload AND execution = :execution"
    values = {":upload": held["upload_id"], ":execution": held["execution"]}
    if dynamodb.transact([dynamodb.put(table, wanted, condition, values)]):
        raise SameBytesInProgress("Another upload of the same bytes was a moment faster.")
    return None


def _given_up(held: Item, abandoned: Callable[[str], bool]) -> bool:
    """Return whether the upload that holds the bytes will never use them under this claim."""
    settlement = uploads.settlement_of(held["upload_id"])
    if settlement is None:
        return abandoned(held["execution"])
    # Used rows are seen by the claim itself: it had changed between the two reads.
    return settlement.disposition not in uploads.USED
