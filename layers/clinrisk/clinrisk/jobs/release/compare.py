"""Compare: the risks of a candidate in shadow against those of the live model, on the same patients.

Reads  input/champion (the live model's predictions, <upload>.parquet), input/shadow (what the server gave for
       the candidate, <upload>/batch.csv.out) and input/model (the candidate's model.tar.gz).
Writes output/comparison/<BATCH>.json: counts and figures, no patient.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from clinrisk import use_cases
from clinrisk.core.release import shadow
from clinrisk.errors import FeatureMismatch
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.models.recalibration import of_model
from clinrisk.jobs.patient_tables import groups_of, read_parquet, texts, unpack
from clinrisk.jobs.release.shadow_comparison import FlaggedRisks, comparison
from clinrisk.jobs.server_scores import score_files, scores_of

if TYPE_CHECKING:
    from clinrisk.jobs.container import Container
    from clinrisk.jobs.models.recalibration import Recalibration
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
    everybody = pd.concat([table for _, table in compared])
    scored = container.input("shadow")
    # The server scores those too for whom the live model states no risk.
    served = np.concatenate(
        [
            scores_of(score_files(scored / upload), texts(table, "record_id"), of_all=False)
            for upload, table in compared
        ]
    )
    kept = _recalibration(container.input("model"), use_case)
    risks = kept.apply(served)
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
    }
    candidate = FlaggedRisks(risks, risks >= threshold)
    write_json(goal, comparison(use_case, champion, candidate, groups_of(everybody, use_case), facts))


def _recalibration(folder: Path, use_case: UseCase) -> Recalibration:
    """Read what turns the server's numbers into the candidate's risks; the booster itself is not needed."""
    with tempfile.TemporaryDirectory() as scratch:
        card = read_json(unpack(folder, "model.tar.gz", Path(scratch)) / "clinrisk" / "model.json")
    if card["feature_digest"] != use_case.feature_digest:
        raise FeatureMismatch("The candidate was trained on other features than this code has.")
    return of_model(card)


def _predictions(path: Path, use_case: UseCase, version: str) -> pd.DataFrame:
    """Read the live model's predictions of one batch; those of an earlier live model are left out."""
    columns = [("record_id", pa.string()), ("risk", pa.float64()), ("flagged", pa.bool_())]
    columns += [(name, pa.string()) for name in ("model_version", *use_case.group_columns)]
    frame = read_parquet(path, pa.schema(columns))
    return frame[frame["model_version"] == version]
