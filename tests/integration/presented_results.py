"""A scored batch as the jobs leave it, and the event that publishes it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk import use_cases
from clinrisk.aws.tables import uploads
from clinrisk.messages.scoring import ScoringModel
from tests.integration.scored_batches import go_live

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def presented_of(stack: Stack, upload: dict[str, Any], drop: int = 0) -> str:
    """Store what the Present Results job leaves for an upload, chunk by chunk; gives where they lie."""
    features = f"features/{upload['use_case']}/inference/{upload['upload_id']}/"
    prefix = f"presented/{upload['use_case']}/{upload['upload_id']}/"
    for key in [key for key in stack.keys("lake") if key.startswith(features)]:
        stored = pl.read_parquet(io.BytesIO(stack.read(f"s3://clinrisk-lake/{key}")))
        rows = stored.select("record_id", "row")
        rows = rows.head(rows.height - drop).reverse()
        presented = rows.with_columns(
            risk=pl.int_range(pl.len()) / 100,
            flagged=pl.int_range(pl.len()) >= 15,
            band=pl.lit("low"),
            factor_1=pl.lit("age 63"),
            factor_2=pl.lit("never smoked"),
            factor_3=pl.lit(None, pl.String),
            outside=pl.lit(None, pl.String),
            risk_low=pl.lit(None, pl.Float64),
            risk_high=pl.lit(None, pl.Float64),
            not_measured=pl.lit(""),
            caution=pl.lit(""),
            model_version=pl.lit("1"),
            data_version=pl.lit(upload["upload_id"]),
        )
        stream = io.BytesIO()
        presented.write_parquet(stream)
        stack.put("lake", prefix + key.removeprefix(features), stream.getvalue())
    return f"s3://clinrisk-lake/{prefix}"


def publish_event(stack: Stack, upload: dict[str, Any], drop: int = 0) -> dict[str, Any]:
    """Return the event of Publish Results."""
    settled = uploads.settlement_of(upload["upload_id"])
    assert settled is not None
    presented = presented_of(stack, upload, drop)
    use_case = upload["use_case"]
    live = go_live(stack, use_case, threshold=0.05, feature_digest=use_cases.get(use_case).feature_digest)
    pointer = live.model_dump() | {"model_sha256": live.digests.model}
    run = {name: pointer[name] for name in ScoringModel.model_fields}
    return {
        "upload": upload,
        "run": run,
        "presented_uri": presented,
        "judgements": [
            {"verdict": "FIT", "cautions": []},
            {"verdict": "CAUTION", "cautions": ["Few rows."]},
        ],
        "rows_accepted": settled.rows_accepted,
    }
