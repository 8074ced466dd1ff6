"""Comparison documents of two models on patients that are drawn by seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from clinrisk import use_cases
from clinrisk.core.release.shadow import NOT_SCORED
from clinrisk.jobs.release.shadow_comparison import FlaggedRisks, comparison

HEART = use_cases.get("heart")


def made(batch: str, rows: int, seed: int = 0, version: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    risks = rng.random(rows)
    others = np.clip(risks + rng.normal(0, 0.1, rows), 0, 1)
    groups = {each.name: rng.choice(list(each.group_names), rows) for each in HEART.protected}
    facts: dict[str, Any] = {"use_case": "heart", "run_id": "heart-1", "batch": batch}
    facts |= {"champion_version": version, "not_scored": dict.fromkeys(NOT_SCORED, 0)}
    return comparison(
        HEART, FlaggedRisks(risks, risks > 0.5), FlaggedRisks(others, others > 0.5), groups, facts
    )
