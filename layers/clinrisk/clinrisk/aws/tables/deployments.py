"""The Deployments table: which model is live, and which were.

    USE_CASE#<use_case>   LIVE                 the live pointer: all fields of a `LiveModel`
    USE_CASE#<use_case>   VERSION#<8 digits>   every model that was ever live
    USE_CASE#<use_case>   PAUSE                that no results go out (clinrisk.aws.tables.pauses)
    SHADOW#<use_case>     WAITING              the candidate that waits for a decision and scores the same
                                               batches as the live model; the workflows write and read it

Pointer and history change together or not at all, and only from the model that the evidence compares with.
Versions only grow: a rollback makes an earlier model live again under the next number.
The ledger repeats each change in the Audit bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import pauses
from clinrisk.core.ledger.reconciliation import LiveState
from clinrisk.core.release import obstacles
from clinrisk.errors import ChampionChanged, ChangeRefused, NoLiveModel
from clinrisk.messages.release import LiveModel, Rollback
from clinrisk.messages.training import ReleasedArchive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinrisk.aws.dynamodb import Item
    from clinrisk.messages.live_changes import RollBackRequest
    from clinrisk.messages.release import PromoteRequest, SignedDecision
    from clinrisk.messages.training import Digests
    from clinrisk.use_cases.base import UseCase

LIVE = "LIVE"
_VERSION = "VERSION#"
_KEYS = {"pk", "sk"}


def _partition(use_case: str) -> str:
    return f"USE_CASE#{use_case}"


def _version_key(version: int) -> str:
    return f"{_VERSION}{version:08d}"


def live(use_case: str) -> LiveModel:
    """Return the live model of a use case; raises NoLiveModel."""
    found = current(use_case)
    if found is None:
        raise NoLiveModel(f"No model is live for {use_case}: one has to be trained and approved first.")
    return found


def current(use_case: str) -> LiveModel | None:
    """Return the live model of a use case, or None before the first release."""
    return _read(use_case, LIVE)


def stored_live(use_case: str) -> Item | None:
    """Return the live pointer as it is stored, for whoever only shows it; None before the first release."""
    item = dynamodb.read(settings().deployments_table, (_partition(use_case), LIVE))
    return None if item is None else dynamodb.native(item)


def stored_versions(use_case: str, *, limit: int | None = None) -> list[Item]:
    """Return the models that were ever live as they are stored, newest first."""
    table = settings().deployments_table
    found = dynamodb.query(table, _partition(use_case), sort_prefix=_VERSION, newest_first=True, limit=limit)
    return [dynamodb.native(item) for item in found]


def stored_state(use_cases: Iterable[str]) -> LiveState:
    """Return what is live, what was, and what is paused, as it is stored, to be held against the ledger."""
    names = list(use_cases)
    found = {name: pauses.current(name) for name in names}
    return LiveState(
        live={name: stored_live(name) for name in names},
        versions={name: stored_versions(name) for name in names},
        paused_since={name: pause.since for name, pause in found.items() if pause},
    )


def champion(use_case: str) -> ReleasedArchive | None:
    """Return what a new candidate is held against, or None before the first release."""
    return _archive(current(use_case))


def first_released(use_case: str) -> ReleasedArchive | None:
    """Return the model that was live first, or None while it is live, or nothing is."""
    first, now = _read(use_case, _version_key(1)), current(use_case)
    return None if first is None or now is None or now.run_id == first.run_id else _archive(first)


def _archive(found: LiveModel | None) -> ReleasedArchive | None:
    """Return where a model's archives lie side by side, as training left them: model, out-of-fold risks."""
    if found is None:
        return None
    return ReleasedArchive(
        prefix=found.model_uri.rpartition("/")[0] + "/",
        threshold=found.threshold,
        live_version=found.live_version,
        run_id=found.run_id,
    )


def outdated(use_case: str, run_id: str, digests: Digests) -> str:
    """Say in words that the evidence compares with another model than the live one; empty while it holds."""
    found = current(use_case)
    live_version = 0 if found is None else found.live_version
    return obstacles.outdated(int(digests.champion_version), live_version, run_id, use_case)


def check_compared(use_case: str, run_id: str, digests: Digests) -> None:
    """Raise ChampionChanged when the evidence compares with another model than the live one."""
    reason = outdated(use_case, run_id, digests)
    if reason:
        raise ChampionChanged(reason)


def released(request: PromoteRequest) -> LiveModel | None:
    """Return what this very approval made live, or None: then it has moved nothing yet."""
    version = int(request.digests.champion_version) + 1
    found = _read(request.use_case, _version_key(version))
    return found if found is not None and found.approval_id == request.approval_id else None


def promote(
    request: PromoteRequest, use_case: UseCase, decision: SignedDecision, *, promoted_at: str
) -> LiveModel:
    """Make the candidate live in place of the model that it was compared with, and return what is live now.

    One write says "that model is live" and moves the pointer, so of two candidates that were compared with
    the same model one goes live and the other raises ChampionChanged, however close they come.
    """
    compared = int(request.digests.champion_version)
    facts = request.model_dump(exclude={"execution"})
    after = LiveModel.model_validate(
        facts
        | {
            "live_version": compared + 1,
            "previous_version": compared,
            "feature_digest": use_case.feature_digest,
            "schema_version": use_case.schema_version,
            "promoted_at": promoted_at,
            "decision": decision,
        }
    )
    if _move(after):
        return after
    # Two calls of the same promotion may race as well: then the other one has done this one's work.
    done = released(request)
    if done is not None:
        return done
    check_compared(request.use_case, request.run_id, request.digests)
    raise ChampionChanged(
        f"Live version {after.live_version} was released before. "
        f"{obstacles.again(request.run_id, request.use_case)}"
    )


def rolled_back(request: RollBackRequest) -> LiveModel | None:
    """Return what this very execution made live again, or None: then it has moved nothing yet."""
    found = _read(request.use_case, _version_key(request.from_version + 1))
    rollback = found and found.rollback
    return found if rollback and rollback.execution == request.execution else None


def roll_back(request: RollBackRequest, before: LiveModel, *, at: str) -> LiveModel:
    """Make an earlier model live again under the next number, and return what is live now.

    Raises ChangeRefused where another version than `from_version` is live.
    """
    rollback = Rollback(
        restores=request.to_version,
        person=request.person,
        reason=request.reason,
        execution=request.execution or "",
    )
    after = before.model_copy(
        update={
            "live_version": request.from_version + 1,
            "previous_version": request.from_version,
            "promoted_at": at,
            "rollback": rollback,
        }
    )
    if _move(after):
        return after
    done = rolled_back(request)
    if done is not None:
        return done
    raise ChangeRefused(
        f"Version {request.from_version} is not live. See which one is: clinrisk live {request.use_case}"
    )


def _move(after: LiveModel) -> bool:
    """Move the live pointer, with its history, from the version before; False when that is not live."""
    table, pk, document = settings().deployments_table, _partition(after.use_case), after.model_dump()
    pointer, history = (dynamodb.key_of((pk, sort)) for sort in (LIVE, _version_key(after.live_version)))
    before = after.previous_version
    unmoved = "live_version = :before" if before else "attribute_not_exists(pk)"
    refused = dynamodb.transact(
        [
            dynamodb.put(table, pointer | document, unmoved, {":before": before} if before else None),
            dynamodb.put(table, history | document, "attribute_not_exists(pk)"),
        ]
    )
    return not refused


def version(use_case: str, number: int) -> LiveModel | None:
    """Return what was live under a number, or None."""
    return _read(use_case, _version_key(number))


def retire_shadow(use_case: str, run_id: str) -> None:
    """Let the candidate of a run score no further batches, if it is the one that does."""
    key = (f"SHADOW#{use_case}", "WAITING")
    dynamodb.change(settings().deployments_table, key, {"expires_at": 0}, Attr("run_id").eq(run_id))


def _read(use_case: str, sort_key: str) -> LiveModel | None:
    item = dynamodb.read(settings().deployments_table, (_partition(use_case), sort_key))
    if item is None:
        return None
    return LiveModel.model_validate(dynamodb.native({k: v for k, v in item.items() if k not in _KEYS}))
