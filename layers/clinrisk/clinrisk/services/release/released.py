"""What is live, held against the signed decision that made it so: at every use, before a risk is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger, model_registry, s3
from clinrisk.core.release import proof
from clinrisk.errors import ReleaseAltered
from clinrisk.services.release import signatures

if TYPE_CHECKING:
    from clinrisk.messages.release import LiveModel


def check(live: LiveModel) -> None:
    """Pass silently when what is live is what a person approved, to the byte.

    Raises DecisionForged where the decision is not genuine, ReleaseAltered where anything is not as it was
    decided about, and names what.
    """
    signatures.check(ledger.decision_behind(live))
    uris = {"model": live.model_uri, "reference": live.reference_uri, "evaluation": live.evaluation_uri}
    found = {name: s3.digest(uri) for name, uri in uris.items()}
    differing = proof.differences(live, found, model_registry.served(live.model_name))
    if differing:
        raise ReleaseAltered(
            f"Live version {live.live_version} of {live.use_case} is not what was approved: "
            f"{'; '.join(differing)}. Nothing is scored by it."
        )
