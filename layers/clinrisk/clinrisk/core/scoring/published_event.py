"""What other systems hear of a published batch: where its results lie, digests and counts, and no patient.

docs/results-published.schema.json is its published schema (JSON Schema 2020-12). Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DETAIL_TYPE = "Results Published"


def event_of(sidecar: Mapping[str, Any], address: Mapping[str, str]) -> dict[str, Any]:
    """Return the event's detail from a sidecar and its own address (uri, sha256)."""
    return {
        "format": 1,
        "publication_id": f"{sidecar['upload']['upload_id']}/{sidecar['execution']}",
        "use_case": sidecar["use_case"],
        "upload_id": sidecar["upload"]["upload_id"],
        "scored_at": sidecar["scored_at"],
        "live_version": sidecar["model"]["live_version"],
        "verdict": sidecar["verdict"],
        "counts": dict(sidecar["counts"]),
        "results": dict(sidecar["results"]),
        **({"fhir": dict(sidecar["fhir"])} if "fhir" in sidecar else {}),
        "sidecar": dict(address),
        "replaces_earlier": bool(sidecar["replaces"]),
    }
