"""A decision about an upload is in both of its items and in the claim on its bytes, or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import dynamodb
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.messages.ingest import Disposition, UploadDecision
from tests.integration.scored_batches import LIKE_TRAINING, OTHER_HOSPITAL, settle

if TYPE_CHECKING:
    from clinrisk.messages.ingest import Settlement
    from tests.integration.conftest import Stack

TABLE = "clinrisk-uploads"
ACCEPTED, HELD, WITHDRAWN = Disposition.ACCEPTED, Disposition.HELD, Disposition.WITHDRAWN


def settled(disposition: Disposition) -> Settlement:
    settle(LIKE_TRAINING, "2026-03-02T00:00:00.000Z", 9, disposition=disposition)
    return found()


def found() -> Settlement:
    kept = uploads.settlement_of(LIKE_TRAINING)
    assert kept is not None
    return kept


def keys(upload: Settlement) -> dict[str, Any]:
    return {"state": uploads.upload_key(upload.upload_id), "list": uploads.settlement_key(upload)}


def items(upload: Settlement) -> dict[str, Any]:
    return {name: dynamodb.read(TABLE, key) for name, key in keys(upload).items()}


def claim_bytes(upload: Settlement, upload_id: str) -> None:
    dynamodb.write(TABLE, uploads.content_item(upload.use_case, upload.purpose, upload.sha256, upload_id))


def holder_of_bytes(upload: Settlement) -> str | None:
    key = uploads.content_key(upload.use_case, upload.purpose, upload.sha256)
    held = dynamodb.read(TABLE, key)
    return str(held["upload_id"]) if held else None


def decision(before: Disposition, after: Disposition) -> UploadDecision:
    return UploadDecision(
        decision="WITHDRAW" if after == WITHDRAWN else "LET_THROUGH",
        person="anna",
        reason="Looked at.",
        decided_at="2026-03-03T00:00:00.000Z",
        execution="run-9",
        before=before,
        after=after,
    )


def test_both_items_have_the_decision_and_the_upload_holds_its_bytes(stack: Stack) -> None:
    before = settled(HELD)
    assert decided_uploads.decide(before, decision(HELD, ACCEPTED))
    after = items(before)
    assert {item["disposition"] for item in after.values()} == {ACCEPTED}
    assert [len(item["decisions"]) for item in after.values()] == [1, 1]
    assert holder_of_bytes(before) == LIKE_TRAINING


@pytest.mark.parametrize("moved", ["state", "list"])
def test_where_either_item_has_moved_on_neither_is_changed(stack: Stack, moved: str) -> None:
    before = settled(HELD)
    dynamodb.write(TABLE, items(before)[moved] | {"disposition": str(WITHDRAWN)})
    there = items(before)
    assert not decided_uploads.decide(before, decision(HELD, ACCEPTED))
    assert items(before) == there
    assert holder_of_bytes(before) is None


@pytest.mark.parametrize(("holder", "decided"), [(LIKE_TRAINING, True), (OTHER_HOSPITAL, False)])
def test_an_upload_is_let_through_unless_another_of_the_same_bytes_is_used(
    stack: Stack,
    holder: str,
    decided: bool,  # noqa: FBT001 - expected
) -> None:
    before = settled(HELD)
    claim_bytes(before, holder)
    assert decided_uploads.decide(before, decision(HELD, ACCEPTED)) == decided
    assert holder_of_bytes(before) == holder
    assert found().disposition == (ACCEPTED if decided else HELD)


@pytest.mark.parametrize(("holder", "left"), [(LIKE_TRAINING, None), (OTHER_HOSPITAL, OTHER_HOSPITAL)])
def test_a_withdrawn_upload_gives_up_its_own_bytes_and_no_others(
    stack: Stack, holder: str, left: str | None
) -> None:
    before = settled(ACCEPTED)
    claim_bytes(before, holder)
    assert decided_uploads.decide(before, decision(ACCEPTED, WITHDRAWN))
    assert holder_of_bytes(before) == left


def test_a_held_upload_keeps_its_bytes(stack: Stack) -> None:
    before = settled(ACCEPTED)
    claim_bytes(before, LIKE_TRAINING)
    assert decided_uploads.decide(before, decision(ACCEPTED, HELD))
    assert holder_of_bytes(before) == LIKE_TRAINING


def test_every_decision_is_kept_after_those_before_it(stack: Stack) -> None:
    assert decided_uploads.decide(settled(HELD), decision(HELD, ACCEPTED))
    assert decided_uploads.decide(found(), decision(ACCEPTED, WITHDRAWN))
    assert [one.after for one in found().decisions] == [ACCEPTED, WITHDRAWN]
