"""Compare: the risks of a candidate in shadow against those of the live model, on the same patients.

Reads  input/champion (the live model's predictions, <upload>.parquet), input/shadow (what the server gave for
       the candidate, with its inputs: <upload>/batch.csv.out) and input/model (the candidate's model.tar.gz).
Writes output/comparison/<BATCH>.json: counts and figures, no patient.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clinrisk import use_cases
from clinrisk.core.release import shadow
from clinrisk.errors import FeatureMismatch
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.models.absence import not_measured
from clinrisk.jobs.models.recalibration import of_model
from clinrisk.jobs.patient_tables import feature_matrix, groups_of, read_parquet, texts, unpack
from clinrisk.jobs.release.shadow_comparison import FlaggedRisks, comparison
from clinrisk.jobs.scoring.doubts import absences
from clinrisk.jobs.server_scores import in_order, score_files, served

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.jobs.container import Container
    from clinrisk.use_cases.base import UseCase


def run(container: Container) -> None:
    """Write the comparison; raises CountsDisagree or FeatureMismatch where the two sides do not fit."""
    use_case = use_cases.get(container.setting("USE_CASE"))
    run_id, batch = container.setting("RUN_ID"), container.setting("BATCH")
    threshold, version = float(container.setting("THRESHOLD")), container.setting("CHAMPION_VERSION")
    paths = sorted(container.input("champion").rglob("*.parquet"))
    predicted = [(path.stem, _predictions(path, use_case, version)) for path in paths]
    compared = [(upload, table) for upload, table in predicted if len(table)]
    goal = container.output("comparison") / f"{batch}.json"
    if not compared:
        reason = "The recent batches were scored by an earlier live model."
        write_json(goal, shadow.not_compared(use_case.name, run_id, batch, shadow.NOTHING, reason))
        return
    card = _card(container.input("model"), use_case)
    scored = container.input("shadow")
    paired = [_paired(table, scored / upload, use_case, card) for upload, table in compared]
    everybody = pd.concat([rows for rows, _ in paired])
    risks = of_model(card).apply(everybody["score"].to_numpy())
    if not np.all((risks >= 0) & (risks <= 1)):
        raise FeatureMismatch("The candidate gave scores that are no risks between 0 and 1.")
    champion = FlaggedRisks(everybody["risk"].to_numpy(), everybody["flagged"].to_numpy(np.bool_))
    facts = {
        "use_case": use_case.name,
        "run_id": run_id,
        "batch": batch,
        "batches": [upload for upload, _ in compared],
        "champion_version": int(version),
        "threshold": threshold,
        "not_scored": shadow.added([counts for _, counts in paired], shadow.NOT_SCORED),
    }
    candidate = FlaggedRisks(risks, risks >= threshold)
    write_json(goal, comparison(use_case, champion, candidate, groups_of(everybody, use_case), facts))


def _paired(
    table: pd.DataFrame, folder: Path, use_case: UseCase, card: Mapping[str, Any]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the patients of a batch for whom both models state a risk, with the server's score of each.

    And how many others there are, by who states none: the server scores those, too.
    """
    given = served(score_files(folder), use_case.feature_names)
    ids = texts(table, "record_id")
    rows = in_order(given, ids, of_all=False)
    missing = not_measured(feature_matrix(given, use_case.feature_names), use_case)
    candidate = np.array([not why.refusal for why in absences(missing, use_case, card)], dtype=bool)
    champion = given.index.isin(ids)
    counts = {
        "candidate": int(np.count_nonzero(champion & ~candidate)),
        "champion": int(np.count_nonzero(candidate & ~champion)),
        "either": int(np.count_nonzero(~candidate & ~champion)),
    }
    both = pd.Series(candidate, given.index).loc[ids.tolist()].to_numpy()
    return table.assign(score=rows["score"].to_numpy())[both], counts


def _card(folder: Path, use_case: UseCase) -> dict[str, Any]:
    """Read the candidate's model.json; the booster itself is not needed."""
    with tempfile.TemporaryDirectory() as scratch:
        card: dict[str, Any] = read_json(
            unpack(folder, "model.tar.gz", Path(scratch)) / "clinrisk/model.json"
        )
    if card["feature_digest"] != use_case.feature_digest:
        raise FeatureMismatch("The candidate was trained on other features than this code has.")
    return card


def _predictions(path: Path, use_case: UseCase, version: str) -> pd.DataFrame:
    """Read the live model's predictions of one batch; those of an earlier live model are left out."""
    columns = [("record_id", pa.string()), ("risk", pa.float64()), ("flagged", pa.bool_())]
    columns += [(name, pa.string()) for name in ("model_version", *use_case.group_columns)]
    frame = read_parquet(path, pa.schema(columns))
    return frame[frame["model_version"] == version]
