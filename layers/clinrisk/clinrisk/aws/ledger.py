"""The ledger in the Audit bucket: one chain of numbered entries that Object Lock and bucket policy keep.

The next number is won by a conditional write. Whoever writes entry n + 1 has read entry n and has made sure
that the index has it, so an event that is neither the newest entry nor in the index is not in the ledger: a
repeated call finds its own entry, whatever broke off before. What lies under a key and is not what belongs
there is LedgerAltered, never passed over.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients, s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest.upload_decisions import UploadDecisionEntry
from clinrisk.core.ledger import chain, verification
from clinrisk.core.release import obstacles
from clinrisk.core.release.ledger_entries import (
    AgreementEntry,
    ClosedQuestionEntry,
    DecisionEntry,
    QuestionEntry,
    RefusalEntry,
    ReleaseEntry,
    RollbackEntry,
    decision_identity,
    release_identity,
)
from clinrisk.core.training.deployment_entry import DEPLOYMENTS
from clinrisk.errors import DecisionForged, LedgerAltered, ObjectMissing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.ledger.chain import ChainedEntry
    from clinrisk.core.ledger.events import LedgerEvent
    from clinrisk.core.ledger.verification import Verification
    from clinrisk.messages.ingest import Settlement, UploadDecision
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel

_AT_ONCE = 32
"""How many objects are read at a time when all of them are."""
_STEP = 100
"""How many names the last look for the newest entry lists at most."""
# A number has twelve digits; what else lies under the prefix is found by the check, not by every writer.
_NUMBERED = f"{chain.ENTRIES}0"


def write_question(approval: Approval) -> Reference:
    """Write that approvers are asked about a candidate; asked again, it is the same question."""
    return append(
        QuestionEntry(
            **_candidate(approval),
            asked_at=approval.created_at,
            expires_at=approval.expires_at,
            unmet=approval.unmet,
            asked_by=approval.asked_by,
        )
    )


def write_closed_question(approval: Approval, outcome: str, why: str, closed_at: str) -> Reference:
    """Write that a question was closed without a decision, and why."""
    return append(ClosedQuestionEntry(**_candidate(approval), outcome=outcome, why=why, closed_at=closed_at))


def decision_of(approval: Approval) -> DecisionEntry:
    """Return what a person decided, with the digests of what that person was shown, as it is signed."""
    return DecisionEntry(
        **_candidate(approval),
        decision=approval.decision,
        decided_at=approval.decided_at,
        reason=approval.reason,
        evidence=approval.evidence,
        accepted=approval.accepted,
        deciders=approval.deciders,
        quorum=approval.quorum,
        policy=approval.policy,
        signature=approval.signature,
    )


def write_agreement(approval: Approval) -> Reference:
    """Write that the first of two people has said yes."""
    return append(AgreementEntry(**_candidate(approval), decider=approval.agreement["deciders"][0]))


def decision_behind(live: LiveModel) -> DecisionEntry:
    """Return the decision that made a model live, as it is signed; raises DecisionForged without one."""
    if live.decision is None:
        raise DecisionForged(
            f"Live version {live.live_version} carries no signed decision. "
            f"{obstacles.again(live.run_id, live.use_case)}"
        )
    return DecisionEntry(**_candidate(live), **live.decision.model_dump())


def write_decision(approval: Approval) -> Reference:
    """Write what a person decided."""
    return append(decision_of(approval))


def write_release(after: LiveModel) -> Reference:
    """Write one change of the live model, with the decision behind it."""
    decision, rollback = decision_behind(after), after.rollback
    facts = _candidate(after) | {
        "live_version": after.live_version,
        "previous_version": after.previous_version,
        "decided_at": decision.decided_at,
        "effective_at": after.promoted_at,
        "reason": decision.reason,
        "threshold": after.threshold,
        "evidence": decision.evidence,
        "evaluation_name": object_keys.evaluation_name(after.evaluation_uri),
    }
    return append(RollbackEntry(**facts | rollback.model_dump()) if rollback else ReleaseEntry(**facts))


def write_refusal(approval: Approval, refusal: str, refused_at: str) -> Reference:
    """Write why an approved candidate was not released."""
    return append(
        RefusalEntry(
            **_candidate(approval), decided_at=approval.decided_at, refused_at=refused_at, refusal=refusal
        )
    )


def write_upload_decision(upload: Settlement, kept: UploadDecision) -> Reference:
    """Write what was decided about an upload."""
    return append(_of_upload(upload, kept))


def has_upload_decision(upload: Settlement, kept: UploadDecision) -> bool:
    """Return whether the ledger has this decision."""
    return _find(_of_upload(upload, kept).identity) is not None


def release_of(use_case: str, live_version: int) -> dict[str, Any]:
    """Return the body of the entry of the release of a live version; raises ObjectMissing."""
    return _body(release_identity(use_case, live_version))


def approval_of(release: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the entry of the decision behind a release; raises ObjectMissing."""
    return _body(decision_identity(release["use_case"], release["approval_id"]))


def code_deployed(at: str) -> str:
    """Return the sha256 of the job code that was deployed at a moment (ISO 8601), "" where none is known."""
    keys = s3.keys_under(settings().audit_bucket, f"{chain.INDEX}{DEPLOYMENTS}")
    found = (indexed(chain.identity_of(key)) for key in keys)
    before = [entry.body for entry in found if entry and entry.body["deployed_at"] <= at]
    newest = max(before, key=lambda body: body["deployed_at"], default={"code_sha256": ""})
    return str(newest["code_sha256"])


def append(event: LedgerEvent) -> Reference:
    """Write an event under the next number, once, and return the reference to its entry.

    Raises LedgerAltered where what lies in the ledger is not what was written there, or where the event is
    already there with other facts.
    """
    newest = _newest()
    found = None if newest is None else _complete(newest, event.identity)
    while found is None:
        entry = chain.next_entry(newest, event)
        if _store(chain.entry_key(entry.number), entry.data):
            _index(entry)
            found = entry
            break
        newest = _read(entry.number)
        if newest.previous != entry.previous:
            raise LedgerAltered(f"Entry {entry.number} of the ledger does not follow the one before it.")
        _index(newest)
        found = newest if newest.identity == event.identity else None
    if found.event != event.event_name or not event.is_in(found.body):
        raise LedgerAltered(f"Entry {found.number} of the ledger states other facts about {event.identity}.")
    return s3.reference_to(settings().audit_bucket, chain.entry_key(found.number), found.data)


def entries() -> list[ChainedEntry]:
    """Return all entries in order; raises LedgerAltered at the first that is none."""
    numbers = _numbers(s3.keys_under(settings().audit_bucket, chain.ENTRIES))
    with closing(_fetch_all(chain.entry_key(number) for number in numbers)) as read:
        return [chain.parsed(number, data) for number, data in zip(numbers, read, strict=True)]


def newest_entries(limit: int, before: int | None = None) -> list[ChainedEntry]:
    """Return so many entries, the newest first, of all or of those before a number.

    Only the names of the others are read. Raises LedgerAltered at the first that is none.
    """
    numbers = _numbers(s3.keys_under(settings().audit_bucket, chain.ENTRIES))
    chosen = [number for number in numbers if before is None or number < before][-limit:]
    with closing(_fetch_all(chain.entry_key(number) for number in chosen)) as read:
        return [chain.parsed(number, data) for number, data in zip(chosen, read, strict=True)][::-1]


def verify() -> Verification:
    """Hash every entry again and compare chain, index, names and versions; the first difference is named.

    Entries that are written meanwhile are left for the next time.
    """
    entries, hidden = _versions(chain.ENTRIES)
    index, hidden_index = _versions(chain.INDEX)
    newest = max(_numbers(_versions(chain.ENTRIES)[0]), default=0)
    listed = verification.listing_difference(entries | index, hidden + hidden_index)
    upto = listed.number - 1 if listed and listed.number else max(_numbers(entries), default=0)
    named = [key for key in index if key not in hidden_index]
    read = dict(zip(named, _fetch_all(named), strict=True))
    by_identity = {chain.identity_of(key): data for key, data in read.items()}
    with closing(_fetch_all(chain.entry_key(number) for number in range(1, upto + 1))) as read_entries:
        found = verification.verify(read_entries, by_identity, newest)
    return replace(found, difference=verification.first([found.difference, listed]))


def _versions(prefix: str) -> tuple[Counter[str], list[str]]:
    """Count the versions of each object under a prefix, and list those that a delete marker hides."""
    versions, hidden = Counter[str](), []
    pages = clients.s3().get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=settings().audit_bucket, Prefix=prefix):
        versions.update(one["Key"] for one in page.get("Versions", []))
        hidden += [one["Key"] for one in page.get("DeleteMarkers", [])]
    return versions, hidden


def _numbers(keys: Iterable[str]) -> list[int]:
    return [number for key in keys if (number := chain.number_of(key))]


def _fetch_all(keys: Iterable[str]) -> Generator[bytes]:
    """Yield the bytes of objects in order; whoever may stop before the last one closes it."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(_fetch, keys)


def _complete(newest: ChainedEntry, identity: str) -> ChainedEntry | None:
    """Make sure that the index has the newest entry; return the entry of an event among all, or None."""
    _index(newest)
    return newest if newest.identity == identity else indexed(identity)


def _body(identity: str) -> dict[str, Any]:
    found = _find(identity)
    if found is None:
        raise ObjectMissing(f"The ledger has no entry for {identity}.")
    return found.body


def _find(identity: str) -> ChainedEntry | None:
    """Return the entry of an event, or None where the ledger does not have it."""
    found = indexed(identity)
    newest = None if found else _newest()
    if newest is None or newest.identity == identity:
        return found or newest
    # The entry that was the newest at the first look may have been indexed since.
    return indexed(identity)


def indexed(identity: str) -> ChainedEntry | None:
    """Return the entry that the index names for an event, after a look at it; None where it names none.

    What was written has its index object but for the newest entry of all, when its writer broke off.
    """
    key = chain.index_key(identity)
    if not _is_there(key):
        return None
    number, digest = chain.pointed_to(identity, _fetch(key))
    entry = _read(number)
    if (entry.identity, entry.sha256) != (identity, digest):
        raise LedgerAltered(f"Entry {number} of the ledger is not the one that its index names.")
    return entry


def _index(entry: ChainedEntry) -> None:
    """Write the index object of an entry, where it is not there yet."""
    key = chain.index_key(entry.identity)
    if (_is_there(key) or not _store(key, entry.index_data)) and _fetch(key) != entry.index_data:
        raise LedgerAltered(f"The index of the ledger names another entry for {entry.identity}.")


def _newest() -> ChainedEntry | None:
    """Return the newest entry, or None in an empty ledger: found by a search over the names."""
    before, step = 0, _STEP
    while _numbers_after(before + step, 1):
        before += step
        step *= 2
    while step > _STEP:
        step //= 2
        if _numbers_after(before + step, 1):
            before += step
    numbers = _numbers_after(before)
    for expected, number in enumerate(numbers, start=before + 1):
        if number != expected:
            raise LedgerAltered(f"Entry {expected} of the ledger is missing.")
    return _read(numbers[-1]) if numbers else None


def _numbers_after(number: int, most: int = 1000) -> list[int]:
    """List the numbers of the next entries; raises LedgerAltered at a name that is none."""
    found = clients.s3().list_objects_v2(
        Bucket=settings().audit_bucket,
        Prefix=_NUMBERED,
        StartAfter=chain.entry_key(number),
        MaxKeys=most,
    )
    numbers = []
    for one in found.get("Contents", []):
        listed = chain.number_of(one["Key"])
        if listed is None:
            raise LedgerAltered(f"{one['Key']} is no entry of the ledger.")
        numbers.append(listed)
    return numbers


def _read(number: int) -> ChainedEntry:
    return chain.parsed(number, _fetch(chain.entry_key(number)))


def _fetch(key: str) -> bytes:
    return s3.fetch_current(s3.uri_of(settings().audit_bucket, key))


def _is_there(key: str) -> bool:
    # A read of what is missing is a refusal wherever a role may list a part of the bucket only.
    return key in s3.keys_under(settings().audit_bucket, key)


def _store(key: str, data: bytes) -> bool:
    return s3.store_new(settings().audit_bucket, key, data, "application/json")


def _of_upload(upload: Settlement, kept: UploadDecision) -> UploadDecisionEntry:
    return UploadDecisionEntry(
        **upload.model_dump(include={"use_case", "purpose", "upload_id", "version_id", "sha256"}),
        **kept.model_dump(mode="json"),
        object_key=upload.key,
    )


def _candidate(of: Approval | LiveModel) -> dict[str, Any]:
    names = ("use_case", "run_id", "package_arn", "package_version", "approval_id")
    return {name: getattr(of, name) for name in names} | {"digests": of.digests.model_dump()}
