"""Signatures of decisions: made by the approval page alone, held against the decision at every use of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk.aws import kms, ledger
from clinrisk.aws.error_mapping import named_refusals
from clinrisk.errors import DecisionForged

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.core.release.ledger_entries import DecisionEntry


def sign(decided: Approval) -> Approval:
    """Return a question that has its answer, signed by the key of decisions.

    Raises ServiceRefused or TransientError where the key is not to be had: then nothing is decided.
    """
    with named_refusals():
        return replace(decided, signature=kms.sign(ledger.decision_of(decided).signed_content))


def check(decision: DecisionEntry) -> None:
    """Pass silently when the page took this very decision, from as many people as it takes.

    Raises DecisionForged.
    """
    check_taken(decision)
    if not decision.agreed:
        raise DecisionForged(
            f"The decision about run {decision.run_id} is that of fewer people than the policy asks for."
        )


def check_taken(decision: DecisionEntry) -> None:
    """Pass silently when the page took this from a person, enough or not; raises DecisionForged."""
    if not kms.verify(decision.signed_content, decision.signature):
        raise DecisionForged(
            f"The signature of the decision about run {decision.run_id} does not hold: "
            "the approval page did not take it, or it was altered since."
        )
