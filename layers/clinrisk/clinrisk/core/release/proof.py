"""Whether what is live is what a person approved: the digests that were signed against what is there."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.messages.release import LiveModel

# Tables and workflows may spell a number differently; it is still the same threshold.
_SAME = 1e-9
_LONGEST_CALL = timedelta(minutes=15)
"""A release states when its call began; the pointer moves before the call ends."""


def was_live(model: LiveModel, following: LiveModel | None, at: str) -> bool:
    """Return whether a model was live at a moment; `following` is what became live after it, if anything.

    `at` is ISO 8601 in UTC.
    """
    moment = datetime.fromisoformat(at)
    ended = following and datetime.fromisoformat(following.promoted_at) + _LONGEST_CALL
    return datetime.fromisoformat(model.promoted_at) <= moment and (not ended or moment <= ended)


def differences(live: LiveModel, found: Mapping[str, str], served: tuple[str, str] | None) -> list[str]:
    """Return in words what is not as it was approved; nothing where all of it is.

    `found` are the sha256 of what lies there now by its name in the digests, `served` the image and the
    address of the model that SageMaker serves; None where the model is not ours.
    """
    approved = live.digests.model_dump()
    # Whoever restores a model replaces another one than the one that it was once compared with.
    before = live.previous_version if live.rollback else int(live.digests.champion_version)
    threshold = float(live.digests.threshold)
    holds = {f"the {name} has other bytes": approved[name] == digest for name, digest in found.items()}
    if served is not None:
        holds |= {
            "the served model runs another image": served[0] == live.digests.image,
            "the served model is read from elsewhere": served[1] == live.model_uri,
        }
    holds |= {
        "the threshold is another": math.isclose(live.threshold, threshold, rel_tol=_SAME),
        "the features are others": live.feature_digest == live.digests.features,
        "the version does not follow the one it was compared with": live.live_version == before + 1,
    }
    return [words for words, as_approved in holds.items() if not as_approved]
