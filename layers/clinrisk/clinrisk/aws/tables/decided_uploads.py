"""What was decided about settled uploads, in the Uploads table: held, let through, withdrawn, erased from.

A decision changes the disposition in both items of an upload, in one transaction, and is added to its list of
decisions: whoever reads the table sees the upload before it or after it. The receipt stays as it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.messages.ingest import Disposition

if TYPE_CHECKING:
    from clinrisk.messages.erasure import UploadErasure
    from clinrisk.messages.ingest import Settlement, UploadDecision


def decide(before: Settlement, decision: UploadDecision) -> bool:
    """Change the disposition of an upload as `before` has it; return False when it was another by then.

    Whoever lets an upload through claims its bytes for it: False as well where another upload of the same
    bytes is used. One that is withdrawn gives its bytes up, so that they may be dropped again.
    """
    table, (pk, sk) = settings().uploads_table, uploads.upload_key(before.upload_id)
    state = dynamodb.read(table, (pk, sk)) or {}
    decisions = [*state.get("decisions", []), decision.model_dump(mode="json")]
    changed = {"disposition": str(decision.after), "decisions": decisions}
    unchanged, values = "disposition = :before", {":before": str(decision.before)}
    listed = before.model_dump(mode="json") | dynamodb.key_of(uploads.settlement_key(before))
    writes = [
        dynamodb.put(table, state | changed, unchanged, values),
        dynamodb.put(table, listed | changed, unchanged, values),
    ]
    content = uploads.content_key(before.use_case, before.purpose, before.sha256)
    mine = {":mine": before.upload_id}
    if decision.after in uploads.USED:
        used = uploads.content_item(before.use_case, before.purpose, before.sha256, before.upload_id)
        writes.append(dynamodb.put(table, used, "attribute_not_exists(pk) OR upload_id = :mine", mine))
    elif (
        decision.after == Disposition.WITHDRAWN
        and (dynamodb.read(table, content) or {}).get("upload_id") in mine.values()
    ):
        writes.append(dynamodb.delete(table, content))
    return not dynamodb.transact(writes)


def keep_erasure(before: Settlement, erasure: UploadErasure, labelled_rows: int) -> bool:
    """Take erased rows out of an upload's counts; return False when it was another by then.

    Its receipt stays as it was written: it says what the file was.
    """
    table, key = settings().uploads_table, uploads.upload_key(before.upload_id)
    state = dynamodb.read(table, key) or {}
    changed = {
        "rows_accepted": before.rows_accepted - erasure.rows,
        "labelled_rows": labelled_rows,
        "erasures": [one.model_dump(mode="json") for one in (*before.erasures, erasure)],
    }
    listed = before.model_dump(mode="json") | dynamodb.key_of(uploads.settlement_key(before))
    unchanged = "rows_accepted = :rows AND disposition = :disposition"
    values = {":rows": before.rows_accepted, ":disposition": str(before.disposition)}
    writes = [dynamodb.put(table, item | changed, unchanged, values) for item in (state, listed)]
    return not dynamodb.transact(writes)
