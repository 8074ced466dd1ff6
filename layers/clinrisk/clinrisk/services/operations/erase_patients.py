"""Erase Patients: finds patients by the hospital's own ids in all that is stored, erases them, and proves it.

It is asked again until it is done: each call goes on where the last one came to, and a call that was stopped
between any two steps is made good by the next one. What is known between calls lies with the ids under
`erasures/`, and goes with them. It reads with polars, so only functions with the Frames and Numeric layers
may import it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from clinrisk.aws import kms, ledger, s3, stepfunctions
from clinrisk.aws.buckets import object_versions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.erasure.erasure_entries import ErasureEntry
from clinrisk.core.erasure.locations import LOCATIONS, uploads_in
from clinrisk.core.erasure.named_patients import MOST, NamedPatients
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.timestamps import stamp
from clinrisk.errors import CountsDisagree
from clinrisk.messages.erasure import ErasePatientsResult, LocationCount
from clinrisk.services.operations import legal_holds, patient_removal, patient_search
from clinrisk.services.operations.patient_removal import Removal
from clinrisk.services.operations.patient_search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from clinrisk.messages.erasure import ErasePatientsRequest, Stage

_ROUNDS = 5
"""So often what was written meanwhile is erased as well."""
_SAVED_EVERY = 25
_MOST_EXECUTIONS = 10_000
_NO_IDS = "There is no file of ids under this request, or it has ended: begin with --id-file."
_TOO_MANY = f"A file of ids names one id a line, at least one and at most {MOST:,}."


@dataclass
class _Progress:
    """How far an erasure has come, from call to call."""

    asked_by: str
    asked_at: str
    stage: Stage = "searching"
    confirmed_by: str = ""
    erased_at: str = ""
    round: int = 1
    done: int = 0
    """How many of the objects that this round's search found are erased."""
    search: Search = field(default_factory=Search)
    proof: Search = field(default_factory=Search)
    removed: list[Removal] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    learned_by: tuple[str, ...] = ()


def advance(request: ErasePatientsRequest, now: datetime, expired: Callable[[], bool]) -> ErasePatientsResult:
    """Go on with a search, an erasure or a hold until the time is over, and return how far it has come."""
    if request.action == "list_holds":
        return ErasePatientsResult(stage="listed", holds=legal_holds.listed(request.use_case))
    patients = _patients(request)
    if request.action in {"hold", "release"}:
        return legal_holds.change(request, patients, now)
    report = object_keys.erased(request.use_case, request.request_id)
    if report in s3.keys_under(settings().lake_bucket, report):
        return _finish(request)
    if patients is None or not 0 < len(patients.record_ids) <= MOST:
        return ErasePatientsResult(stage="refused", refused=_NO_IDS if patients is None else _TOO_MANY)
    progress, refused = _load(request) or _Progress(request.person, stamp(now)), ""
    while not refused:
        refused = _step(request, progress, patients, now, expired)
        _save(request, progress)
        if progress.stage == "erased":
            return _finish(request)
        if expired() or (progress.stage == "found" and request.action == "search"):
            break
    return _result(progress, patients, refused)


def _step(
    request: ErasePatientsRequest,
    progress: _Progress,
    patients: NamedPatients,
    now: datetime,
    expired: Callable[[], bool],
) -> str:
    """Go on with the present stage; return in words why it must not."""
    match progress.stage:
        case "searching":
            progress.search.go_on(request.use_case, patients, expired)
            if progress.search.done:
                progress.learned_by = patient_search.learned_by(request.use_case, patients)
                progress.stage = "found"
        case "found":
            refused = (
                legal_holds.refusal(request.use_case, patients)
                or _unsettled(progress.search)
                or _running(request.use_case, progress.search)
            )
            if refused or request.action == "search":
                return refused
            progress.stage = "erasing"
            progress.confirmed_by, progress.erased_at = request.person, stamp(now)
        case "erasing":
            _erase(request, progress, patients, expired)
        case _:
            progress.proof.go_on(request.use_case, patients, expired)
            if progress.proof.done:
                _judge_proof(request, progress, patients)
    return ""


def _erase(
    request: ErasePatientsRequest, progress: _Progress, patients: NamedPatients, expired: Callable[[], bool]
) -> None:
    """Erase object after object, then what follows from them; then everything is to be searched again."""
    found = progress.search.found
    while progress.done < len(found):
        progress.removed.append(patient_removal.remove(found[progress.done], patients, progress.erased_at))
        progress.done += 1
        if expired():
            return
        if progress.done % _SAVED_EVERY == 0:
            _save(request, progress)
    affected = patient_search.of_uploads(found)
    for upload_id in affected:
        patient_removal.follow(request.use_case, upload_id)
        patient_removal.recount(request.use_case, upload_id, request.request_id, progress.erased_at)
    progress.uploads = sorted({*progress.uploads, *affected})
    progress.stage, progress.proof = "proving", Search()


def _judge_proof(request: ErasePatientsRequest, progress: _Progress, patients: NamedPatients) -> None:
    """Record the erasure where nothing was found; else erase what was written meanwhile.

    Raises CountsDisagree where rows of the patients are written faster than they are erased.
    """
    if progress.proof.found:
        if progress.round == _ROUNDS:
            raise CountsDisagree(
                "Rows of these patients are written again and again while they are erased. Ask again when "
                "nothing of the use case runs: clinrisk status"
            )
        progress.search, progress.round, progress.done = progress.proof, progress.round + 1, 0
        progress.stage = "erasing"
        return
    entry = {
        "use_case": request.use_case,
        "request_id": request.request_id,
        "patients": len(patients.record_ids),
        "locations": {one.name: one.model_dump(exclude={"name"}) for one in _counts(progress.removed)},
        "uploads": len(progress.uploads),
        "learned_by": progress.learned_by,
        "searched_objects": progress.proof.objects,
        "searched_bytes": progress.proof.read_bytes,
        "asked_by": progress.asked_by,
        "confirmed_by": progress.confirmed_by,
        "asked_at": progress.asked_at,
        "erased_at": progress.erased_at,
    }
    report = {
        "entry": entry,
        "patients": patients.digests,
        "objects": [asdict(one) for one in progress.removed],
    }
    key = object_keys.erased(request.use_case, request.request_id)
    s3.store_json(settings().lake_bucket, key, report, once=True)
    progress.stage = "erased"


def _finish(request: ErasePatientsRequest) -> ErasePatientsResult:
    """Enter an erasure into the ledger, and remove its file of ids."""
    bucket = settings().lake_bucket
    uri = s3.uri_of(bucket, object_keys.erased(request.use_case, request.request_id))
    stated = s3.fetch_json_now(uri)["entry"]
    facts = stated | {"learned_by": tuple(stated["learned_by"])}
    kept = ledger.append(ErasureEntry(**facts, report_sha256=s3.digest(uri)))
    object_versions.remove_all(bucket, object_keys.erasure_folder(request.use_case, request.request_id))
    return ErasePatientsResult(
        stage="erased",
        patients=stated["patients"],
        locations=tuple(
            LocationCount(name=name, **stated["locations"][name])
            for name in dict.fromkeys(one.name for one in LOCATIONS)
            if name in stated["locations"]
        ),
        objects=stated["searched_objects"],
        read_bytes=stated["searched_bytes"],
        learned_by=tuple(stated["learned_by"]),
        erased_at=stated["erased_at"],
        entry=kept.uri,
    )


def _patients(request: ErasePatientsRequest) -> NamedPatients | None:
    """Read whom a request is about; None where there is no such file."""
    bucket, key = settings().lake_bucket, object_keys.erasure_ids(request.use_case, request.request_id)
    if key not in s3.keys_under(bucket, key):
        return None
    text = s3.fetch_current(s3.uri_of(bucket, key)).decode(errors="replace")
    return NamedPatients.of_file(text, kms.pseudonym_key(request.use_case))


def _unsettled(search: Search) -> str:
    """Return in words which file with the patients is being read, where one is."""
    for one in search.found:
        if LOCATIONS[one.location].bucket != "inbox":
            continue
        for version in one.versions:
            upload_id = object_keys.upload_id(settings().inbox_bucket, one.key, version)
            if uploads.settlement_of(upload_id) is None:
                return (
                    f"{parse_key(one.key).file} holds the patients and is being read: ask again once it has "
                    "its receipt (clinrisk receipts), or see what stands still: clinrisk stuck"
                )
    return ""


def _running(use_case: str, search: Search) -> str:
    """Return in words what runs that has read the patients and will write of them, where anything does."""
    affected = set(patient_search.of_uploads(search.found))
    scored = stepfunctions.listed(settings().scoring_state_machine, "RUNNING", _MOST_EXECUTIONS)
    trained = stepfunctions.listed(settings().training_state_machine, "RUNNING", _MOST_EXECUTIONS)
    if any(affected & set(uploads_in(one["name"])) for one in scored):
        return "A batch with the patients is being scored: ask again once its results are there."
    if any(one["name"].startswith(f"{use_case}-") for one in trained):
        return f"A training of {use_case} runs: ask again once it has ended (clinrisk status)."
    return ""


def _save(request: ErasePatientsRequest, progress: _Progress) -> None:
    key = object_keys.erasure_progress(request.use_case, request.request_id)
    s3.store_json(settings().lake_bucket, key, asdict(progress))


def _load(request: ErasePatientsRequest) -> _Progress | None:
    bucket, key = settings().lake_bucket, object_keys.erasure_progress(request.use_case, request.request_id)
    if key not in s3.keys_under(bucket, key):
        return None
    kept: dict[str, Any] = s3.fetch_json_now(s3.uri_of(bucket, key))
    searches = {name: Search.of(kept[name]) for name in ("search", "proof")}
    removed = [Removal(**one) for one in kept["removed"]]
    return _Progress(**kept | searches | {"removed": removed, "learned_by": tuple(kept["learned_by"])})


def _counts(found: Iterable[Any]) -> tuple[LocationCount, ...]:
    """Add up objects and rows by location, of what was found or removed."""
    total: dict[str, tuple[int, int]] = {}
    for one in found:
        name = one.location if isinstance(one, Removal) else LOCATIONS[one.location].name
        objects, rows = total.get(name, (0, 0))
        total[name] = objects + 1, rows + one.rows
    return tuple(LocationCount(name=name, objects=n, rows=rows) for name, (n, rows) in total.items())


def _result(progress: _Progress, patients: NamedPatients, refused: str = "") -> ErasePatientsResult:
    searched = progress.proof if progress.stage == "proving" else progress.search
    return ErasePatientsResult(
        stage="refused" if refused else progress.stage,
        refused=refused,
        patients=len(patients.record_ids),
        locations=_counts(progress.search.found),
        objects=searched.objects,
        read_bytes=searched.read_bytes,
        left=len(progress.search.found) - progress.done,
        learned_by=progress.learned_by,
        erased_at=progress.erased_at,
    )
