"""The Uploads table: who has claimed a file, and how it was settled.

    UPLOAD#<upload_id>                     STATE                      the claim, then settlement and receipt
    USE_CASE#<use_case>#<purpose>          <settled_at>#<upload_id>   settled uploads in order of time
    CONTENT#<use_case>#<purpose>#<sha256>  STATE                      see content_claims
    HOLDOUT_USE#<use_case>                 <run_id>                   labelled rows when it used the hold-out

The settlement is one transaction: whoever reads this table sees all of an upload or nothing of it. Receipts
in the Results bucket are copies of what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.core.timestamps import stamp
from clinrisk.core.training.holdout_budget import HoldoutUse, spent
from clinrisk.errors import ClaimLost
from clinrisk.messages.ingest import Disposition, Settlement, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from clinrisk.aws.dynamodb import Item, ItemKey

STATE = "STATE"
CLAIMED = "CLAIMED"
SETTLED = "SETTLED"
USED = (Disposition.ACCEPTED, Disposition.PARTIAL)


def upload_key(upload_id: str) -> ItemKey:
    """Return the key of the claim on an upload, and of its settlement."""
    return f"UPLOAD#{upload_id}", STATE


def _partition(use_case: str, purpose: str) -> str:
    return f"USE_CASE#{use_case}#{purpose}"


def settlement_key(settlement: Settlement) -> ItemKey:
    """Return the key of a settlement in the list of its use case and purpose."""
    return (
        _partition(settlement.use_case, settlement.purpose),
        f"{settlement.settled_at}#{settlement.upload_id}",
    )


def content_key(use_case: str, purpose: str, sha256: str) -> ItemKey:
    """Return the key of the claim on some bytes, which another contract of the use case reads anew."""
    case = use_cases.get(use_case)
    # The first contract's keys are older than its number.
    name = case.contract_id if case.schema_version > 1 else case.name
    return f"CONTENT#{name}#{purpose}#{sha256}", STATE


def _read(upload_id: str) -> Item | None:
    return dynamodb.read(settings().uploads_table, upload_key(upload_id))


def claim(
    upload_id: str,
    *,
    key: str,
    version_id: str,
    use_case: str,
    purpose: str,
    execution: str | None,
    now: datetime,
    abandoned: Callable[[str], bool] = lambda _: False,
) -> Item | None:
    """Claim one version of one object for this execution; None when another delivery of it came first.

    The result is the item as the table holds it, with the file's `sha256` once somebody has computed it. The
    same execution may claim again (a retry after a crash goes on where it was), and so may any execution
    after the upload was parked as FAILED, or when the execution that holds the claim is `abandoned`: ended
    without having settled it. What was FAILED is then in no list any more.
    """
    item = dynamodb.key_of(upload_key(upload_id)) | {
        "upload_id": upload_id,
        "key": key,
        "version_id": version_id,
        "use_case": use_case,
        "purpose": purpose,
        "execution": execution or "",
        "status": CLAIMED,
        "claimed_at": stamp(now),
    }
    table = settings().uploads_table
    if dynamodb.write(table, item, unless_exists=True):
        return item
    held = _read(upload_id) or {}
    holder = held.get("execution", "")
    if held.get("disposition") == Disposition.FAILED:
        name, state = "disposition", str(Disposition.FAILED)
    elif execution and holder == execution:
        return held
    elif held.get("status") == CLAIMED and abandoned(holder):
        name, state = "status", CLAIMED
    else:
        return None
    # The bytes of a version never change: what somebody computed of them counts for everybody.
    item |= {"sha256": held["sha256"]} if held.get("sha256") else {}
    # Two that take over at the same moment: the condition lets one of them.
    condition, values = "#state = :state AND execution = :holder", {":state": state, ":holder": holder}
    writes = [dynamodb.put(table, item, condition, values, {"#state": name})]
    if name == "disposition":
        writes.append(dynamodb.delete(table, settlement_key(_settlement(held))))
    return None if dynamodb.transact(writes) else item


def keep_digest(claimed: Item, sha256: str) -> None:
    """Keep a file's digest with its claim, so that whoever claims it again need not read it again.

    Nothing changes once the claim was settled or is another's: whoever comes then computes the digest anew.
    """
    condition = "#status = :claimed AND execution = :holder AND attribute_not_exists(sha256)"
    values = {":claimed": CLAIMED, ":holder": claimed["execution"]}
    kept = claimed | {"sha256": sha256}
    dynamodb.transact(
        [dynamodb.put(settings().uploads_table, kept, condition, values, {"#status": "status"})]
    )


def content_item(use_case: str, purpose: str, sha256: str, upload_id: str) -> Item:
    """Return the item by which an upload holds its bytes for good."""
    return dynamodb.key_of(content_key(use_case, purpose, sha256)) | {"upload_id": upload_id}


def holder_of(upload_id: str) -> str | None:
    """Return the execution that has claimed an upload and not settled it; None without such a claim."""
    held = _read(upload_id) or {}
    return str(held["execution"]) if held.get("status") == CLAIMED else None


def settle(settlement: Settlement, receipt: str, *, holder: str | None = None) -> None:
    """Record how an upload ended, once, with the text of its receipt.

    With `holder` only if that execution still holds the claim. Raises ClaimLost when somebody else settled or
    claimed the upload, or claimed its bytes, in the meantime: then nothing was recorded.
    """
    table = settings().uploads_table
    held = _read(settlement.upload_id) or {}
    facts = settlement.model_dump(mode="json")
    # An upload that nobody ever claimed has no execution: the claim of a redrive asks for that, too.
    kept = {"execution": ""} | {name: held[name] for name in ("execution", "claimed_at") if name in held}
    state = kept | facts | dynamodb.key_of(upload_key(settlement.upload_id)) | {"status": SETTLED}
    state["receipt_text"] = receipt
    condition, values = "attribute_not_exists(settled_at)", {}
    if holder is not None:
        condition, values = f"{condition} AND execution = :holder", {":holder": holder}
    writes = [
        dynamodb.put(table, state, condition, values),
        dynamodb.put(table, facts | dynamodb.key_of(settlement_key(settlement))),
    ]
    if settlement.disposition in USED:
        content = content_item(
            settlement.use_case, settlement.purpose, settlement.sha256, settlement.upload_id
        )
        mine = {":mine": settlement.upload_id}
        writes.append(dynamodb.put(table, content, "attribute_not_exists(pk) OR upload_id = :mine", mine))
    if dynamodb.transact(writes):
        raise ClaimLost("The upload was settled or claimed by another execution, or its bytes were.")


def settled(use_case: str, purpose: str, *, newest_first: bool = False) -> list[Settlement]:
    """Return the settled uploads of a use case and purpose in order of time, whatever their disposition."""
    found = dynamodb.query(settings().uploads_table, _partition(use_case, purpose), newest_first=newest_first)
    return [_settlement(item) for item in found]


def newest_settled(use_case: str, purpose: str, limit: int, before: str = "") -> list[Settlement]:
    """Return the last so many uploads of a use case and purpose that were settled, or were before a moment.

    It reads no more than it returns, however many there are.
    """
    found = dynamodb.query(
        settings().uploads_table,
        _partition(use_case, purpose),
        before=before,
        newest_first=True,
        limit=limit,
    )
    return [_settlement(item) for item in found]


def by_arrival(settlements: Iterable[Settlement]) -> list[Settlement]:
    """Return uploads in the order of their arrival in the inbox, whenever they were settled.

    S3 stamps versions to the second; between versions of one key its sequencer decides (shorter ones are
    padded with zeros on the right, as S3's documentation says).
    """
    return sorted(settlements, key=lambda one: (one.received_at, one.sequencer.ljust(64, "0"), one.upload_id))


def used(use_case: str, purpose: str, *, newest_first: bool = False) -> list[Settlement]:
    """Return the settled uploads whose rows count (ACCEPTED and PARTIAL), in order of time."""
    every = settled(use_case, purpose, newest_first=newest_first)
    return [upload for upload in every if upload.disposition in USED]


def settlement_of(upload_id: str) -> Settlement | None:
    """Return how an upload was settled, or None while it is not."""
    held = _read(upload_id)
    return None if held is None or held.get("status") != SETTLED else _settlement(held)


def as_upload(settlement: Settlement, bucket: str) -> Upload:
    """Return a settled upload as the workflows know it; its size is 0, for what reads none of its bytes."""
    facts = settlement.model_dump(include=set(Upload.model_fields))
    return Upload.model_validate(facts | {"bucket": bucket, "size": 0})


def receipt_of(settlement: Settlement) -> str | None:
    """Return the text of a settlement's receipt; None when a redrive has claimed the upload since."""
    held = _read(settlement.upload_id) or {}
    same = held.get("settled_at") == settlement.settled_at
    return str(held["receipt_text"]) if same else None


def failed_chunk_of(upload_id: str) -> Item | None:
    """Return error and cause of the first chunk of a large file that failed, as the workflow kept them."""
    held = _read(upload_id) or {}
    found: Item | None = held.get("failed_chunk")
    return found


def record_holdout_use(use_case: str, run_id: str, rows: int) -> int:
    """Record this run's use, once, and return how many the present hold-out has had, this one included."""
    table, pk = settings().uploads_table, f"HOLDOUT_USE#{use_case}"
    dynamodb.write(table, {"pk": pk, "sk": run_id, "rows": rows}, unless_exists=True)
    taken = [HoldoutUse(str(item["sk"]), int(item["rows"])) for item in dynamodb.query(table, pk)]
    return spent(taken, rows)


def _settlement(item: Item) -> Settlement:
    facts = {name: item[name] for name in Settlement.model_fields if name in item}
    return Settlement.model_validate(dynamodb.native(facts))
