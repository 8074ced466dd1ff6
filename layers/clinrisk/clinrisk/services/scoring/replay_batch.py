"""Replay Batch: published results made again from what is stored, by the model that was live then.

It plans what the jobs of a replay read, and compares what they leave with what was published, byte for byte.
Nothing is written but an entry of the ledger. It reads with polars, so only functions with the Frames layer
may import it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.release import proof
from clinrisk.core.scoring import batch_mails, results_comparison, results_sidecar
from clinrisk.core.scoring.replay_entry import ReplayEntry
from clinrisk.core.timestamps import day, stamp
from clinrisk.errors import CountsDisagree, ReleaseAltered, ReplayImpossible
from clinrisk.messages.scoring import ReplayComparison, ReplayPlan
from clinrisk.services.release.proofs import released
from clinrisk.services.scoring.result_parts import result_parts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.release import LiveModel
    from clinrisk.messages.scoring import ReplayBatchRequest


@dataclass(frozen=True)
class PublishedResults:
    """Results as they were published, and what they state that they were made with."""

    upload: Settlement
    key: str
    version_id: str
    """Of the file that is compared: of current results, the one that a reader gets now."""
    size: int
    sidecar: dict[str, Any]
    model: LiveModel
    code_sha256: str

    def blocks(self) -> Iterator[bytes]:
        """Read the file block by block."""
        return s3.blocks(settings().results_bucket, self.key, self.version_id, self.size)


def plan(request: ReplayBatchRequest) -> ReplayPlan:
    """Return what a replay reads: the model that was live then, its threshold, and the job code of then.

    Raises ReplayImpossible where something is not stored any more, and what `released.check_then` raises.
    """
    found = _published(request)
    _check_inputs(found.upload)
    code = s3.uri_of(settings().lake_bucket, object_keys.job_code(found.code_sha256))
    s3.check_digest("job code", code, found.code_sha256)
    return ReplayPlan(
        **found.model.model_dump(include={"live_version", "model_name", "model_uri", "threshold"}),
        rows=found.upload.rows_accepted,
        code_prefix=code.rpartition("/")[0] + "/",
    )


def compare(request: ReplayBatchRequest, now: datetime) -> ReplayComparison:
    """Compare what was presented again with what was published, and write what was found into the ledger.

    Raises CountsDisagree where other rows were presented than there are ids, and what `plan` raises: the
    model is held against its signed decision again.
    """
    assert request.presented_uri is not None  # noqa: S101 - the workflow gives it with this question
    found, use_case = _published(request), use_cases.get(request.use_case)
    sidecar, rows = found.sidecar, 0
    of_file = results_sidecar.of_file(
        use_case,
        threshold=found.model.threshold,
        model_digest=found.model.digests.model,
        scored_at=sidecar["scored_at"],
        cautions=sidecar["cautions"],
    )

    def texts(prefix: str) -> Iterator[bytes]:
        nonlocal rows
        for part in result_parts(request.use_case, request.upload_id, prefix, of_file):
            rows += part.counts.rows
            yield part.csv

    compared = results_comparison.compare(found.blocks(), texts(request.presented_uri))
    if rows != found.upload.rows_accepted:
        raise CountsDisagree(f"{rows} rows were presented again; {found.upload.rows_accepted} were accepted.")
    difference = compared.difference(sidecar["results"]["sha256"])
    entry = ReplayEntry(
        use_case=request.use_case,
        upload_id=request.upload_id,
        results_version_id=request.version_id,
        results_sha256=sidecar["results"]["sha256"],
        stored_sha256=compared.stored_sha256,
        replayed_sha256=compared.replayed_sha256,
        live_version=found.model.live_version,
        code_sha256=found.code_sha256,
        rows=rows,
        outcome="DIFFERENT" if difference else "SAME",
        difference=difference,
        first_row=compared.first_row,
        columns=compared.columns,
        person=request.person,
        execution=(request.execution or "").rpartition(":")[2],
        replayed_at=stamp(now),
    )
    ledger.append(entry)
    if not difference:
        return ReplayComparison(outcome="SAME")
    mail = batch_mails.replay_differs(
        title=use_case.title,
        file_name=parse_key(found.upload.key).file,
        address=s3.uri_of(settings().results_bucket, found.key),
        entry=entry,
    )
    return ReplayComparison(
        outcome="DIFFERENT", difference=difference, subject=mail.subject, message=mail.text
    )


def _published(request: ReplayBatchRequest) -> PublishedResults:
    """Return the results in question with the model that they were made by, after a look at both."""
    upload = uploads.settlement_of(request.upload_id)
    if upload is None or (upload.use_case, upload.purpose) != (request.use_case, "inference"):
        raise ReplayImpossible(f"{request.upload_id} is no batch of {request.use_case}.")
    address = upload.use_case, parse_key(upload.key).stem, upload.upload_id
    key, sidecar_key = object_keys.results(*address), object_keys.sidecar(*address)
    bucket = settings().results_bucket
    # The versions of each key, the newest first.
    listed = list(s3.versions_under(bucket, key.removesuffix("csv")))
    files = {version: size for name, version, size, _ in listed if name == key}
    sidecars = (
        json.loads(b"".join(s3.blocks(bucket, name, version, size)))
        for name, version, size, _ in listed
        if name == sidecar_key
    )
    newest = next(sidecars, None)
    _check_not_erased(upload, newest or {}, request.version_id)
    candidates = [] if newest is None else [newest, *sidecars]
    sidecar = next((one for one in candidates if _states(one, request.version_id)), None)
    if sidecar is None:
        raise ReplayImpossible("The sidecar that states these results is not stored any more.")
    wanted = next(iter(files), "") if sidecar is newest else request.version_id
    if wanted not in files:
        raise ReplayImpossible("The results file is not stored any more in the version that was published.")
    code_sha256 = ledger.code_deployed(sidecar["scored_at"])
    if not code_sha256:
        raise ReplayImpossible(f"The ledger states no deployment before {sidecar['scored_at']}.")
    return PublishedResults(
        upload=upload,
        key=key,
        version_id=wanted,
        size=files[wanted],
        sidecar=sidecar,
        model=_model_of(request.use_case, sidecar),
        code_sha256=code_sha256,
    )


def _check_not_erased(upload: Settlement, newest: dict[str, Any], version_id: str) -> None:
    """Raise ReplayImpossible where these very results are gone since patients were erased, and say when."""
    gone = [one for one in newest.get("replaces", []) if one.get("version_id") == version_id]
    if gone and gone[0].get("erased_at"):
        raise ReplayImpossible(
            f"These results were deleted on {day(gone[0]['erased_at'])}, when patients were erased who were "
            "in them: clinrisk audit show has who asked."
        )
    if upload.erasures and not upload.rows_accepted:
        raise ReplayImpossible(
            f"Every patient of the batch was erased, the last on {day(upload.erasures[-1].erased_at)}."
        )


def _states(sidecar: dict[str, Any], version_id: str) -> bool:
    return bool(sidecar["results"].get("version_id") == version_id)


def _model_of(use_case: str, sidecar: dict[str, Any]) -> LiveModel:
    """Return the model that results state: approved, unaltered, and live when they were made."""
    number, at = int(sidecar["model"]["live_version"]), sidecar["scored_at"]
    model = deployments.version(use_case, number)
    if model is None:
        raise ReleaseAltered(f"Version {number} of {use_case} was never live.")
    released.check_then(model)
    if not proof.was_live(model, deployments.version(use_case, number + 1), at):
        raise ReleaseAltered(
            f"Version {number} of {use_case} was not live at {at}, when the results were made."
        )
    return model


def _check_inputs(upload: Settlement) -> None:
    """Pass silently when what the jobs and the comparison read is stored; raises ReplayImpossible.

    A part without rows has none for the server: what is missing there, the jobs notice.
    """
    name, upload_id = upload.use_case, upload.upload_id
    features = _parts(object_keys.features(name, upload.purpose, upload_id, 0))
    ids = _parts(object_keys.vault(name, upload_id, 0))
    rows = _parts(object_keys.transform_input(name, upload_id, 0))
    wanted = max(features, ids, 1)
    parts = {"features": (features, wanted), "ids": (ids, wanted), "rows for the server": (rows, 1)}
    lost = [f"{what} ({found} of {of})" for what, (found, of) in parts.items() if found < of]
    if lost:
        raise ReplayImpossible(f"Parts of the batch are not stored any more: {', '.join(lost)}.")


def _parts(first: str) -> int:
    """Count the objects that lie where the first part of something does."""
    return len(s3.keys_under(settings().lake_bucket, first.rpartition("/")[0] + "/"))
