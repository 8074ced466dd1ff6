"""What is live, held against the signed decision that made it so: at every use, before a risk is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger, model_registry, s3
from clinrisk.core.ledger import reconciliation
from clinrisk.core.release import proof
from clinrisk.core.release.ledger_entries import release_identity
from clinrisk.errors import ReleaseAltered, TransientError
from clinrisk.services.release.proofs import signatures

if TYPE_CHECKING:
    from clinrisk.messages.release import LiveModel

_STATED = "what the ledger states"


def check(live: LiveModel) -> None:
    """Pass silently when what is live is what a person approved, to the byte, and the newest of its ledger.

    Raises DecisionForged where the decision is not genuine, ReleaseAltered where anything is not as it was
    decided about or as the ledger states it, and names what; TransientError while the ledger does not state
    the release yet: its entry follows the pointer.
    """
    check_then(live)
    later = live.live_version + 1
    if ledger.indexed(release_identity(live.use_case, later)):
        _refuse(live, _STATED, [f"version {later} was released after it"])


def check_then(model: LiveModel) -> None:
    """Pass silently when a model, live now or before, is what was approved and what its ledger entry states.

    Raises DecisionForged, ReleaseAltered; TransientError while the ledger does not state the release.
    """
    check_bytes(model)
    entry = ledger.indexed(release_identity(model.use_case, model.live_version))
    if entry is None:
        raise TransientError(
            f"The ledger does not state that version {model.live_version} of {model.use_case} is live."
        )
    _refuse(model, _STATED, reconciliation.differing(entry.body, model.model_dump()))


def check_bytes(model: LiveModel) -> None:
    """Pass silently when a model, live now or before, is what a person approved, to the byte.

    Raises DecisionForged, ReleaseAltered.
    """
    signatures.check(ledger.decision_behind(model))
    uris = {"model": model.model_uri, "reference": model.reference_uri, "evaluation": model.evaluation_uri}
    found = {name: s3.digest(uri) for name, uri in uris.items()}
    # What a vendor serves is nothing that we could look at.
    external = use_cases.get(model.use_case).external is not None
    served = None if external else model_registry.served(model.model_name)
    differing = proof.differences(model, found, served)
    _refuse(model, "what was approved", differing)


def _refuse(model: LiveModel, stated: str, differing: list[str]) -> None:
    if differing:
        raise ReleaseAltered(
            f"Live version {model.live_version} of {model.use_case} is not {stated}: {'; '.join(differing)}. "
            "Nothing is scored by it."
        )
