"""The model that a batch is scored by: still the live one, and still what was approved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from clinrisk.aws.tables import deployments, pauses
from clinrisk.errors import ChampionChanged, ReleaseAltered, ScoringPaused
from clinrisk.services.release.proofs import released

if TYPE_CHECKING:
    from clinrisk.messages.release import LiveModel
    from clinrisk.messages.scoring import ScoringModel

# A number may be spelled differently on its way through a workflow.
_SAME = 1e-9


def check_live(use_case: str, run: ScoringModel) -> LiveModel:
    """Return the live model; raises ChampionChanged where the batch was scored by another one.

    Raises ScoringPaused while nothing of the use case is to go out.
    """
    pause = pauses.current(use_case)
    if pause is not None:
        raise ScoringPaused(
            f"The results of {use_case} are paused since {pause.since}: the batch waits, and is scored when "
            "the pause ends."
        )
    live = deployments.live(use_case)
    if live.live_version != run.live_version:
        raise ChampionChanged(
            f"Live version {live.live_version} went live while the batch was scored by "
            f"{run.live_version}: it has to be scored again."
        )
    return live


def check_approved(use_case: str, run: ScoringModel) -> None:
    """Pass silently when the batch is scored by what is live, and that is what was approved.

    Raises ChampionChanged, ScoringPaused, DecisionForged, ReleaseAltered, TransientError.
    """
    live = check_live(use_case, run)
    released.check(live)
    pointer = live.model_dump() | {"model_sha256": live.digests.model, "threshold": run.threshold}
    same = all(pointer[name] == value for name, value in run.model_dump().items())
    if not (same and math.isclose(live.threshold, run.threshold, rel_tol=_SAME)):
        raise ReleaseAltered(
            f"The pointer to live version {live.live_version} of {use_case} was changed while the batch was "
            "scored by it."
        )
