"""What holds for a whole results file, in a JSON document next to it: counts, digests, verdict, definitions.

docs/results-file.schema.json is its published schema (JSON Schema 2020-12). Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from clinrisk.use_cases.base import UseCase

SCHEMA = "clinrisk/results/v1"
IN_EVERY_ROW = 3
"""The cautions about the batch that stand in every row; the sidecar has all."""
UNCERTAIN, NOT_SCORED = "uncertain", "not scored"
"""The bands of a patient unlike those learned from, and of one without a risk."""
COLUMNS: Mapping[str, str] = {
    "row": "The row of the file that was dropped, as a spreadsheet shows it: the header is row 1.",
    "id": "The hospital's own id of the patient; where the file had none, the record id, by which outcomes "
    "name the patient.",
    "risk": "The estimated chance, 0 to 1; empty where no risk is stated.",
    "risk_low": "The low end of the interval in which models refitted on resampled patients put the risk; it "
    "holds for groups of such patients, and promises nothing about one. Empty where no risk is stated.",
    "risk_high": "The high end of that interval.",
    "band": "The band of the risk in words; uncertain: unlike the patients that the model learned from, or "
    "an interval from the lowest band into the highest; not scored: what a risk needs was not measured.",
    "flagged": "1 where the risk is at or above the threshold, 0 where it is below; empty where no risk is "
    "stated, and where a risk below the threshold is uncertain, which is no all-clear.",
    "not_measured": "What was not measured of this patient, separated by semicolons.",
    "caution": "What to be careful about with this patient.",
    "factor_1": "The measurement that moved the risk most, and in which direction; a use of the model, not a "
    "cause.",
    "factor_2": "The second one.",
    "factor_3": "The third one.",
    "outside": "Measurements that lie outside those of every training patient, and codes that fewer than "
    "five of them had.",
    "batch_caution": "What to be careful about with the whole file; empty where there is nothing.",
    "use_case": "What the risk is of.",
    "threshold": "The risk from which a patient is flagged.",
    "model_version": "The live version of the model.",
    "model_digest": "The sha256 of the model.",
    "scored_at": "When the results were made, ISO 8601 in UTC.",
    "data_version": "The id of the upload.",
}
"""Every column of a results file in order, and what it means."""


def of_file(  # what is the same in every row
    use_case: UseCase, *, threshold: float, model_digest: str, scored_at: str, cautions: Sequence[str]
) -> dict[str, Any]:
    """Return the columns that are the same in every row of a file."""
    more = len(cautions) - IN_EVERY_ROW
    shown = [*cautions[:IN_EVERY_ROW], *([f"{more} more are in the sidecar."] if more > 0 else [])]
    return {
        "batch_caution": " ".join(shown) or None,
        "use_case": use_case.name,
        "threshold": threshold,
        "model_digest": model_digest,
        "scored_at": scored_at,
    }


def sidecar_of(
    use_case: UseCase,
    *,
    upload: Mapping[str, Any],
    model: Mapping[str, Any],
    results: Mapping[str, str],
    counts: Mapping[str, int],
    judgement: Mapping[str, Any],
    scored_at: str,
    execution: str,
    earlier: Mapping[str, Any] | None,
    fhir: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the sidecar of a results file as plain JSON values.

    `upload`: upload_id, key, version_id, sha256. `model`: live_version, run_id, package_arn, sha256,
    threshold.
    `results`: uri, version_id, sha256; `fhir`: the same of the FHIR resources, where there are any.
    `judgement`: verdict, cautions. `execution`: the name of the scoring; `earlier`: the sidecar that lies
    there, None where there is none.
    """
    return {
        "schema": SCHEMA,
        "use_case": use_case.name,
        "title": use_case.title,
        "description": use_case.description,
        "scored_at": scored_at,
        "execution": execution,
        "verdict": judgement["verdict"],
        "cautions": list(judgement["cautions"]),
        "counts": dict(counts),
        "results": dict(results),
        "upload": dict(upload),
        "model": dict(model),
        **({"fhir": dict(fhir)} if fhir else {}),
        "replaces": _replaced(execution, earlier),
        "bands": {band.name: band.lowest_risk for band in use_case.bands},
        "columns": [{"name": name, "meaning": meaning} for name, meaning in COLUMNS.items()],
    }


def _replaced(execution: str, earlier: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the results that are no longer current, the newest first.

    What the same scoring has published before, in a try that was repeated, is no other result.
    """
    if earlier is None:
        return []
    before: list[dict[str, Any]] = list(earlier.get("replaces", []))
    if execution and earlier.get("execution") == execution:
        return before
    # Sidecars of earlier editions of this system state no execution and no version of the file.
    stated = {"scored_at": earlier["scored_at"], "live_version": earlier["model"]["live_version"]}
    named = {"execution": earlier["execution"]} if earlier.get("execution") else {}
    return [stated | named | dict(earlier["results"]), *before]


def after_erasure(
    sidecar: Mapping[str, Any],
    results: Mapping[str, str],
    counts: Mapping[str, int],
    gone: Collection[str],
    erased_at: str,
) -> dict[str, Any]:
    """Return a sidecar as it is true once patients were erased from its results.

    `results`: version_id and sha256 of the file now. `counts`: of its rows now. `gone`: versions of it that
    held the patients and are deleted: what is stated of replaced ones says so.
    """
    rows = int(sidecar["counts"]["rows"]) - counts["rows"]
    earlier = list(sidecar.get("erased", []))
    # Resources that named them are removed as a file: nothing is stated of them any more.
    stated = {name: value for name, value in sidecar.items() if name != "fhir" or not rows}
    return {
        **stated,
        "counts": {**sidecar["counts"], **counts},
        "results": {**sidecar["results"], **results},
        "erased": [*earlier, {"rows": rows, "erased_at": erased_at}] if rows else earlier,
        "replaces": [
            one | {"erased_at": erased_at} if one.get("version_id") in gone else one
            for one in sidecar.get("replaces", [])
        ],
    }


def count_stated(rows: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """Return the counts of rows of a results file, as its columns have them."""
    counts = dict.fromkeys(("rows", "scored", "flagged", "uncertain", "not_scored"), 0)
    for row in rows:
        counts["rows"] += 1
        counts["scored"] += row["risk"] != ""
        counts["flagged"] += row["flagged"] == "1"
        counts["uncertain"] += row["band"] == UNCERTAIN
        counts["not_scored"] += row["band"] == NOT_SCORED
    return counts
