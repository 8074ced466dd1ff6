"""Publish Results: a scored batch under the hospital's own ids, in one results file with its sidecar.

It reads with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.notifications import event_bus
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.scoring import batch_mails, fhir_results, published_event, results_sidecar
from clinrisk.core.scoring.results import ResultCounts
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ChampionChanged, ClaimLost, CountsDisagree, ScoringPaused
from clinrisk.messages.scoring import BatchVerdict, PublishRequest, PublishResult
from clinrisk.services.scoring import recalled_results, scoring_model
from clinrisk.services.scoring.result_parts import result_parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement


def publish(request: PublishRequest, now: datetime) -> PublishResult:
    """Write the results file and its sidecar and return them by reference, with the mail about them.

    The parts presented below `presented_uri` are named as the vault's parts. Raises CountsDisagree where the
    two do not fit, or hold more or fewer rows than the commit accepted: the file is not there before its last
    part is. Raises ChampionChanged where another model went live since the batch was judged, ScoringPaused,
    ClaimLost where the upload is held or was withdrawn, DecisionForged or ReleaseAltered where the model is
    not what was approved.
    """
    upload, run, named = request.upload, request.run, parse_key(request.upload.key)
    use_case, scored_at = use_cases.get(upload.use_case), stamp(now)
    scoring_model.check_approved(upload.use_case, run)
    settled = _check_unchanged(request)
    every = (caution for judged in request.judgements for caution in judged.cautions)
    cautions = tuple(dict.fromkeys(every))  # both judges name who let the batch through
    verdict = BatchVerdict.CAUTION if cautions else BatchVerdict.FIT
    of_file = results_sidecar.of_file(
        use_case,
        threshold=run.threshold,
        model_digest=run.model_sha256,
        scored_at=scored_at,
        cautions=cautions,
    )
    counts = ResultCounts()

    def texts() -> Iterator[bytes]:
        nonlocal counts
        for part in result_parts(upload.use_case, upload.upload_id, request.presented_uri, of_file):
            counts += part.counts
            yield part.csv
        if counts.rows != request.rows_accepted:
            raise CountsDisagree(
                f"There are results of {counts.rows} rows; {request.rows_accepted} were accepted."
            )

    bucket, address = settings().results_bucket, (upload.use_case, named.stem, upload.upload_id)
    earlier = recalled_results.sidecar_of(*address)
    results, version_id = s3.store_blocks(
        bucket,
        object_keys.results(*address),
        texts(),
        "text/csv; charset=utf-8",
        object_keys.HOLDS_PATIENTS,
    )
    fhir = _fhir(request, of_file, address)
    sidecar = results_sidecar.sidecar_of(
        use_case,
        upload=upload.model_dump(include={"upload_id", "key", "version_id", "sha256"}),
        model=run.model_dump(include={"live_version", "run_id", "package_arn", "threshold"})
        | {"sha256": run.model_sha256},
        results=results.model_dump() | {"version_id": version_id},
        counts=asdict(counts) | {"rows_not_used": settled.rows_quarantined},
        judgement={"verdict": verdict, "cautions": cautions},
        scored_at=scored_at,
        execution=(request.execution or "").rpartition(":")[2],
        earlier=earlier,
        fhir=fhir,
    )
    written = s3.store_json(bucket, object_keys.sidecar(*address), sidecar)
    # Before the last look at the upload: whoever withdraws it now writes a notice of its own.
    recalled_results.replaced(upload)
    try:
        _check_unchanged(request)
    except (ClaimLost, ChampionChanged, ScoringPaused) as refused:
        # Whoever withdrew it, rolled its model back or paused it meanwhile found no results to recall.
        recalled_results.recall(upload, str(refused), stamp(now))
        raise
    event_bus.publish(published_event.DETAIL_TYPE, published_event.event_of(sidecar, written.model_dump()))
    emit(Metric.ROWS_SCORED, counts.scored, use_case=upload.use_case)
    mail = batch_mails.batch_scored(sidecar, written.uri)
    return PublishResult(
        scored_rows=counts.scored, results=results, sidecar=written, subject=mail.subject, message=mail.text
    )


def _fhir(
    request: PublishRequest, of_file: Mapping[str, Any], address: tuple[str, str, str]
) -> dict[str, str] | None:
    """Write the same rows as FHIR resources where the stack wants them; else take away earlier ones."""
    bucket, key = settings().results_bucket, object_keys.fhir_results(*address)
    upload, run, use_case = request.upload, request.run, use_cases.get(request.upload.use_case)
    if settings().fhir_results != "on":
        if key in s3.keys_under(bucket, key):
            s3.remove(bucket, key)
        return None
    model = fhir_results.device(
        use_case,
        live_version=run.live_version,
        model_digest=run.model_sha256,
        card=s3.uri_of(bucket, object_keys.model_card(upload.use_case, run.run_id)["model_card"]),
    )
    parts = result_parts(upload.use_case, upload.upload_id, request.presented_uri, of_file)
    lines = (fhir_results.lines_of(part.table, use_case, model, of_file) for part in parts)
    written, version_id = s3.store_blocks(bucket, key, lines, fhir_results.MEDIA, object_keys.HOLDS_PATIENTS)
    return written.model_dump() | {"version_id": version_id}


def _check_unchanged(request: PublishRequest) -> Settlement:
    """Return how the batch was settled; refuse another model's risks, and what is no longer to be used."""
    scoring_model.check_live(request.upload.use_case, request.run)
    settled = uploads.settlement_of(request.upload.upload_id)
    if settled is None or settled.disposition not in uploads.USED:
        became = "not settled" if settled is None else settled.disposition
        raise ClaimLost(f"The upload is {became}: nothing of it is published.")
    return settled
