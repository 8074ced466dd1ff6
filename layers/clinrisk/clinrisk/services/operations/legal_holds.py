"""Legal holds: patients who may not be erased while somebody has to keep what is about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import ledger, s3
from clinrisk.aws.buckets import object_versions
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.erasure.erasure_entries import LegalHoldEntry
from clinrisk.core.timestamps import stamp
from clinrisk.messages.erasure import ErasePatientsResult, HoldFacts

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.erasure.named_patients import NamedPatients
    from clinrisk.messages.erasure import ErasePatientsRequest


def change(
    request: ErasePatientsRequest, patients: NamedPatients | None, now: datetime
) -> ErasePatientsResult:
    """Place a hold on patients, or release one; where that cannot be, return in words why."""
    bucket, key = (
        settings().lake_bucket,
        object_keys.legal_hold(request.use_case, request.request_id),
    )
    kept = s3.fetch_json_now(s3.uri_of(bucket, key)) if key in s3.keys_under(bucket, key) else None
    if kept is None:
        if patients is None or request.action == "release":
            return ErasePatientsResult(
                stage="refused", refused=f"There is no hold {request.request_id}, and no file of ids for one."
            )
        kept = {
            "hold_id": request.request_id,
            "patients": list(patients.digests),
            "person": request.person,
            "reason": request.reason,
            "placed_at": stamp(now),
        }
        s3.store_json(bucket, key, kept)
    _enter(request.use_case, kept, "placed", kept)
    object_versions.remove_all(bucket, object_keys.erasure_folder(request.use_case, request.request_id))
    if request.action == "release":
        if not kept.get("released_at"):
            released = {"person": request.person, "reason": request.reason}
            kept |= {"released_at": stamp(now), "released": released}
            s3.store_json(bucket, key, kept)
        _enter(request.use_case, kept, "released", kept["released"])
    return ErasePatientsResult(
        stage="released" if request.action == "release" else "held",
        patients=len(kept["patients"]),
        holds=(_facts(kept),),
    )


def _enter(use_case: str, kept: dict[str, Any], what: str, by: dict[str, Any]) -> None:
    ledger.append(
        LegalHoldEntry(
            use_case=use_case,
            hold_id=kept["hold_id"],
            change=what,
            patients=len(kept["patients"]),
            person=by["person"],
            reason=by["reason"],
            changed_at=kept[f"{what}_at"],
        )
    )


def listed(use_case: str) -> tuple[HoldFacts, ...]:
    """Return every hold of a use case, those that were released included."""
    return tuple(_facts(one) for one in _documents(use_case))


def refusal(use_case: str, patients: NamedPatients) -> str:
    """Return in words why patients may not be erased: they are on hold; empty where none is."""
    for one in _documents(use_case):
        held = set(one["patients"]) & set(patients.digests)
        if held and not one.get("released_at"):
            return (
                f"{len(held)} of the {len(patients.digests)} patients are on legal hold {one['hold_id']} "
                f"since {one['placed_at'][:10]}, by {one['person']}: nothing is erased. Leave them out, or "
                "let it be released: "
                f"clinrisk hold --use-case {use_case} --release {one['hold_id']} --reason TEXT"
            )
    return ""


def _documents(use_case: str) -> list[dict[str, Any]]:
    bucket = settings().lake_bucket
    keys = s3.keys_under(bucket, object_keys.legal_holds(use_case))
    return [s3.fetch_json_now(s3.uri_of(bucket, key)) for key in keys]


def _facts(kept: dict[str, Any]) -> HoldFacts:
    shown = {name: kept[name] for name in ("hold_id", "person", "reason", "placed_at")}
    return HoldFacts(**shown, patients=len(kept["patients"]), released_at=kept.get("released_at", ""))
