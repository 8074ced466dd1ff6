"""The results of a batch as FHIR R4: one RiskAssessment a line (NDJSON), with the model as its Device.

Each resource stands alone, as each row of the CSV does. FHIR R4 states probabilities as percentages, 0 to 100
(hl7.org/fhir/R4/riskassessment.html, prediction.probability and ras-2). The security label AIAST says that an
algorithm asserted it (terminology.hl7.org, v3-ObservationValue). A patient without a risk has no probability.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clinrisk.core.scoring.results_sidecar import NOT_SCORED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from clinrisk.use_cases.base import UseCase

MEDIA = "application/fhir+ndjson"
_LABEL = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_COLUMNS = (
    "row", "id", "risk", "risk_low", "risk_high", "band", "flagged", "not_measured", "caution", "factor_1",
    "factor_2", "factor_3", "outside",
)  # fmt: skip


def device(use_case: UseCase, *, live_version: int, model_digest: str, card: str) -> dict[str, Any]:
    """Return the model as a Device to be contained: name, versions, digest, the address of its card."""
    return {
        "resourceType": "Device",
        "id": "model",
        "deviceName": [{"name": f"clinrisk {use_case.name}: {use_case.title}", "type": "model-name"}],
        "version": [
            {"type": {"text": "live version"}, "value": str(live_version)},
            {"type": {"text": "sha256 of the model"}, "value": model_digest},
        ],
        "note": [{"text": f"Model card: {card}"}],
    }


def lines_of(
    table: pl.DataFrame, use_case: UseCase, model: Mapping[str, Any], of_file: Mapping[str, Any]
) -> bytes:
    """Return the rows of one part of a results file (its columns: `results_sidecar.COLUMNS`) as NDJSON.

    `model` is what `device` makes; `of_file` has what is the same in every row.
    """
    upload = table["data_version"][0] if table.height else ""
    before, after = _around(use_case, model, of_file, upload)
    name = _text(use_case.title)
    notes = [of_file["batch_caution"]] if of_file["batch_caution"] else []
    made = []
    for row, patient, risk, low, high, band, flagged, absent, caution, *factors, outside in table.select(
        _COLUMNS
    ).iter_rows():
        asserted = ""
        if band != NOT_SCORED and risk is not None:
            asserted = f'"probabilityDecimal":{round(100 * risk, 4)!r},'
        why = _rationale(low, high, flagged, tuple(factors), of_file["threshold"])
        texts = [*notes, *_notes(absent, caution, outside)]
        note = f',"note":[{",".join([_note(text) for text in texts])}]' if texts else ""
        made.append(
            f'{{"resourceType":"RiskAssessment","id":"{upload}-{row}",{before}'
            f'"subject":{{"type":"Patient","identifier":{{"value":{_quoted(patient)}}}}},'
            f'"basis":[{{"display":"Row {row} of upload {upload}"}}],'
            f'"prediction":[{{"outcome":{{"text":{name}}},{asserted}"qualitativeRisk":{{"text":{_text(band)}}}'
            f"{why if asserted else _not_scored(caution or absent or '')}}}]{note}{after}"
        )
    return "".join(made).encode()


def _around(
    use_case: UseCase, model: Mapping[str, Any], of_file: Mapping[str, Any], upload: str
) -> tuple[str, str]:
    """Return what stands before the subject and after the prediction in every resource of a file."""
    same = {
        "meta": {"security": [_LABEL]},
        "contained": [dict(model)],
        "status": "final",
        "method": {"text": f"clinrisk {use_case.name}, data of upload {upload}"},
        "occurrenceDateTime": of_file["scored_at"],
        "performer": {"reference": "#model"},
    }
    return json.dumps(same, ensure_ascii=False, separators=(",", ":"))[1:-1] + ",", "}\n"


@lru_cache(maxsize=10_000)
def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _quoted(text: str) -> str:
    # Ids are all different: nothing is gained by remembering them.
    return json.dumps(text, ensure_ascii=False)


@lru_cache(maxsize=10_000)
def _note(text: str) -> str:
    return json.dumps({"text": text}, ensure_ascii=False)


@lru_cache(maxsize=10_000)
def _notes(absent: str | None, caution: str | None, outside: str | None) -> tuple[str, ...]:
    return tuple(
        f"{title}{text}"
        for title, text in (
            ("", caution),
            ("Not measured: ", absent),
            ("Outside what was learned: ", outside),
        )
        if text
    )


def _rationale(
    low: float | None, high: float | None, flagged: int | None, factors: tuple[str, ...], threshold: float
) -> str:
    sentences = []
    if low is not None and high is not None:
        sentences.append(f"Interval {low:.1%} to {high:.1%}.")
    if flagged is not None:
        relation = "At or above" if flagged else "Below"
        sentences.append(f"{relation} the threshold of {threshold:.1%}.")
    named = "; ".join(factor for factor in factors if factor)
    if named:
        sentences.append(f"What moved it most: {named}.")
    return f',"rationale":{_quoted(" ".join(sentences))}' if sentences else ""


def _not_scored(reason: str) -> str:
    return f',"rationale":{_text(f"No risk is stated. {reason}".strip())}'
